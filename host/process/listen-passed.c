/* SPDX-License-Identifier: Apache-2.0 */
/* listen-passed: sockets that the service manager opens and keeps while nobody serves: the protocol
 * of sd_listen_fds(3) without its library.
 */
#include "listen.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#define FIRST_FD 3
#define MAX_FDS  256

/* Where FD listens for streams, as [http] listen writes it; NULL if it does not. Owned. */
static char *
address_of (int fd)
{
  union {
    struct sockaddr_storage storage;
    struct sockaddr_un path;
  } native = { 0 };
  socklen_t size = sizeof native, int_size = sizeof (int);
  ListenSocket bare = { .address = NULL, .fd = fd };
  int listens = 0, type = 0;

  if (getsockopt (fd, SOL_SOCKET, SO_ACCEPTCONN, &listens, &int_size) != 0 || !listens ||
      getsockopt (fd, SOL_SOCKET, SO_TYPE, &type, &int_size) != 0 || type != SOCK_STREAM ||
      getsockname (fd, (struct sockaddr *)&native, &size) != 0)
    return NULL;
  if (native.storage.ss_family == AF_UNIX)
    return g_strdup_printf ("unix:%s%s", native.path.sun_path[0] == '\0' ? "@" : "",
                            native.path.sun_path + (native.path.sun_path[0] == '\0'));
  return listen_actual (&bare);
}

static ListenSocket *
take (int fd, const char *name, Complaints *complaints)
{
  g_autofree char *address = address_of (fd), *why = NULL;
  ListenSocket *passed;

  fcntl (fd, F_SETFD, FD_CLOEXEC);
  if (address != NULL) {
    fcntl (fd, F_SETFL, fcntl (fd, F_GETFL) | O_NONBLOCK);
    passed = listen_adopt (address, fd, FALSE);
    passed->passed = g_strdup (name);
    return passed;
  }
  why = g_strdup_printf ("the service manager passes \"%s\", which is no listening stream socket",
                         name);
  complaints_add (complaints, NULL, NULL, 0, "http", "listen", why,
                  "Write ListenStream= and Accept=no in the socket unit.");
  return NULL;
}

GPtrArray *
listen_take_passed (Complaints *complaints)
{
  GPtrArray *all = g_ptr_array_new_with_free_func ((GDestroyNotify)listen_free);
  const char *pid = g_getenv ("LISTEN_PID"), *count = g_getenv ("LISTEN_FDS");
  g_auto (GStrv) names = g_strsplit (g_getenv ("LISTEN_FDNAMES") ?: "", ":", MAX_FDS);
  guint n = 0, n_names = g_strv_length (names);

  if (pid != NULL && count != NULL && g_ascii_strtoll (pid, NULL, 10) == getpid ())
    n = (guint)CLAMP (g_ascii_strtoll (count, NULL, 10), 0, MAX_FDS);
  for (guint i = 0; i < n; i++) {
    ListenSocket *passed = take (
        FIRST_FD + (int)i, i < n_names && *names[i] != '\0' ? names[i] : "unknown", complaints);

    if (passed != NULL)
      g_ptr_array_add (all, passed);
  }
  g_unsetenv ("LISTEN_PID");
  g_unsetenv ("LISTEN_FDS");
  g_unsetenv ("LISTEN_FDNAMES");
  return all;
}

gboolean
listen_is_passed (const char *address)
{
  return strcmp (address, "systemd") == 0 || g_str_has_prefix (address, "systemd:");
}

gboolean
listen_means (const char *address, const ListenSocket *passed)
{
  g_autofree char *canonical = NULL;

  if (listen_is_passed (address))
    return address[strlen ("systemd")] == '\0' ||
           strcmp (address + strlen ("systemd:"), passed->passed) == 0;
  canonical = listen_canonical (address);
  return g_strcmp0 (canonical, passed->address) == 0;
}

ListenSocket *
listen_share (const ListenSocket *passed)
{
  int fd = fcntl (passed->fd, F_DUPFD_CLOEXEC, FIRST_FD);
  ListenSocket *shared = fd >= 0 ? listen_adopt (passed->address, fd, passed->internal) : NULL;

  if (shared != NULL)
    shared->passed = g_strdup (passed->passed);
  return shared;
}
