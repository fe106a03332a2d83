/* SPDX-License-Identifier: Apache-2.0 */
/* wire: the accept loop, the epoll descriptor, the clock.
 *
 * Listening sockets are shared with other processes, so an accept may find
 * nothing; nothing that accept says ever stops the listening. Where no
 * descriptor is left, a spare one lets the next connection be taken and closed,
 * so that its client knows at once.
 */
#include "wire-private.h"

#include "../config/config.h"
#include "../observe/log.h"
#include "../observe/metrics.h"
#include "limit.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#define EVENTS        256
#define TICK_MS       1000
#define PAUSE_MS      5
#define MAX_PATIENCE  1024
#define HEAD_GRACE_US G_USEC_PER_SEC /* without descriptors: to send a head */

typedef struct {
  GSource base;
  Wire *wire;
} WireSource;

/* What an epoll event points to, where it is not a WireConn. */
typedef struct {
  Wire *wire;
  int fd;
  gboolean internal;
  GSource *pause; /* others take it first; NULL: it is watched */
  guint due;      /* what this worker takes before the next pause */
  guint patience; /* after how many it pauses: others that do not take theirs are waited for ever
                     less */
} WireListener;

static void
wire_bury (Wire *wire)
{
  for (guint i = 0; i < wire->dead->len; i++)
    wire_conn_free (wire->dead->pdata[i]);
  g_ptr_array_set_size (wire->dead, 0);
}

/* Counts a refusal and logs it: a line a second and reason at most. */
static void
wire_account (Wire *wire,
              const char *client,
              guint status,
              const char *reason,
              const char *why,
              const char *id)
{
  Metrics *metrics = wire->host->metrics;
  MetricsFamily *family = NULL;
  WireRefusals *refusals = g_hash_table_lookup (wire->refusals, reason);
  gint64 now = g_get_monotonic_time ();

  if (metrics != NULL)
    family = metrics_find_family (metrics, "http_rejected_total");
  if (family != NULL)
    metrics_add (metrics_series (family, &reason, 1), 1);
  if (refusals == NULL) {
    refusals = g_new0 (WireRefusals, 1);
    g_hash_table_insert (wire->refusals, (gpointer)reason, refusals);
  } else if (now - refusals->logged < G_USEC_PER_SEC) {
    refusals->unlogged++;
    return;
  }
  log_line (G_LOG_LEVEL_MESSAGE, "request refused", DAE_S ("reason", reason), DAE_S ("why", why),
            DAE_I ("status", status), DAE_S ("client", client), DAE_S ("request_id", id),
            DAE_I ("unlogged", refusals->unlogged));
  refusals->logged = now;
  refusals->unlogged = 0;
}

/* Accounts for a refusal and returns its answer: owned. The texts are our own, so JSON needs no
 * escapes. */
char *
wire_refuse (Wire *wire, WireConn *conn, guint status, const char *reason, const char *why)
{
  g_autoptr (GDateTime) now = g_date_time_new_now_utc ();
  g_autofree char *date = g_date_time_format (now, "%a, %d %b %Y %H:%M:%S GMT");
  g_autofree char *id = g_uuid_string_random (), *body = NULL;

  wire_account (wire, conn->peer, status, reason, why, id);
  body = g_strdup_printf ("{\"type\":\"about:blank\",\"title\":\"%s\",\"status\":%u,"
                          "\"detail\":\"%s\",\"code\":\"http_%s\",\"request_id\":\"%s\"}",
                          http_head_phrase (status), status, why, reason, id);
  return g_strdup_printf ("HTTP/1.1 %u %s\r\n"
                          "Date: %s\r\n"
                          "Content-Type: application/problem+json\r\n"
                          "Content-Length: %zu\r\n"
                          "Cache-Control: no-store\r\n"
                          "X-Request-Id: %s\r\n"
                          "Connection: close\r\n\r\n%s",
                          status, http_head_phrase (status), date, strlen (body), id, body);
}

static void
wire_set_peer (WireConn *conn, const struct sockaddr_storage *address)
{
  const struct sockaddr_in *v4 = (const struct sockaddr_in *)address;
  const struct sockaddr_in6 *v6 = (const struct sockaddr_in6 *)address;

  conn->is_unix = address->ss_family == AF_UNIX;
  if (address->ss_family == AF_INET)
    inet_ntop (AF_INET, &v4->sin_addr, conn->peer, sizeof conn->peer);
  else if (address->ss_family == AF_INET6 && IN6_IS_ADDR_V4MAPPED (&v6->sin6_addr))
    inet_ntop (AF_INET, &v6->sin6_addr.s6_addr[12], conn->peer, sizeof conn->peer);
  else if (address->ss_family == AF_INET6)
    inet_ntop (AF_INET6, &v6->sin6_addr, conn->peer, sizeof conn->peer);
  else
    g_strlcpy (conn->peer, "unix", sizeof conn->peer);
}

static gboolean
wire_evict_idle (Wire *wire)
{
  for (GList *link = wire->waits[WIRE_FOR_REQUEST].head; link != NULL; link = link->next) {
    WireConn *conn = link->data;

    if (conn->woken || conn->in != NULL)
      continue;
    wire_conn_destroy (conn);
    return TRUE;
  }
  return FALSE;
}

/* Whoever sends a head does so at once; who has not by now may wait for ever. */
static gboolean
wire_evict_slow (Wire *wire)
{
  WireConn *conn = g_queue_peek_head (&wire->waits[WIRE_FOR_HEAD]);

  if (conn == NULL || conn->woken || g_get_monotonic_time () - conn->since < HEAD_GRACE_US)
    return FALSE;
  wire_account (wire, conn->peer, 408, "connections", "its place was needed before its head came",
                NULL);
  wire_conn_destroy (conn);
  return TRUE;
}

/* Closes the connection that has been silent longest between two requests, or has not come to one:
 * a new client is worth more. FALSE: there is none. */
static gboolean
wire_evict (Wire *wire)
{
  return wire_evict_idle (wire) || wire_evict_slow (wire);
}

guint
wire_connections (Wire *wire)
{
  return wire->all.length + (wire->hooks->given != NULL ? wire->hooks->given (wire->data) : 0);
}

int
wire_conn_give (WireConn *conn, guint64 *ret_share)
{
  int fd = conn->fd;

  *ret_share = conn->share;
  conn->share = 0;
  epoll_ctl (conn->wire->epoll, EPOLL_CTL_DEL, fd, NULL);
  conn->fd = -1;
  wire_conn_destroy (conn);
  return fd;
}

/* FALSE: its address has as many as it may. Proxies that speak for many are not counted. */
static gboolean
wire_count_peer (WireConn *conn)
{
  Host *host = conn->wire->host;
  char key[LIMIT_ADDRESS_SIZE];

  if (host->limits == NULL || conn->is_unix || conn->internal ||
      (host->config != NULL &&
       config_has_address (host->config, "http", "trusted-proxies", conn->peer)))
    return TRUE;
  limits_address (conn->peer, key);
  conn->share = limits_take (host->limits, LIMIT_PEERS, key);
  return conn->share != 0;
}

/* Tells the other workers how many there are. */
static void
wire_note_connections (Wire *wire)
{
  limits_set_connections (wire->host->limits, wire_connections (wire),
                          wire->listeners->len > 0 && !wire->draining);
}

void
wire_uncount (WireConn *conn)
{
  limits_give (conn->wire->host->limits, conn->share);
  wire_note_connections (conn->wire);
}

static void
wire_take_connection (Wire *wire, int fd, const struct sockaddr_storage *address, gboolean internal)
{
  struct epoll_event event = { .events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET };
  guint stall = wire->limits.stall_ms;
  int on = 1;
  WireConn *conn;

  if (wire_connections (wire) >= wire->max_conns && !wire_evict (wire)) {
    wire_account (wire, NULL, 503, "connections", "there are too many connections", NULL);
    close (fd);
    return;
  }
  conn = wire_conn_new (wire, fd, internal);
  wire_set_peer (conn, address);
  wire_note_connections (wire);
  if (!wire_count_peer (conn)) {
    wire_account (wire, conn->peer, 429, "connections", "there are too many from this address",
                  NULL);
    wire_conn_destroy (conn);
    return;
  }
  if (!conn->is_unix) {
    setsockopt (fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    setsockopt (fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &stall, sizeof stall);
  }
  event.data.ptr = conn;
  if (epoll_ctl (wire->epoll, EPOLL_CTL_ADD, fd, &event) < 0) {
    wire_conn_destroy (conn);
    return;
  }
  wire_conn_start (conn);
}

static void
wire_give_up_spare (Wire *wire, int listener)
{
  int fd;

  if (wire->spare >= 0)
    close (wire->spare);
  fd = accept4 (listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
  if (fd >= 0)
    close (fd);
  wire->spare = open ("/dev/null", O_RDONLY | O_CLOEXEC);
  wire_account (wire, NULL, 503, "connections", "there are no descriptors left", NULL);
}

static void
wire_watch (Wire *wire, WireListener *listener, int operation)
{
  struct epoll_event event = { .events = EPOLLIN, .data.ptr = listener };

  epoll_ctl (wire->epoll, operation, listener->fd, &event);
}

static gboolean
wire_end_pause (gpointer data)
{
  WireListener *listener = data;

  g_clear_pointer (&listener->pause, g_source_unref);
  listener->patience = CLAMP (listener->patience * 2, 1, MAX_PATIENCE);
  listener->due = listener->patience;
  if (!listener->wire->draining)
    wire_watch (listener->wire, listener, EPOLL_CTL_ADD);
  return G_SOURCE_REMOVE;
}

/* This worker has more connections than the others: they have a moment to take the next one. */
static void
wire_pause (Wire *wire, WireListener *listener)
{
  wire_watch (wire, listener, EPOLL_CTL_DEL);
  listener->pause = g_timeout_source_new (PAUSE_MS);
  g_source_set_callback (listener->pause, wire_end_pause, listener, NULL);
  g_source_attach (listener->pause, g_source_get_context (wire->source));
}

static void
wire_listener_free (gpointer data)
{
  WireListener *listener = data;

  if (listener->pause != NULL)
    g_source_destroy (listener->pause);
  g_clear_pointer (&listener->pause, g_source_unref);
  g_free (listener);
}

static void
wire_accept (Wire *wire, WireListener *listener)
{
  struct sockaddr_storage address = { 0 };
  socklen_t length = sizeof address;
  int fd;

  if (!listener->internal && listener->due == 0 && limits_should_yield (wire->host->limits)) {
    wire_pause (wire, listener);
    return;
  }
  listener->due -= MIN (listener->due, 1);
  do
    fd = accept4 (listener->fd, (struct sockaddr *)&address, &length, SOCK_NONBLOCK | SOCK_CLOEXEC);
  while (fd < 0 && errno == EMFILE && wire_evict (wire));
  if (fd >= 0)
    wire_take_connection (wire, fd, &address, listener->internal);
  else if (errno == EMFILE || errno == ENFILE)
    wire_give_up_spare (wire, listener->fd);
  else /* nothing waits */
    listener->due = listener->patience = 0;
}

static gboolean
wire_is_listener (Wire *wire, gconstpointer pointer)
{
  for (guint i = 0; i < wire->listeners->len; i++)
    if (wire->listeners->pdata[i] == pointer)
      return TRUE;
  return FALSE;
}

static gboolean
wire_prepare (GSource *source, int *timeout)
{
  Wire *wire = ((WireSource *)source)->wire;

  *timeout = -1;
  if (wire->dispatching)
    return FALSE;
  wire_bury (wire);
  return wire->woken.length > 0;
}

static gboolean
wire_check (GSource *source)
{
  Wire *wire = ((WireSource *)source)->wire;

  return !wire->dispatching &&
         (wire->woken.length > 0 || g_source_query_unix_fd (source, wire->tag) != 0);
}

static void
wire_poll (Wire *wire)
{
  struct epoll_event events[EVENTS];
  int n = epoll_wait (wire->epoll, events, EVENTS, 0);

  for (int i = 0; i < n; i++) {
    if (wire_is_listener (wire, events[i].data.ptr))
      wire_accept (wire, events[i].data.ptr);
    else
      wire_conn_events (events[i].data.ptr, events[i].events);
  }
}

static gboolean
wire_dispatch (GSource *source, GSourceFunc func, gpointer data)
{
  Wire *wire = ((WireSource *)source)->wire;

  wire->dispatching = TRUE;
  if (g_source_query_unix_fd (source, wire->tag) != 0)
    wire_poll (wire);
  /* one turn each: who is woken meanwhile comes again, after the others of the loop */
  for (guint turns = wire->woken.length; turns > 0 && wire->woken.head != NULL; turns--) {
    WireConn *conn = wire->woken.head->data;

    g_queue_unlink (&wire->woken, &conn->wake_link);
    conn->woken = FALSE;
    wire_conn_turn (conn);
  }
  wire->dispatching = FALSE;
  return G_SOURCE_CONTINUE;
}

static GSourceFuncs wire_source_funcs = {
  .prepare = wire_prepare,
  .check = wire_check,
  .dispatch = wire_dispatch,
};

/* Who has waited longer than LIMIT; where waits are not judged by their age alone, all. */
static void
wire_check_waits (Wire *wire, WireWait wait, guint limit_ms, gint64 now)
{
  GList *next;

  for (GList *link = wire->waits[wait].head; link != NULL; link = next) {
    WireConn *conn = link->data;

    next = link->next;
    if (now - conn->since < limit_ms * G_GINT64_CONSTANT (1000))
      break;
    wire_conn_check_time (conn, now);
  }
}

static gboolean
wire_tick (gpointer data)
{
  Wire *wire = data;
  gint64 now = g_get_monotonic_time ();
  guint idle = wire->limits.idle_ms;

  if (wire->draining)
    idle = MIN (idle, wire->limits.drain_ms);
  wire_note_connections (wire); /* those that were given away come back to nobody here */
  wire_check_waits (wire, WIRE_FOR_HEAD, wire->limits.head_ms, now);
  wire_check_waits (wire, WIRE_FOR_REQUEST, idle, now);
  wire_check_waits (wire, WIRE_FOR_BODY, 0, now);
  wire_check_waits (wire, WIRE_FOR_READER, wire->limits.stall_ms, now);
  wire_check_waits (wire, WIRE_FOR_CLOSE, 0, now);
  return G_SOURCE_CONTINUE;
}

/* Leaves descriptors to the rest of the process: databases, files, outgoing calls. */
static guint
wire_max_connections (void)
{
  struct rlimit limit;
  rlim_t rest;

  if (getrlimit (RLIMIT_NOFILE, &limit) < 0 || limit.rlim_cur > 1000000)
    return 1000000;
  rest = MAX (limit.rlim_cur / 8, 32);
  return limit.rlim_cur > rest + 8 ? (guint)(limit.rlim_cur - rest) : 8;
}

Wire *
wire_new (Host *host, const WireHooks *hooks, gpointer data)
{
  Wire *wire = g_new0 (Wire, 1);
  GMainContext *context = g_main_context_get_thread_default ();

  wire->host = host;
  wire->hooks = hooks;
  wire->data = data;
  wire->limits = WIRE_LIMITS_DEFAULT;
  wire->epoll = epoll_create1 (EPOLL_CLOEXEC);
  wire->spare = open ("/dev/null", O_RDONLY | O_CLOEXEC);
  wire->max_conns = wire_max_connections ();
  if (limits_value (host->limits, LIMIT_CONNECTIONS) > 0)
    wire->max_conns = MIN (wire->max_conns, limits_value (host->limits, LIMIT_CONNECTIONS));
  wire->listeners = g_ptr_array_new_with_free_func (wire_listener_free);
  wire->dead = g_ptr_array_new ();
  wire->refusals = g_hash_table_new_full (g_str_hash, g_str_equal, NULL, g_free);
  wire->source = g_source_new (&wire_source_funcs, sizeof (WireSource));
  ((WireSource *)wire->source)->wire = wire;
  wire->tag = g_source_add_unix_fd (wire->source, wire->epoll, G_IO_IN);
  g_source_set_name (wire->source, "wire");
  /* else GLib takes the descriptor out of its set and back for each dispatch, at three system
   * calls; a loop within a hook is kept out by `dispatching` */
  g_source_set_can_recurse (wire->source, TRUE);
  g_source_attach (wire->source, context);
  wire->tick = g_timeout_source_new (TICK_MS);
  g_source_set_callback (wire->tick, wire_tick, wire, NULL);
  g_source_attach (wire->tick, context);
  return wire;
}

void
wire_set_limits (Wire *wire, WireLimits limits)
{
  wire->limits = limits;
}

void
wire_listen (Wire *wire, int fd, gboolean internal)
{
  WireListener *listener = g_new0 (WireListener, 1);

  listener->wire = wire;
  listener->fd = fd;
  listener->internal = internal;
  g_ptr_array_add (wire->listeners, listener);
  wire_watch (wire, listener, EPOLL_CTL_ADD);
  wire_note_connections (wire);
}

void
wire_drain (Wire *wire)
{
  if (wire->draining)
    return;
  wire->draining = TRUE;
  for (guint i = 0; i < wire->listeners->len; i++)
    wire_watch (wire, wire->listeners->pdata[i], EPOLL_CTL_DEL);
  wire_note_connections (wire);
}

gboolean
wire_is_draining (Wire *wire)
{
  return wire->draining;
}

void
wire_free (Wire *wire)
{
  while (wire->all.head != NULL) {
    WireConn *conn = wire->all.head->data;

    if (conn->state == WIRE_CALL)
      wire->hooks->lost (conn, wire->data);
    wire_conn_destroy (conn);
  }
  wire_bury (wire);
  g_source_destroy (wire->source);
  g_source_unref (wire->source);
  g_source_destroy (wire->tick);
  g_source_unref (wire->tick);
  close (wire->epoll);
  if (wire->spare >= 0)
    close (wire->spare);
  g_ptr_array_unref (wire->listeners);
  g_ptr_array_unref (wire->dead);
  g_hash_table_unref (wire->refusals);
  g_free (wire);
}
