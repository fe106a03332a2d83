/* SPDX-License-Identifier: Apache-2.0 */
/* supervisor: owns the listening sockets and the shared memory; runs checks; starts, watches,
 * replaces and drains workers. It holds no plugin code and starts no threads. */
#pragma once

#include "../options.h"

/* Serves until it is told to end. Returns the exit status. */
int supervisor_run (Options *options);
