/* SPDX-License-Identifier: Apache-2.0 */
/* fault: what is said when this process dies of a signal: which, at what in which plugin, and a
 * backtrace, on standard error. The signal then takes its course; the supervisor is told by marks in
 * shared memory whose thread it was, and the innermost plugin on that thread's stack.
 */
#pragma once

#include "../host.h"

/* Once all plugins are loaded. Leaves the marks too when somebody calls exit. Installs handlers for SIGSEGV,
 * SIGBUS, SIGILL, SIGFPE and SIGABRT, the main thread's on a stack of its own. A build with
 * AddressSanitizer keeps that one's, which only leave the marks. */
void fault_watch (Host *host);
/* This process ends as it should. */
void fault_unwatch (void);
