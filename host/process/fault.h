/* SPDX-License-Identifier: Apache-2.0 */
/* fault: what is said when this process dies of a signal: which, on which thread, in which plugin,
 * and a backtrace, on standard error. The signal then takes its course. */
#pragma once

#include "../host.h"

/* Installs handlers for SIGSEGV, SIGBUS, SIGILL, SIGFPE and SIGABRT on alternate stacks. A build
 * with AddressSanitizer keeps that one's. */
void fault_watch (Host *host);
