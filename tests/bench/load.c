/* SPDX-License-Identifier: Apache-2.0 */
/* load: what the load programs share. */
#include "load.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

void
load_die (const char *what, ...)
{
  va_list args;

  va_start (args, what);
  fprintf (stderr, "bench: ");
  vfprintf (stderr, what, args);
  fprintf (stderr, "\n");
  va_end (args);
  exit (1);
}

void
load_raise_files (void)
{
  struct rlimit limit;

  getrlimit (RLIMIT_NOFILE, &limit);
  limit.rlim_cur = limit.rlim_max;
  setrlimit (RLIMIT_NOFILE, &limit);
}

int64_t
load_now (void)
{
  struct timespec now;

  clock_gettime (CLOCK_MONOTONIC, &now);
  return now.tv_sec * INT64_C (1000000000) + now.tv_nsec;
}

int
load_connect (int port)
{
  struct sockaddr_in address = { .sin_family = AF_INET,
                                 .sin_port = htons ((uint16_t)port),
                                 .sin_addr.s_addr = htonl (INADDR_LOOPBACK) };
  int fd = socket (AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), on = 1;

  if (fd < 0)
    load_die ("socket: %s", strerror (errno));
  if (connect (fd, (struct sockaddr *)&address, sizeof address) < 0)
    load_die ("connect to port %d: %s", port, strerror (errno));
  setsockopt (fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  return fd;
}

void
load_send (int fd, const char *bytes, size_t length)
{
  while (length > 0) {
    ssize_t sent = send (fd, bytes, length, MSG_NOSIGNAL);

    if (sent < 0 && errno == EAGAIN) {
      poll (&(struct pollfd){ .fd = fd, .events = POLLOUT }, 1, -1);
      continue;
    }
    if (sent < 0)
      load_die ("send: %s", strerror (errno));
    bytes += sent;
    length -= (size_t)sent;
  }
}

void
load_header (LoadRequest *request, const char *line)
{
  size_t length = strlen (request->headers);

  if (length + strlen (line) + 3 > sizeof request->headers)
    load_die ("too many headers");
  sprintf (request->headers + length, "%s\r\n", line);
}

size_t
load_format (
    const LoadRequest *request, const char *path, char *buffer, size_t size, char **ret_key)
{
  static const char key_line[] = "Idempotency-Key: ";
  char length_line[64] = "";
  int length;

  if (request->body)
    snprintf (length_line, sizeof length_line, "Content-Length: %zu\r\n", strlen (request->body));
  length = snprintf (buffer, size, "%s %s HTTP/1.1\r\nHost: 127.0.0.1:%d\r\n%s%s%s%s\r\n%s",
                     request->method, path, request->port, request->has_key ? key_line : "",
                     request->has_key ? "00000000-0000-4000-8000-000000000000\r\n" : "",
                     request->headers, length_line, request->body ? request->body : "");
  if (length < 0 || (size_t)length >= size)
    load_die ("the request is too long");
  *ret_key = request->has_key ? strstr (buffer, key_line) + strlen (key_line) : NULL;
  return (size_t)length;
}

void
load_next_key (char *key)
{
  static uint64_t high, low;
  char text[LOAD_KEY_LENGTH + 1];

  if (high == 0)
    high = (uint64_t)load_now () * UINT64_C (0x9e3779b97f4a7c15) ^ (uint64_t)getpid ();
  low++;
  snprintf (text, sizeof text, "%08x-%04x-4%03x-8%03x-%012llx", (unsigned)(high >> 32),
            (unsigned)(high >> 16) & 0xffff, (unsigned)(high >> 4) & 0xfff,
            (unsigned)(low >> 48) & 0xfff, (unsigned long long)(low & UINT64_C (0xffffffffffff)));
  memcpy (key, text, LOAD_KEY_LENGTH);
}

static const char *
load_find_header (const char *head, const char *end, const char *name)
{
  size_t length = strlen (name);

  for (const char *line = strstr (head, "\r\n"); line && line < end;
       line = strstr (line + 2, "\r\n"))
    if (strncasecmp (line + 2, name, length) == 0 && line[2 + length] == ':')
      return line + 2 + length + 1 + strspn (line + 2 + length + 1, " ");
  return NULL;
}

bool
load_parse (const char *bytes, LoadAnswer *ret_answer)
{
  const char *end = strstr (bytes, "\r\n\r\n"), *value;

  if (!end)
    return false;
  if (strncmp (bytes, "HTTP/1.1 ", 9) != 0)
    load_die ("not an answer: %.40s", bytes);
  ret_answer->status = atoi (bytes + 9);
  ret_answer->head = (size_t)(end - bytes) + 4;
  value = load_find_header (bytes, end, "Content-Length");
  ret_answer->body = value ? strtoll (value, NULL, 10) : -1;
  if (ret_answer->status == 204 || ret_answer->status == 304)
    ret_answer->body = 0;
  value = load_find_header (bytes, end, "Connection");
  ret_answer->is_last = value && strncasecmp (value, "close", 5) == 0;
  return true;
}

void
load_add (LoadHistogram *histogram, int64_t ns)
{
  uint64_t value = ns > 0 ? (uint64_t)ns : 0;
  unsigned bucket;

  if (value < LOAD_SUB) {
    bucket = (unsigned)value;
  } else {
    unsigned shift = 63 - (unsigned)__builtin_clzll (value) - 5;

    bucket = (shift + 1) * LOAD_SUB + (unsigned)((value >> shift) & (LOAD_SUB - 1));
  }
  histogram->counts[bucket < LOAD_BUCKETS ? bucket : LOAD_BUCKETS - 1]++;
  histogram->n++;
  if (ns > histogram->max)
    histogram->max = ns;
}

double
load_quantile (const LoadHistogram *histogram, double part)
{
  uint64_t wanted = (uint64_t)(part * (double)histogram->n), seen = 0;

  for (unsigned i = 0; i < LOAD_BUCKETS && histogram->n > 0; i++) {
    seen += histogram->counts[i];
    if (seen > wanted || seen == histogram->n) {
      unsigned shift = i < LOAD_SUB ? 0 : i / LOAD_SUB - 1;
      double low = i < LOAD_SUB ? i : (double)((uint64_t)(LOAD_SUB + i % LOAD_SUB) << shift);

      return (low + (double)(UINT64_C (1) << shift) / 2) / 1e3;
    }
  }
  return 0;
}
