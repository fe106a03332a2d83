/* SPDX-License-Identifier: Apache-2.0 */
/* listen: the listening sockets, opened once by the supervisor and shared by all workers. */
#pragma once

#include "../config/complaint.h"

typedef struct {
  char *address;     /* as written in [http] listen, or the path of the internal socket */
  int fd;            /* non-blocking, listening, close-on-exec */
  gboolean internal;
} ListenSocket;

/* FD (given) listens on ADDRESS already. */
ListenSocket *listen_adopt (const char *address, int fd, gboolean internal);
/* Opens ADDRESS: "127.0.0.1:8000", "[::1]:8000", "unix:/path". NULL with a complaint. A Unix socket that
 * nobody listens on any more is replaced. */
ListenSocket *listen_open (const char *address, gboolean internal, Complaints *complaints);
/* Listens no more, in all processes that share SOCKET: who comes is refused at once. */
void listen_end (ListenSocket *socket);
void listen_free (ListenSocket *socket);
/* The address with the port that the kernel chose where 0 was asked for: owned. */
char *listen_actual (const ListenSocket *socket);
