/* SPDX-License-Identifier: Apache-2.0 */
/* dae-route: rows of routes and the two kinds of handler.
 *
 * Before a handler runs the host has matched the pattern (a value that fails
 * its type is 404), identified the person (DAE_AUTH_*), refused foreign hosts
 * and origins, received and checked the body. Defaults are the safe value and
 * are zero.
 *
 * `answer`: DaeReply *(DaeTx *, DaeRequest *, DaePlugin *), on a pool thread.
 *   GET and HEAD get a read-only snapshot, other methods a write transaction.
 *   A status under 400 commits; 400 and above rolls back: nothing is published,
 *   counted or kept. A database error is sticky: later calls do nothing, rows
 *   are empty, and whatever the handler returns, the host rolls back and runs it
 *   again or answers for it. So there are no error branches for the database,
 *   and a handler must do nothing that cannot be done twice; see dae_after_commit.
 *   Return a reply made by dae_reply_... of this very request.
 *
 * `loop`: DaeOutcome (DaeRequest *, DaePlugin *), on the loop, never blocks.
 *   `return dae_send (req, reply)` answers now. `return DAE_LATER` means that a
 *   callback will; it holds a reference by dae_request_ref. Exactly one reply:
 *   a second is ignored and logged as this plugin's fault. If the last reference
 *   goes without one the host answers 500; when the deadline passes, 504, and
 *   dae_request_gone fires.
 */
#pragma once

#include "dae-api.h"
