/* SPDX-License-Identifier: Apache-2.0 */
/* readers: thousands of readers of event streams in one process, for tests and measurements.
 *
 *   readers PORT [HEADER ...]      each HEADER is "Name: value"
 *
 * Commands come on standard input, one a line; each is answered with one line of JSON:
 *
 *   open N PATH      N more readers; answered when each has the head of its answer
 *   follow 0|1       whether readers whose stream ends come again with Last-Event-ID
 *   mute N 0|1       the first N readers do not read, or read again
 *   wait MS TEXT     until all have read a line that contains TEXT, or MS have passed
 *   settle MS        until MS have passed
 *   report           what the readers have read and how often they came again
 *   close N          the last N readers leave
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <glib.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#define IN_FLIGHT 128
#define RETRY_US  50000
#define MAX_READ  (64 * 1024)
#define MAX_LINE  (4 * 1024 * 1024)
#define TICK_MS   10
#define MAX_AGAIN 100000

typedef enum { AWAY = 0, ASKING, READING } State;

typedef struct {
  int fd;
  State state;
  gboolean mute, is_known;
  GString *line;
  gint64 last;    /* id */
  gint64 pending; /* id of the event that is being read */
  gint64 seen;    /* when TEXT was read; 0: not yet */
  gint64 retry;   /* when it comes again */
  guint64 events, sum;
} Reader;

static struct {
  int epoll, port;
  gboolean follow;
  char *path, *headers, *text;
  GPtrArray *readers;
  guint flying, reading;
  guint64 ends, refusals, backwards, resets;
  GArray *again; /* when readers came again: gint64 */
  char bytes[MAX_READ];
} all;

static gint64
now_us (void)
{
  return g_get_real_time ();
}

static void
reader_away (Reader *reader)
{
  if (reader->state == ASKING)
    all.flying--;
  if (reader->state == READING)
    all.reading--;
  close (reader->fd);
  reader->fd = -1;
  reader->state = AWAY;
  reader->retry = now_us () + RETRY_US;
  g_string_truncate (reader->line, 0);
}

static void
reader_watch (Reader *reader, int how)
{
  struct epoll_event event = { .data.ptr = reader };

  event.events = reader->mute ? 0 : EPOLLIN;
  epoll_ctl (all.epoll, how, reader->fd, &event);
}

static void
reader_ask (Reader *reader)
{
  struct sockaddr_in address = { .sin_family = AF_INET, .sin_port = htons ((guint16)all.port) };
  g_autofree char *last = NULL, *ask = NULL;
  int on = 1;

  address.sin_addr.s_addr = htonl (INADDR_LOOPBACK);
  reader->fd = socket (AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (reader->fd < 0 ||
      connect (reader->fd, (const struct sockaddr *)&address, sizeof address) < 0) {
    if (reader->fd >= 0)
      close (reader->fd);
    reader->fd = -1;
    reader->retry = now_us () + RETRY_US;
    return;
  }
  setsockopt (reader->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  if (reader->is_known)
    last = g_strdup_printf ("Last-Event-ID: %" G_GINT64_FORMAT "\r\n", reader->last);
  ask = g_strconcat ("GET ", all.path, " HTTP/1.1\r\n", "Accept: text/event-stream\r\n",
                     all.headers, last ? last : "", "\r\n", NULL);
  if (write (reader->fd, ask, strlen (ask)) < 0) {
    close (reader->fd);
    reader->fd = -1;
    return;
  }
  reader->state = ASKING;
  all.flying++;
  reader_watch (reader, EPOLL_CTL_ADD);
}

static void
reader_take_line (Reader *reader, const char *line)
{
  if (reader->state == ASKING && g_str_has_prefix (line, "HTTP/1.1 ")) {
    if (!g_str_has_prefix (line, "HTTP/1.1 200 ")) {
      all.refusals++;
      reader_away (reader);
      return;
    }
    reader->state = READING;
    all.flying--;
    all.reading++;
  } else if (g_str_has_prefix (line, "id: ")) {
    reader->pending = g_ascii_strtoll (line + 4, NULL, 10);
  } else if (g_str_has_prefix (line, "event: stream.reset")) {
    all.resets++;
  } else if (g_str_has_prefix (line, "data: ") && reader->pending != 0) {
    if (reader->is_known && reader->pending <= reader->last)
      all.backwards++;
    reader->last = reader->pending;
    reader->is_known = TRUE;
    reader->pending = 0;
    reader->events++;
    reader->sum += (guint64)reader->last;
  }
  if (all.text && reader->seen == 0 && strstr (line, all.text))
    reader->seen = now_us ();
}

static void
reader_take (Reader *reader, gsize length)
{
  gsize at = 0;

  while (at < length && reader->state != AWAY) {
    const char *end = memchr (all.bytes + at, '\n', length - at);
    gsize n = end ? (gsize)(end - all.bytes) - at : length - at;

    g_string_append_len (reader->line, all.bytes + at, (gssize)n);
    at += n + 1;
    if (reader->line->len > MAX_LINE)
      exit (3);
    if (!end)
      return;
    reader_take_line (reader, reader->line->str);
    g_string_truncate (reader->line, 0);
  }
}

static void
reader_ready (Reader *reader)
{
  gssize n = recv (reader->fd, all.bytes, sizeof all.bytes, MSG_DONTWAIT);

  if (n > 0) {
    reader_take (reader, (gsize)n);
  } else if (n == 0 || errno != EAGAIN) {
    all.ends++;
    reader_away (reader);
  }
}

static void
all_turn (int ms)
{
  struct epoll_event events[512];
  int n = epoll_wait (all.epoll, events, G_N_ELEMENTS (events), ms);

  for (int i = 0; i < n; i++)
    if (((Reader *)events[i].data.ptr)->state != AWAY)
      reader_ready (events[i].data.ptr);
}

/* Readers that were sent away come again when their time is there. */
static void
all_come_again (void)
{
  gint64 now = now_us ();

  for (guint i = 0; all.follow && i < all.readers->len && all.flying < IN_FLIGHT; i++) {
    Reader *reader = all.readers->pdata[i];

    if (reader->state != AWAY || reader->retry > now)
      continue;
    reader_ask (reader);
    if (all.again->len < MAX_AGAIN)
      g_array_append_val (all.again, now);
  }
}

static void
command_open (guint n, const char *path)
{
  gint64 began = now_us ();
  guint first = all.readers->len, next = first;

  g_free (all.path);
  all.path = g_strdup (path);
  for (guint i = 0; i < n; i++) {
    Reader *reader = g_new0 (Reader, 1);

    reader->fd = -1;
    reader->line = g_string_sized_new (64);
    g_ptr_array_add (all.readers, reader);
  }
  while ((next < all.readers->len || all.flying > 0) && now_us () - began < 120 * G_USEC_PER_SEC) {
    while (next < all.readers->len && all.flying < IN_FLIGHT)
      reader_ask (all.readers->pdata[next++]);
    all_turn (TICK_MS);
  }
  printf ("{\"reading\":%u,\"refused\":%" G_GUINT64_FORMAT ",\"ms\":%.1f}\n", all.reading,
          all.refusals, (double)(now_us () - began) / 1000);
}

static void
command_mute (guint n, gboolean mute)
{
  for (guint i = 0; i < n && i < all.readers->len; i++) {
    Reader *reader = all.readers->pdata[i];

    reader->mute = mute;
    if (reader->fd >= 0)
      reader_watch (reader, EPOLL_CTL_MOD);
  }
  printf ("{\"mute\":%u}\n", mute ? n : 0);
}

static int
compare_times (const void *a, const void *b)
{
  gint64 left = *(const gint64 *)a, right = *(const gint64 *)b;

  return left < right ? -1 : left > right;
}

static guint
count_seen (gint64 *ret)
{
  guint n = 0;

  for (guint i = 0; i < all.readers->len; i++) {
    const Reader *reader = all.readers->pdata[i];

    if (reader->seen == 0)
      continue;
    if (ret)
      ret[n] = reader->seen;
    n++;
  }
  return n;
}

static void
command_wait (guint ms, const char *text)
{
  gint64 end = now_us () + ms * G_GINT64_CONSTANT (1000);
  g_autofree gint64 *seen = g_new (gint64, all.readers->len + 1);
  guint n;

  g_free (all.text);
  all.text = g_strdup (text);
  for (guint i = 0; i < all.readers->len; i++)
    ((Reader *)all.readers->pdata[i])->seen = 0;
  printf ("{\"armed\":true}\n");
  fflush (stdout);
  do {
    all_turn (TICK_MS);
    all_come_again ();
    n = count_seen (NULL);
  } while (n < all.readers->len && now_us () < end);
  n = count_seen (seen);
  qsort (seen, n, sizeof *seen, compare_times);
  printf ("{\"seen\":%u,\"of\":%u", n, all.readers->len);
  if (n > 0)
    printf (",\"first_us\":%" G_GINT64_FORMAT ",\"p50_us\":%" G_GINT64_FORMAT
            ",\"p99_us\":%" G_GINT64_FORMAT ",\"last_us\":%" G_GINT64_FORMAT,
            seen[0], seen[n / 2], seen[(guint64)n * 99 / 100], seen[n - 1]);
  printf ("}\n");
}

static void
command_settle (guint ms)
{
  gint64 end = now_us () + ms * G_GINT64_CONSTANT (1000);

  while (now_us () < end) {
    all_turn (TICK_MS);
    all_come_again ();
  }
  printf ("{\"reading\":%u}\n", all.reading);
}

static void
command_report (void)
{
  guint64 min = G_MAXUINT64, max = 0, min_sum = G_MAXUINT64, max_sum = 0;
  guint most = 0;

  for (guint i = 0; i < all.readers->len; i++) {
    const Reader *reader = all.readers->pdata[i];

    min = MIN (min, reader->events);
    max = MAX (max, reader->events);
    min_sum = MIN (min_sum, reader->sum);
    max_sum = MAX (max_sum, reader->sum);
  }
  /* the most that came again within a tenth of a second */
  for (guint i = 0, from = 0; i < all.again->len; i++) {
    while (g_array_index (all.again, gint64, i) - g_array_index (all.again, gint64, from) > 100000)
      from++;
    most = MAX (most, i - from + 1);
  }
  printf ("{\"reading\":%u,\"ends\":%" G_GUINT64_FORMAT ",\"refused\":%" G_GUINT64_FORMAT
          ",\"backwards\":%" G_GUINT64_FORMAT ",\"resets\":%" G_GUINT64_FORMAT
          ",\"events\":[%" G_GUINT64_FORMAT ",%" G_GUINT64_FORMAT "],\"sums\":[%" G_GUINT64_FORMAT
          ",%" G_GUINT64_FORMAT "],\"again\":%u,\"again_in_100_ms\":%u,\"again_over_ms\":%.0f}\n",
          all.reading, all.ends, all.refusals, all.backwards, all.resets, min, max, min_sum,
          max_sum, all.again->len, most,
          all.again->len < 2 ? 0
                             : (double)(g_array_index (all.again, gint64, all.again->len - 1) -
                                        g_array_index (all.again, gint64, 0)) /
                                   1000);
}

static void
command_close (guint n)
{
  for (; n > 0 && all.readers->len > 0; n--) {
    Reader *reader = g_ptr_array_steal_index (all.readers, all.readers->len - 1);

    if (reader->state != AWAY)
      reader_away (reader);
    g_string_free (reader->line, TRUE);
    g_free (reader);
  }
  printf ("{\"reading\":%u}\n", all.reading);
}

static void
run (const char *line)
{
  g_auto (GStrv) words = g_strsplit (g_strstrip ((char *)line), " ", 3);
  guint n = g_strv_length (words);
  guint number = n > 1 ? (guint)strtoul (words[1], NULL, 10) : 0;

  if (n == 3 && strcmp (words[0], "open") == 0)
    command_open (number, words[2]);
  else if (n == 3 && strcmp (words[0], "mute") == 0)
    command_mute (number, strcmp (words[2], "1") == 0);
  else if (n == 3 && strcmp (words[0], "wait") == 0)
    command_wait (number, words[2]);
  else if (n == 2 && strcmp (words[0], "settle") == 0)
    command_settle (number);
  else if (n == 2 && strcmp (words[0], "close") == 0)
    command_close (number);
  else if (n == 2 && strcmp (words[0], "follow") == 0)
    printf ("{\"follow\":%s}\n", (all.follow = number != 0) ? "true" : "false");
  else if (n == 1 && strcmp (words[0], "report") == 0)
    command_report ();
  else
    printf ("{\"unknown\":true}\n");
  fflush (stdout);
}

int
main (int argc, char **argv)
{
  struct rlimit limit;
  g_autoptr (GString) headers = g_string_new ("Host: 127.0.0.1");
  char line[4096];

  if (argc < 2)
    return 2;
  g_string_append_printf (headers, ":%s\r\n", argv[1]);
  getrlimit (RLIMIT_NOFILE, &limit);
  limit.rlim_cur = limit.rlim_max;
  setrlimit (RLIMIT_NOFILE, &limit);
  for (int i = 2; i < argc; i++)
    g_string_append_printf (headers, "%s\r\n", argv[i]);
  all.port = atoi (argv[1]);
  all.headers = headers->str;
  all.epoll = epoll_create1 (EPOLL_CLOEXEC);
  all.readers = g_ptr_array_new ();
  all.again = g_array_new (FALSE, FALSE, sizeof (gint64));
  printf ("{\"descriptors\":%lu}\n", (unsigned long)limit.rlim_cur);
  fflush (stdout);
  /* between commands nobody reads: what must be read meanwhile is asked for with "settle" */
  while (fgets (line, sizeof line, stdin))
    run (line);
  return 0;
}
