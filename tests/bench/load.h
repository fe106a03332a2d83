/* SPDX-License-Identifier: Apache-2.0 */
/* load: what the load programs share: clock, connections to this machine,
 * the bytes of requests and the heads of answers, a histogram of durations.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Ends the program: a load that goes wrong is no measurement. */
void load_die (const char *what, ...) __attribute__ ((noreturn, format (printf, 1, 2)));
/* As many descriptors as the system gives. */
void load_raise_files (void);
/* Nanoseconds of the monotonic clock. */
int64_t load_now (void);
/* A connected socket that does not block. */
int load_connect (int port);
/* Sends all of BYTES, waiting where it must. */
void load_send (int fd, const char *bytes, size_t length);

#define LOAD_MAX_HEADERS 4096
#define LOAD_KEY_LENGTH  36

typedef struct {
  const char *method;
  int port;
  char headers[LOAD_MAX_HEADERS]; /* whole lines */
  const char *body;               /* NULL: none */
  bool has_key;                   /* each request gets an Idempotency-Key of its own */
} LoadRequest;

/* Adds "NAME: VALUE". */
void load_header (LoadRequest *request, const char *line);
/* Writes the request for PATH; *RET_KEY is where its key stands, or NULL. Returns its length. */
size_t load_format (
    const LoadRequest *request, const char *path, char *buffer, size_t size, char **ret_key);
/* Writes the next key over LOAD_KEY_LENGTH bytes. */
void load_next_key (char *key);

typedef struct {
  int status;
  size_t head;  /* bytes of the head with its empty line */
  int64_t body; /* bytes that follow; -1: not told */
  bool is_last; /* the connection ends with it */
} LoadAnswer;

/* FALSE: the head is not all there. BYTES end with NUL. */
bool load_parse (const char *bytes, LoadAnswer *ret_answer);

/* Buckets that are 1/32 wide of what they hold. */
#define LOAD_SUB     32
#define LOAD_BUCKETS (LOAD_SUB * 40)

typedef struct {
  uint64_t counts[LOAD_BUCKETS];
  uint64_t n;
  int64_t max;
} LoadHistogram;

void load_add (LoadHistogram *histogram, int64_t ns);
/* The value that PART of all do not exceed, in microseconds. */
double load_quantile (const LoadHistogram *histogram, double part);
