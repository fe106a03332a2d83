/* SPDX-License-Identifier: Apache-2.0 */
/* listen: the listening sockets, opened once by the supervisor and shared by all workers. */
#pragma once

#include "../config/complaint.h"

typedef struct {
  char *address;     /* as written in [http] listen, or the path of the internal socket */
  int fd;            /* non-blocking, listening, close-on-exec */
  gboolean internal;
} ListenSocket;

/* Opens ADDRESS: "127.0.0.1:8000", "[::1]:8000", "unix:/path". NULL with a complaint. */
ListenSocket *listen_open (const char *address, gboolean internal, Complaints *complaints);
void listen_free (ListenSocket *socket);
/* The address with the port that the kernel chose where 0 was asked for: owned. */
char *listen_actual (const ListenSocket *socket);
