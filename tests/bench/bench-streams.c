/* SPDX-License-Identifier: Apache-2.0 */
/* bench-streams: many readers of one event stream, and one who posts.
 *
 *   bench-streams PORT STREAM-PATH STREAMS POST-PATH EVENTS MS [-H LINE]
 *
 * Says "ready" when all streams are open, waits for a line, posts EVENTS messages MS apart, and
 * says how long after it was sent each of them came to each reader. A message's content is the time
 * at which it was sent, so nothing is to be kept of it.
 */
#include "load.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#define MARK      "\"content\":\"mark-"
#define MARK_SIZE (sizeof MARK - 1 + 20) /* with the digits */
#define WAIT_NS   INT64_C (10000000000)

typedef struct {
  int fd;
  char tail[MARK_SIZE]; /* the end of what came, should a mark have begun in it */
  size_t length;
} Reader;

typedef struct {
  int port, epoll, poster, n_readers, n_events, gone, posted, answered;
  LoadRequest stream, post;
  const char *post_path;
  Reader *readers;
  uint64_t arrived;
  LoadHistogram late;
} Streams;

static void
reader_open (Streams *streams, Reader *reader, const char *path)
{
  struct epoll_event event = { .events = EPOLLIN, .data.ptr = reader };
  char buffer[16384], *key;
  size_t length = load_format (&streams->stream, path, buffer, sizeof buffer, &key), have = 0;
  LoadAnswer answer;

  reader->fd = load_connect (streams->port);
  load_send (reader->fd, buffer, length);
  do {
    ssize_t got = recv (reader->fd, buffer + have, sizeof buffer - 1 - have, 0);

    if (got <= 0)
      load_die ("a stream was not opened");
    have += (size_t)got;
    buffer[have] = 0;
  } while (!load_parse (buffer, &answer));
  if (answer.status != 200)
    load_die ("a stream was answered %d", answer.status);
  epoll_ctl (streams->epoll, EPOLL_CTL_ADD, reader->fd, &event);
}

static void
reader_take (Streams *streams, Reader *reader)
{
  char buffer[MARK_SIZE + 65536 + 1];
  ssize_t got;
  size_t length;
  int64_t now;
  char *at = buffer;

  memcpy (buffer, reader->tail, reader->length);
  got = recv (reader->fd, buffer + reader->length, 65536, MSG_DONTWAIT);
  if (got < 0 && errno == EAGAIN)
    return;
  if (got <= 0) {
    epoll_ctl (streams->epoll, EPOLL_CTL_DEL, reader->fd, NULL);
    streams->gone++;
    return;
  }
  now = load_now ();
  length = reader->length + (size_t)got;
  buffer[length] = 0;
  for (char *mark; (mark = strstr (at, MARK)) != NULL;) {
    char *digits = mark + sizeof MARK - 1, *end;
    int64_t sent = strtoll (digits, &end, 10);

    at = mark;
    if (*end != '"')
      break; /* its end is still to come */
    load_add (&streams->late, now - sent);
    streams->arrived++;
    at = end;
  }
  reader->length = (size_t)(buffer + length - at);
  if (reader->length > sizeof reader->tail - 1)
    reader->length = sizeof reader->tail - 1;
  memcpy (reader->tail, buffer + length - reader->length, reader->length);
}

static void
streams_post (Streams *streams)
{
  char body[128], buffer[16384], *key;
  size_t length;

  snprintf (body, sizeof body, "{\"content\":\"mark-%lld\",\"agent\":null}",
            (long long)load_now ());
  streams->post.body = body;
  length = load_format (&streams->post, streams->post_path, buffer, sizeof buffer, &key);
  load_next_key (key);
  load_send (streams->poster, buffer, length);
  streams->posted++;
}

static void
streams_answered (Streams *streams)
{
  char buffer[65536];
  ssize_t got = recv (streams->poster, buffer, sizeof buffer - 1, MSG_DONTWAIT);
  LoadAnswer answer;

  if (got < 0 && errno == EAGAIN)
    return;
  if (got <= 0)
    load_die ("the poster's connection was closed");
  buffer[got] = 0;
  if (strncmp (buffer, "HTTP/1.1 ", 9) != 0 || !load_parse (buffer, &answer))
    return; /* the body, in a packet of its own */
  if (answer.status < 200 || answer.status > 299)
    load_die ("a post was answered %d: %.300s", answer.status, buffer + answer.head);
  streams->answered++;
}

static void
streams_run (Streams *streams, int ms)
{
  int64_t next = load_now (), end = 0;
  uint64_t expected = (uint64_t)streams->n_events * (uint64_t)streams->n_readers;

  while (end == 0 || (load_now () < end && streams->arrived < expected)) {
    struct epoll_event events[512];
    int64_t now = load_now ();
    int n;

    if (end == 0 && now >= next && streams->answered == streams->posted) {
      streams_post (streams);
      next += ms * INT64_C (1000000);
      end = streams->posted == streams->n_events ? now + WAIT_NS : 0;
    }
    n = epoll_wait (streams->epoll, events, 512, end ? 100 : 1);
    for (int i = 0; i < n; i++) {
      if (events[i].data.ptr)
        reader_take (streams, events[i].data.ptr);
      else
        streams_answered (streams);
    }
  }
  printf ("{\"streams\":%d,\"events\":%d,\"expected\":%llu,\"arrived\":%llu,\"gone\":%d,\"p50_ms\":"
          "%.2f,\"p99_ms\":%.2f,"
          "\"max_ms\":%.2f}\n",
          streams->n_readers, streams->n_events, (unsigned long long)expected,
          (unsigned long long)streams->arrived, streams->gone,
          load_quantile (&streams->late, 0.5) / 1e3, load_quantile (&streams->late, 0.99) / 1e3,
          (double)streams->late.max / 1e6);
}

int
main (int argc, char **argv)
{
  static Streams streams;
  struct epoll_event event = { .events = EPOLLIN, .data.ptr = NULL };
  char line[16];

  if (argc < 7)
    load_die ("bench-streams PORT STREAM-PATH STREAMS POST-PATH EVENTS MS [-H LINE]");
  load_raise_files ();
  streams.epoll = epoll_create1 (EPOLL_CLOEXEC);
  streams.port = streams.stream.port = streams.post.port = atoi (argv[1]);
  streams.n_readers = atoi (argv[3]);
  streams.post_path = argv[4];
  streams.n_events = atoi (argv[5]);
  streams.stream.method = "GET";
  streams.post.method = "POST";
  streams.post.has_key = true;
  load_header (&streams.post, "Content-Type: application/json");
  load_header (&streams.stream, "Accept: text/event-stream");
  for (int i = 7; i + 1 < argc; i += 2) {
    load_header (&streams.stream, argv[i + 1]);
    load_header (&streams.post, argv[i + 1]);
  }
  streams.readers = calloc ((size_t)streams.n_readers, sizeof *streams.readers);
  for (int i = 0; i < streams.n_readers; i++)
    reader_open (&streams, &streams.readers[i], argv[2]);
  streams.poster = load_connect (streams.port);
  epoll_ctl (streams.epoll, EPOLL_CTL_ADD, streams.poster, &event);
  printf ("ready\n");
  fflush (stdout);
  if (!fgets (line, sizeof line, stdin))
    return 1;
  streams_run (&streams, atoi (argv[6]));
  return 0;
}
