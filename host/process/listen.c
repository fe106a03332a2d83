/* SPDX-License-Identifier: Apache-2.0 */
/* listen: the listening sockets, opened once by the supervisor and shared by all workers. */
#include "listen.h"

#include <errno.h>
#include <gio/gio.h>
#include <gio/gunixsocketaddress.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#define BACKLOG        4096
#define IN_USE_TRIES   40 /* 2 s */
#define IN_USE_WAIT_US 50000

/* ADDRESS as a socket address; NULL if it is none. Names are not looked up: an admin names the
 * interface. */
static GSocketAddress *
parse (const char *address)
{
  g_autofree char *host = NULL;
  const char *colon = strrchr (address, ':');
  guint64 port;

  if (g_str_has_prefix (address, "unix:"))
    return address[5] == '/' ? g_unix_socket_address_new (address + 5) : NULL;
  if (colon == NULL || !g_ascii_string_to_unsigned (colon + 1, 10, 0, 65535, &port, NULL))
    return NULL;
  if (address[0] == '[' && colon[-1] == ']')
    host = g_strndup (address + 1, (gsize)(colon - address) - 2);
  else
    host = g_strndup (address, (gsize)(colon - address));
  if (strcmp (host, "localhost") == 0)
    return g_inet_socket_address_new_from_string ("127.0.0.1", (guint)port);
  if (strcmp (host, "*") == 0 || *host == '\0')
    return g_inet_socket_address_new_from_string ("0.0.0.0", (guint)port);
  return g_inet_socket_address_new_from_string (host, (guint)port);
}

/* Removes a Unix socket that was left behind; one that somebody listens on stays, and errno tells.
 */
static gboolean
make_room (int fd, const char *path, const struct sockaddr *address, socklen_t size)
{
  struct stat status;

  if (lstat (path, &status) != 0)
    return TRUE;
  if (!S_ISSOCK (status.st_mode)) {
    errno = EEXIST;
    return FALSE;
  }
  if (connect (fd, address, size) == 0 || errno != ECONNREFUSED) {
    errno = EADDRINUSE;
    return FALSE;
  }
  return unlink (path) == 0;
}

static gboolean
bind_and_listen (GSocketAddress *where, const char *address, int *ret_fd)
{
  struct sockaddr_storage native;
  const struct sockaddr *to = (const struct sockaddr *)&native;
  socklen_t size = (socklen_t)g_socket_address_get_native_size (where);
  int kind = SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, fd, one = 1;
  mode_t mask;
  gboolean ok;

  if (!g_socket_address_to_native (where, &native, sizeof native, NULL)) {
    errno = ENAMETOOLONG;
    return FALSE;
  }
  *ret_fd = fd = socket (native.ss_family, kind, 0);
  if (fd < 0)
    return FALSE;
  if (native.ss_family != AF_UNIX)
    setsockopt (fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
  else if (!make_room (fd, address + strlen ("unix:"), to, size))
    return FALSE;
  mask = umask (0177);
  ok = bind (fd, to, size) == 0;
  umask (mask);
  return ok && listen (fd, BACKLOG) == 0;
}

/* The workers of a host that was killed hold its sockets until the kernel has taken their memory:
 * whoever starts it again at once waits for that. */
static gboolean
bind_when_free (GSocketAddress *where, const char *address, int *ret_fd)
{
  for (guint tries = 0; !bind_and_listen (where, address, ret_fd); tries++) {
    int error = errno;

    if (*ret_fd >= 0)
      close (*ret_fd);
    errno = error;
    if (error != EADDRINUSE || tries == IN_USE_TRIES)
      return FALSE;
    g_usleep (IN_USE_WAIT_US);
  }
  return TRUE;
}

ListenSocket *
listen_adopt (const char *address, int fd, gboolean internal)
{
  ListenSocket *adopted = g_new0 (ListenSocket, 1);

  adopted->address = g_strdup (address);
  adopted->fd = fd;
  adopted->internal = internal;
  return adopted;
}

ListenSocket *
listen_open (const char *address, gboolean internal, Complaints *complaints)
{
  g_autoptr (GSocketAddress) where = parse (address);
  g_autofree char *why = NULL;
  int fd = -1;

  if (where == NULL) {
    why = g_strdup_printf ("\"%s\" is not an address to listen on", address);
    complaints_add (complaints, NULL, NULL, 0, "http", "listen", why,
                    "Write ADDRESS:PORT, for example 127.0.0.1:8000 or [::1]:8000, or "
                    "unix:/run/daedalus/http.sock, or systemd.");
    return NULL;
  }
  if (bind_when_free (where, address, &fd))
    return listen_adopt (address, fd, internal);
  why = g_strdup_printf ("cannot listen on %s: %s", address, g_strerror (errno));
  complaints_add (
      complaints, NULL, NULL, 0, "http", "listen", why,
      errno == EADDRINUSE
          ? "Stop the program that has this address, or write another in listen of [http]."
          : "Write an address of this machine in listen of [http].");
  return NULL;
}

void
listen_end (ListenSocket *opened)
{
  shutdown (opened->fd, SHUT_RDWR);
}

void
listen_free (ListenSocket *opened)
{
  close (opened->fd);
  g_free (opened->address);
  g_free (opened->passed);
  g_free (opened);
}

static char *
text_of (GSocketAddress *where)
{
  GInetSocketAddress *inet = G_INET_SOCKET_ADDRESS (where);
  g_autofree char *host = g_inet_address_to_string (g_inet_socket_address_get_address (inet));

  return g_strdup_printf (g_socket_address_get_family (where) == G_SOCKET_FAMILY_IPV6 ? "[%s]:%u"
                                                                                      : "%s:%u",
                          host, g_inet_socket_address_get_port (inet));
}

char *
listen_actual (const ListenSocket *opened)
{
  struct sockaddr_storage native;
  socklen_t size = sizeof native;
  g_autoptr (GSocketAddress) where = NULL;

  if (getsockname (opened->fd, (struct sockaddr *)&native, &size) != 0 ||
      (native.ss_family != AF_INET && native.ss_family != AF_INET6))
    return g_strdup (opened->address);
  where = g_socket_address_new_from_native (&native, size);
  return text_of (where);
}

char *
listen_canonical (const char *address)
{
  g_autoptr (GSocketAddress) where = parse (address);

  if (where == NULL)
    return NULL;
  return G_IS_INET_SOCKET_ADDRESS (where) ? text_of (where) : g_strdup (address);
}
