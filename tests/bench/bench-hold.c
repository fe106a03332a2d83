/* SPDX-License-Identifier: Apache-2.0 */
/* bench-hold: connections that do nothing, or hardly anything, until standard
 * input ends.
 *
 *   bench-hold idle PORT PATH COUNT     each asks once and then stays idle
 *   bench-hold head PORT PATH COUNT MS  each sends a byte of a head every MS
 *   bench-hold read PORT PATH COUNT MS  each asks for PATH and reads 64 bytes of the answer every
 * MS
 *
 * Says "ready" once they are open. What the server closes is opened again (head, read). At the end
 * it closes all and says how often.
 */
#include "load.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

typedef struct {
  int fd;
  size_t sent;
} Held;

typedef struct {
  const char *kind;
  int port, n;
  char *request, *key;
  size_t length;
  Held *held;
  unsigned long long reopened;
} Hold;

static void
held_open (Hold *hold, Held *held)
{
  int size = 4096;

  held->fd = load_connect (hold->port);
  held->sent = 0;
  if (*hold->kind == 'h')
    return;
  if (*hold->kind == 'r')
    setsockopt (held->fd, SOL_SOCKET, SO_RCVBUF, &size, sizeof size);
  load_send (held->fd, hold->request, hold->length);
}

static void
held_await_answer (Held *held)
{
  char buffer[65536];
  size_t have = 0;
  LoadAnswer answer;

  do {
    ssize_t got = recv (held->fd, buffer + have, sizeof buffer - 1 - have, 0);

    if (got <= 0)
      load_die ("no answer on a connection that is to be idle");
    have += (size_t)got;
    buffer[have] = 0;
  } while (!load_parse (buffer, &answer) || have < answer.head + (size_t)answer.body);
  if (answer.status != 200)
    load_die ("the answer was %d", answer.status);
}

static void
held_close (Held *held)
{
  close (held->fd);
  held->fd = -1;
}

/* One step of a slow one. */
static void
held_step (Hold *hold, Held *held)
{
  char buffer[64];
  ssize_t got;

  if (*hold->kind == 'h') {
    got = recv (held->fd, buffer, sizeof buffer, MSG_DONTWAIT);
    if (got < 0 && errno == EAGAIN) {
      /* the last line end never comes */
      got = send (held->fd, hold->request + held->sent % (hold->length - 2), 1,
                  MSG_NOSIGNAL | MSG_DONTWAIT);
      held->sent++;
    } else {
      got = 0;
    }
  } else {
    got = recv (held->fd, buffer, sizeof buffer, MSG_DONTWAIT);
    if (got < 0 && errno == EAGAIN)
      return;
  }
  if (got > 0)
    return;
  held_close (held);
  held_open (hold, held);
  hold->reopened++;
}

static bool
hold_ended (int ms)
{
  struct pollfd input = { .fd = STDIN_FILENO, .events = POLLIN };

  return poll (&input, 1, ms) > 0;
}

/* The connections' turns are spread over MS. */
static void
hold_drip (Hold *hold, int ms)
{
  int64_t start = load_now ();
  int done = 0;

  while (!hold_ended (1)) {
    int64_t due = (load_now () - start) * hold->n / ((int64_t)ms * 1000000);

    for (; done < due; done++)
      held_step (hold, &hold->held[done % hold->n]);
  }
}

int
main (int argc, char **argv)
{
  static Hold hold;
  LoadRequest request = { .method = "GET" };
  char buffer[8192];

  if (argc < 5)
    load_die ("bench-hold idle|head|read PORT PATH COUNT [MS]");
  load_raise_files ();
  hold.kind = argv[1];
  hold.port = request.port = atoi (argv[2]);
  hold.n = atoi (argv[4]);
  hold.length = load_format (&request, argv[3], buffer, sizeof buffer, &hold.key);
  hold.request = strdup (buffer);
  hold.held = calloc ((size_t)hold.n, sizeof *hold.held);
  for (int i = 0; i < hold.n; i++) {
    held_open (&hold, &hold.held[i]);
    if (*hold.kind == 'i')
      held_await_answer (&hold.held[i]);
  }
  printf ("ready\n");
  fflush (stdout);
  if (*hold.kind == 'i')
    hold_ended (-1);
  else
    hold_drip (&hold, argc > 5 ? atoi (argv[5]) : 1000);
  for (int i = 0; i < hold.n; i++)
    held_close (&hold.held[i]);
  printf ("{\"held\":%d,\"reopened\":%llu}\n", hold.n, hold.reopened);
  return 0;
}
