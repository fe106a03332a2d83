/* SPDX-License-Identifier: Apache-2.0 */
/* notify: sd_notify(3) without its library. */
#pragma once

/* Sends STATE ("READY=1\nSTATUS=...") to $NOTIFY_SOCKET; does nothing without one. */
void notify_send (const char *state);
/* RELOADING=1, with the time that Type=notify-reload wants. */
void notify_reloading (void);
/* Half of $WATCHDOG_USEC in milliseconds, 0 without one, or if it is another process's. */
unsigned notify_watchdog_ms (void);
