/* SPDX-License-Identifier: Apache-2.0 */
/* bench-load: a closed loop of requests on kept connections.
 *
 *   bench-load PORT METHOD PATHS CONNECTIONS SECONDS [-H LINE] [-b BODY] [-k]
 *
 * PATHS: one or more with ',' between; connection i asks for path i. No request
 * is sent before the one before it on the connection has been answered, and
 * those in flight at the end are waited for, so that the server's own count can
 * be held against this one. -k: each request has an Idempotency-Key.
 */
#include "load.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#define MAX_HEAD    16384
#define MAX_REQUEST 16384
#define DISCARD     (1 << 20)

typedef struct {
  int fd;
  char *request, *key;
  size_t length;
  char head[MAX_HEAD]; /* what came of the head, and of the body with it */
  size_t have;
  int64_t left; /* of the body; -1: the head is awaited */
  int64_t sent_at;
  LoadAnswer answer;
} Conn;

typedef struct {
  LoadRequest request;
  int port, epoll;
  Conn *conns;
  int n_conns, in_flight;
  int64_t end, bytes;
  uint64_t good, other, reopened;
  int first_other; /* status */
  LoadHistogram took;
} Load;

static void
conn_watch (Load *load, Conn *conn)
{
  struct epoll_event event = { .events = EPOLLIN, .data.ptr = conn };

  conn->fd = load_connect (load->port);
  epoll_ctl (load->epoll, EPOLL_CTL_ADD, conn->fd, &event);
}

static void
conn_ask (Load *load, Conn *conn)
{
  if (conn->key)
    load_next_key (conn->key);
  conn->have = 0;
  conn->left = -1;
  conn->sent_at = load_now ();
  load_send (conn->fd, conn->request, conn->length);
  load->in_flight++;
}

static void
conn_reopen (Load *load, Conn *conn)
{
  close (conn->fd);
  conn_watch (load, conn);
  load->reopened++;
}

static void
conn_answered (Load *load, Conn *conn)
{
  int64_t now = load_now ();

  load_add (&load->took, now - conn->sent_at);
  load->in_flight--;
  if (conn->answer.status >= 200 && conn->answer.status < 300) {
    load->good++;
  } else {
    load->other++;
    load->first_other = load->first_other ? load->first_other : conn->answer.status;
  }
  if (conn->answer.is_last)
    conn_reopen (load, conn);
  if (now < load->end)
    conn_ask (load, conn);
}

/* Bodies are thrown away in the kernel. */
static ssize_t
conn_receive (Conn *conn)
{
  if (conn->left > 0)
    return recv (conn->fd, NULL, conn->left < DISCARD ? (size_t)conn->left : DISCARD,
                 MSG_TRUNC | MSG_DONTWAIT);
  return recv (conn->fd, conn->head + conn->have, MAX_HEAD - 1 - conn->have, MSG_DONTWAIT);
}

static void
conn_read (Load *load, Conn *conn)
{
  ssize_t got = conn_receive (conn);

  if (got < 0 && errno == EAGAIN)
    return;
  if (got <= 0 && conn->have == 0 && conn->left < 0) {
    /* closed while idle, or just as the request came: the request is sent again */
    load->in_flight--;
    conn_reopen (load, conn);
    conn_ask (load, conn);
    return;
  }
  if (got <= 0)
    load_die ("the answer was cut: %s", got < 0 ? strerror (errno) : "end of stream");
  load->bytes += got;
  if (conn->left > 0) {
    conn->left -= got;
  } else {
    conn->have += (size_t)got;
    conn->head[conn->have] = 0;
    if (!load_parse (conn->head, &conn->answer)) {
      if (conn->have == MAX_HEAD - 1)
        load_die ("the head of the answer is too long");
      return;
    }
    if (conn->answer.body < 0)
      load_die ("an answer (%d) without Content-Length", conn->answer.status);
    conn->left = conn->answer.body - (int64_t)(conn->have - conn->answer.head);
    if (conn->left < 0)
      load_die ("bytes after the answer");
  }
  if (conn->left == 0)
    conn_answered (load, conn);
}

static void
load_open (Load *load, char *paths)
{
  const char *each[1024];
  int n_paths = 0;
  char buffer[MAX_REQUEST];

  for (char *path = strtok (paths, ","); path && n_paths < 1024; path = strtok (NULL, ","))
    each[n_paths++] = path;
  load->conns = calloc ((size_t)load->n_conns, sizeof *load->conns);
  for (int i = 0; i < load->n_conns; i++) {
    Conn *conn = &load->conns[i];
    char *key;

    conn->length = load_format (&load->request, each[i % n_paths], buffer, sizeof buffer, &key);
    conn->request = strdup (buffer);
    conn->key = key ? conn->request + (key - buffer) : NULL;
    conn_watch (load, conn);
  }
}

static void
load_run (Load *load, double seconds)
{
  int64_t start = load_now (), give_up;
  double took;

  load->end = start + (int64_t)(seconds * 1e9);
  give_up = load->end + INT64_C (20000000000);
  for (int i = 0; i < load->n_conns; i++)
    conn_ask (load, &load->conns[i]);
  while (load->in_flight > 0) {
    struct epoll_event events[256];
    int n = epoll_wait (load->epoll, events, 256, 1000);

    for (int i = 0; i < n; i++)
      conn_read (load, events[i].data.ptr);
    if (n == 0 && load_now () > give_up)
      load_die ("%d requests were never answered", load->in_flight);
  }
  took = (double)(load_now () - start) / 1e9;
  printf ("{\"requests\":%llu,\"other\":%llu,\"first_other\":%d,\"reopened\":%llu,\"seconds\":%.4f,"
          "\"bytes\":%lld,\"p50_us\":%.1f,\"p90_us\":%.1f,\"p99_us\":%.1f,\"max_us\":%.1f}\n",
          (unsigned long long)(load->good + load->other), (unsigned long long)load->other,
          load->first_other, (unsigned long long)load->reopened, took, (long long)load->bytes,
          load_quantile (&load->took, 0.5), load_quantile (&load->took, 0.9),
          load_quantile (&load->took, 0.99), (double)load->took.max / 1e3);
}

int
main (int argc, char **argv)
{
  static Load load;

  if (argc < 6)
    load_die ("bench-load PORT METHOD PATHS CONNECTIONS SECONDS [-H LINE] [-b BODY] [-k]");
  load_raise_files ();
  load.epoll = epoll_create1 (EPOLL_CLOEXEC);
  load.port = atoi (argv[1]);
  load.request.port = load.port;
  load.request.method = argv[2];
  load.n_conns = atoi (argv[4]);
  for (int i = 6; i < argc; i++) {
    if (strcmp (argv[i], "-k") == 0)
      load.request.has_key = true;
    else if (strcmp (argv[i], "-H") == 0 && i + 1 < argc)
      load_header (&load.request, argv[++i]);
    else if (strcmp (argv[i], "-b") == 0 && i + 1 < argc)
      load.request.body = argv[++i];
    else
      load_die ("what is %s?", argv[i]);
  }
  load_open (&load, argv[3]);
  load_run (&load, atof (argv[5]));
  return 0;
}
