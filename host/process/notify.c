/* SPDX-License-Identifier: Apache-2.0 */
/* notify: sd_notify(3) without its library. */
#include "notify.h"

#include <glib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

void
notify_send (const char *state)
{
  const char *path = g_getenv ("NOTIFY_SOCKET");
  struct sockaddr_un address = { .sun_family = AF_UNIX };
  socklen_t size;
  int fd;

  if (path == NULL || (path[0] != '/' && path[0] != '@') ||
      strlen (path) >= sizeof address.sun_path)
    return;
  memcpy (address.sun_path, path, strlen (path));
  if (path[0] == '@')
    address.sun_path[0] = '\0';
  size = (socklen_t)(G_STRUCT_OFFSET (struct sockaddr_un, sun_path) + strlen (path));
  fd = socket (AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  if (fd >= 0) {
    (void)!sendto (fd, state, strlen (state), MSG_NOSIGNAL, (struct sockaddr *)&address, size);
    close (fd);
  }
}

void
notify_reloading (void)
{
  g_autofree char *state =
      g_strdup_printf ("RELOADING=1\nMONOTONIC_USEC=%" G_GINT64_FORMAT "\nSTATUS=reloading",
                       g_get_monotonic_time ());

  notify_send (state);
}

unsigned
notify_watchdog_ms (void)
{
  const char *text = g_getenv ("WATCHDOG_USEC"), *pid = g_getenv ("WATCHDOG_PID");

  if (text == NULL || (pid != NULL && g_ascii_strtoll (pid, NULL, 10) != getpid ()))
    return 0;
  return (unsigned)(g_ascii_strtoull (text, NULL, 10) / 2000);
}
