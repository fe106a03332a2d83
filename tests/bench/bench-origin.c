/* SPDX-License-Identifier: Apache-2.0 */
/* bench-origin: a server that gives every request the same small answer, at the
 * least cost that epoll allows.
 *
 *   bench-origin        says its port on standard output; ends with standard input
 */
#include "load.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

static const char answer[] = "HTTP/1.1 200 OK\r\n"
                             "Date: Thu, 01 Jan 1970 00:00:00 GMT\r\n"
                             "Content-Type: application/json\r\n"
                             "Content-Length: 33\r\n"
                             "\r\n"
                             "{\"status\":\"ok\",\"version\":\"1.0.0\"}";

static int
origin_listen (int epoll)
{
  int fd = socket (AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  struct sockaddr_in address = { .sin_family = AF_INET,
                                 .sin_addr.s_addr = htonl (INADDR_LOOPBACK) };
  struct epoll_event event = { .events = EPOLLIN, .data.fd = fd };
  socklen_t length = sizeof address;

  if (bind (fd, (struct sockaddr *)&address, sizeof address) < 0 || listen (fd, 4096) < 0)
    load_die ("listen: %s", strerror (errno));
  getsockname (fd, (struct sockaddr *)&address, &length);
  epoll_ctl (epoll, EPOLL_CTL_ADD, fd, &event);
  printf ("%d\n", ntohs (address.sin_port));
  fflush (stdout);
  return fd;
}

static void
origin_accept (int epoll, int listener)
{
  int fd = accept4 (listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC), on = 1;
  struct epoll_event event = { .events = EPOLLIN, .data.fd = fd };

  if (fd < 0)
    return;
  setsockopt (fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  epoll_ctl (epoll, EPOLL_CTL_ADD, fd, &event);
}

/* The requests are small and whole: one packet each. */
static void
origin_answer (int fd)
{
  char buffer[16384];
  ssize_t got = recv (fd, buffer, sizeof buffer - 1, 0);

  if (got <= 0) {
    close (fd);
    return;
  }
  buffer[got] = 0;
  for (const char *end = buffer; (end = strstr (end, "\r\n\r\n")) != NULL; end += 4)
    load_send (fd, answer, sizeof answer - 1);
}

int
main (void)
{
  int epoll = epoll_create1 (EPOLL_CLOEXEC), listener;
  struct epoll_event input = { .events = EPOLLIN, .data.fd = STDIN_FILENO };

  load_raise_files ();
  listener = origin_listen (epoll);
  epoll_ctl (epoll, EPOLL_CTL_ADD, STDIN_FILENO, &input);
  for (;;) {
    struct epoll_event events[256];
    int n = epoll_wait (epoll, events, 256, -1);

    for (int i = 0; i < n; i++) {
      if (events[i].data.fd == STDIN_FILENO)
        return 0;
      if (events[i].data.fd == listener)
        origin_accept (epoll, listener);
      else
        origin_answer (events[i].data.fd);
    }
  }
}
