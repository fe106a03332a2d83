/* SPDX-License-Identifier: Apache-2.0 */
/* worker: one serving process. Its messages to the supervisor, over the bus's socket:
 *
 *   R              ready: it serves
 *   F COMPLAINTS   it cannot start; text for people
 *   A KEY\nTEXT    announce (TEXT missing: take back)
 *
 * and from it:
 *
 *   D MS           drain: finish within MS (reload)
 *   T DELAY MS     the service ends: health says so for DELAY ms, then drain
 *   V LEVEL        log level
 *   N LIST         plugins that are out of service (quarantine.h); no blank before LIST
 *   Q              (from the bus itself) the supervisor has gone
 *
 * H and L are the bus's. A supervisor of another layout (handover.h) knows H, L, A, D and T.
 */
#pragma once

/* "daedalus (worker) BRIEF-FD CONTROL-FD SLOT INDEX QUARANTINE". Returns the exit status. */
int worker_main (int argc, char **argv);
