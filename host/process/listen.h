/* SPDX-License-Identifier: Apache-2.0 */
/* listen: the listening sockets, opened once by the supervisor and shared by all workers. */
#pragma once

#include "../config/complaint.h"

typedef struct {
  char *address;     /* as written in [http] listen, or the path of the internal socket */
  int fd;            /* non-blocking, listening, close-on-exec */
  gboolean internal;
  char *passed;      /* its name, where the service manager has opened it and keeps it; else NULL */
} ListenSocket;

/* FD (given) listens on ADDRESS already. */
ListenSocket *listen_adopt (const char *address, int fd, gboolean internal);
/* Opens ADDRESS: "127.0.0.1:8000", "[::1]:8000", "unix:/path". NULL with a complaint. A Unix socket that
 * nobody listens on any more is replaced. */
ListenSocket *listen_open (const char *address, gboolean internal, Complaints *complaints);
/* What the service manager has passed by sd_listen_fds(3): full, element-type ListenSocket. Takes it out of
 * the environment; complains of what cannot be served. Once, before threads. */
GPtrArray *listen_take_passed (Complaints *complaints);
/* TRUE if ADDRESS, as written, means PASSED: "systemd" means all, "systemd:NAME" those of that
 * FileDescriptorName=, and any address the one that is bound to it. */
gboolean listen_means (const char *address, const ListenSocket *passed);
/* TRUE if only a service manager can open ADDRESS. */
gboolean listen_is_passed (const char *address);
/* Another descriptor for PASSED; NULL if there is none left. */
ListenSocket *listen_share (const ListenSocket *passed);
/* Listens no more, in all processes that share SOCKET: who comes is refused at once. */
void listen_end (ListenSocket *socket);
void listen_free (ListenSocket *socket);
/* The address with the port that the kernel chose where 0 was asked for: owned. */
char *listen_actual (const ListenSocket *socket);
/* ADDRESS in the form of listen_actual; NULL if it is none. Owned. */
char *listen_canonical (const char *address);
