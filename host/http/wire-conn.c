/* SPDX-License-Identifier: Apache-2.0 */
/* wire-conn: one client connection: heads, output, refusals, and the ways it ends.
 *
 * Sockets are edge-triggered and registered once: `readable` and `writable`
 * remember what epoll said until a read or a write finds nothing more.
 */
#include "wire-private.h"

#include <errno.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#define MAX_PARTS        16
#define BODY_RATE        1024 /* bytes a second */
#define LINGER_SILENT_US (5 * G_USEC_PER_SEC)
#define LINGER_US        (30 * G_USEC_PER_SEC)
#define DISCARDS         16

WireConn *
wire_conn_new (Wire *wire, int fd, gboolean internal)
{
  WireConn *conn = g_new0 (WireConn, 1);

  conn->wire = wire;
  conn->fd = fd;
  conn->internal = internal;
  conn->writable = TRUE;
  conn->wait = WIRE_FOR_NOTHING;
  conn->all_link.data = conn->wait_link.data = conn->wake_link.data = conn;
  g_queue_init (&conn->out);
  g_queue_push_tail_link (&wire->all, &conn->all_link);
  return conn;
}

void
wire_conn_free (WireConn *conn)
{
  g_free (conn);
}

static void
wire_conn_set_wait (WireConn *conn, WireWait wait)
{
  if (conn->wait != WIRE_FOR_NOTHING)
    g_queue_unlink (&conn->wire->waits[conn->wait], &conn->wait_link);
  conn->wait = wait;
  if (wait == WIRE_FOR_NOTHING)
    return;
  conn->since = g_get_monotonic_time ();
  g_queue_push_tail_link (&conn->wire->waits[wait], &conn->wait_link);
}

void
wire_conn_start (WireConn *conn)
{
  wire_conn_set_wait (conn, WIRE_FOR_HEAD);
}

/* During a call only two things have a limit: a reader that stalls, and a body that trickles. */
static void
wire_conn_update_wait (WireConn *conn, gboolean progress)
{
  WireWait wait = WIRE_FOR_NOTHING;

  if (conn->state != WIRE_CALL)
    return;
  if (conn->out_length > 0)
    wait = WIRE_FOR_READER;
  else if (conn->body_since != 0)
    wait = WIRE_FOR_BODY;
  if (wait != conn->wait || (progress && wait == WIRE_FOR_READER))
    wire_conn_set_wait (conn, wait);
}

void
wire_conn_wake (WireConn *conn)
{
  if (conn->woken || conn->state == WIRE_DEAD)
    return;
  conn->woken = TRUE;
  g_queue_push_tail_link (&conn->wire->woken, &conn->wake_link);
}

static void
wire_conn_drop_output (WireConn *conn)
{
  GBytes *bytes;

  while ((bytes = g_queue_pop_head (&conn->out)) != NULL)
    g_bytes_unref (bytes);
  conn->out_at = conn->out_length = 0;
}

void
wire_conn_destroy (WireConn *conn)
{
  Wire *wire = conn->wire;

  if (conn->state == WIRE_DEAD)
    return;
  wire_conn_set_wait (conn, WIRE_FOR_NOTHING);
  if (conn->woken)
    g_queue_unlink (&wire->woken, &conn->wake_link);
  conn->woken = FALSE;
  g_queue_unlink (&wire->all, &conn->all_link);
  wire_uncount (conn);
  wire_conn_drop_output (conn);
  g_clear_pointer (&conn->in, g_byte_array_unref);
  g_clear_pointer (&conn->head, g_free);
  if (conn->fd >= 0)
    close (conn->fd);
  conn->fd = -1;
  conn->call = NULL;
  conn->state = WIRE_DEAD;
  g_ptr_array_add (wire->dead, conn);
}

void
wire_conn_set_call (WireConn *conn, gpointer call)
{
  conn->call = call;
}

gpointer
wire_conn_call (WireConn *conn)
{
  return conn->call;
}

const char *
wire_conn_peer (WireConn *conn)
{
  return conn->peer;
}

gboolean
wire_conn_is_internal (WireConn *conn)
{
  return conn->internal;
}

gboolean
wire_conn_has_fin (WireConn *conn)
{
  return conn->fin;
}

gboolean
wire_conn_is_slow (WireConn *conn)
{
  return conn->slow;
}

gsize
wire_conn_queued (WireConn *conn)
{
  return conn->out_length;
}

gboolean
wire_conn_is_sent (WireConn *conn)
{
  return conn->out_length == 0 && !conn->cut;
}

gint64
wire_conn_sent (WireConn *conn)
{
  return conn->sent;
}

/* Sends; returns how much the kernel took. */
static gsize
wire_conn_send (WireConn *conn, struct iovec *iov, guint n_iov)
{
  struct msghdr message = { .msg_iov = iov, .msg_iovlen = n_iov };
  ssize_t n;

  do
    n = sendmsg (conn->fd, &message, MSG_NOSIGNAL | MSG_DONTWAIT);
  while (n < 0 && errno == EINTR);
  if (n >= 0) {
    conn->sent += n;
    return (gsize)n;
  }
  conn->writable = FALSE;
  if (errno != EAGAIN) {
    conn->broken = conn->cut = TRUE;
    wire_conn_wake (conn);
  }
  return 0;
}

static void
wire_conn_flush (WireConn *conn)
{
  gsize before = conn->out_length;

  while (conn->out_length > 0 && conn->writable) {
    struct iovec iov[MAX_PARTS];
    guint n = 0;
    gsize taken;

    for (GList *link = conn->out.head; link != NULL && n < MAX_PARTS; link = link->next, n++) {
      gsize length;
      const char *data = g_bytes_get_data (link->data, &length);
      gsize at = n == 0 ? conn->out_at : 0;

      iov[n] = (struct iovec){ (void *)(data + at), length - at };
    }
    taken = wire_conn_send (conn, iov, n);
    conn->out_length -= taken;
    for (guint i = 0; i < n && taken >= iov[i].iov_len; i++) {
      taken -= iov[i].iov_len;
      g_bytes_unref (g_queue_pop_head (&conn->out));
      conn->out_at = 0;
    }
    conn->out_at += taken;
  }
  if (conn->out_length != before)
    wire_conn_update_wait (conn, TRUE);
}

void
wire_conn_write (WireConn *conn, const WirePart *parts, guint n_parts)
{
  gsize skip = 0, length = 0;

  g_assert (n_parts <= MAX_PARTS);
  if (conn->broken || conn->state == WIRE_DEAD) {
    conn->cut = TRUE;
    return;
  }
  for (guint i = 0; i < n_parts; i++)
    length += parts[i].length;
  if (conn->out_length == 0 && conn->writable && length > 0) {
    struct iovec iov[MAX_PARTS];

    for (guint i = 0; i < n_parts; i++)
      iov[i] = (struct iovec){ (void *)parts[i].data, parts[i].length };
    skip = wire_conn_send (conn, iov, n_parts);
    if (conn->broken)
      return;
  }
  for (guint i = 0; i < n_parts; i++) {
    const WirePart *part = &parts[i];
    gsize at = MIN (skip, part->length);

    skip -= at;
    if (at == part->length)
      continue;
    conn->out_length += part->length - at;
    if (part->bytes != NULL && at == 0 && part->length == g_bytes_get_size (part->bytes))
      g_queue_push_tail (&conn->out, g_bytes_ref (part->bytes));
    else if (part->bytes != NULL)
      g_queue_push_tail (&conn->out, g_bytes_new_with_free_func (
                                         (const char *)part->data + at, part->length - at,
                                         (GDestroyNotify)g_bytes_unref, g_bytes_ref (part->bytes)));
    else
      g_queue_push_tail (&conn->out,
                         g_bytes_new ((const char *)part->data + at, part->length - at));
  }
  wire_conn_update_wait (conn, FALSE);
  /* most often the kernel has no room left and epoll will tell; it may be that the rest cannot be
   * read (of a mapped file that was cut), and nobody would tell of that */
  wire_conn_flush (conn);
}

static void
wire_conn_linger (WireConn *conn)
{
  conn->state = WIRE_LINGER;
  conn->call = NULL;
  g_clear_pointer (&conn->in, g_byte_array_unref);
  g_clear_pointer (&conn->head, g_free);
  wire_conn_set_wait (conn, WIRE_FOR_CLOSE);
  conn->touched = conn->since;
  conn->readable = TRUE;
  wire_conn_wake (conn);
}

/* Answers what is no request, and closes. */
static void
wire_conn_refuse (WireConn *conn, guint status, const char *reason, const char *why)
{
  g_autofree char *text = wire_refuse (conn->wire, conn, status, reason, why);

  conn->served = TRUE;
  wire_conn_write (conn, &(WirePart){ text, strlen (text), NULL }, 1);
  wire_conn_linger (conn);
}

/* Reads what has come. Returns the bytes, 0 at the end of input, or -1 if there are none. */
static gssize
wire_conn_receive (WireConn *conn)
{
  ssize_t n;

  if (!conn->readable)
    return -1;
  do
    n = recv (conn->fd, conn->wire->scratch, WIRE_SCRATCH, MSG_DONTWAIT);
  while (n < 0 && errno == EINTR);
  if (n < 0) {
    conn->readable = FALSE;
    if (errno != EAGAIN)
      conn->broken = TRUE;
    return -1;
  }
  /* a stream that gave less than it was asked for has no more, and epoll tells of what comes
   * later; the end of input it has told of already */
  if (n < WIRE_SCRATCH && !conn->is_unix && !conn->fin)
    conn->readable = FALSE;
  return n;
}

static void
wire_conn_append (WireConn *conn, const char *bytes, gsize length)
{
  if (length == 0)
    return;
  if (conn->in == NULL)
    conn->in = g_byte_array_sized_new ((guint)length);
  g_byte_array_append (conn->in, (const guint8 *)bytes, (guint)length);
}

/* A verdict on a head is there. HEAD and BYTES stay valid until the hook has copied them. */
static void
wire_conn_judged (WireConn *conn, const HttpHead *head, const char *bytes, gsize length)
{
  if (head->state == HTTP_HEAD_REFUSED) {
    wire_conn_refuse (conn, head->status, head->reason, head->why);
    return;
  }
  wire_conn_append (conn, bytes + head->length, length - head->length);
  conn->state = WIRE_CALL;
  conn->served = TRUE;
  wire_conn_set_wait (conn, WIRE_FOR_NOTHING);
  conn->wire->hooks->request (conn, head, bytes, conn->wire->data);
}

/* Parses what is there already: of a pipelined request, or of a head that comes in pieces. */
static void
wire_conn_parse_kept (WireConn *conn)
{
  if (conn->head == NULL) {
    conn->head = g_new (HttpHead, 1);
    http_head_begin_request (conn->head);
  }
  if (http_head_feed (conn->head, (const char *)conn->in->data, conn->in->len) != HTTP_HEAD_MORE) {
    g_autoptr (GByteArray) in = g_steal_pointer (&conn->in);
    g_autofree HttpHead *head = g_steal_pointer (&conn->head);

    wire_conn_judged (conn, head, (const char *)in->data, in->len);
  }
}

/* Parses where it lies what has just been read: most heads come whole. */
static void
wire_conn_parse_scratch (WireConn *conn, gsize length)
{
  Wire *wire = conn->wire;

  http_head_begin_request (&wire->head);
  if (http_head_feed (&wire->head, wire->scratch, length) != HTTP_HEAD_MORE) {
    wire_conn_judged (conn, &wire->head, wire->scratch, length);
    return;
  }
  wire_conn_append (conn, wire->scratch, length);
  conn->head = g_memdup2 (&wire->head, sizeof wire->head);
}

static void
wire_conn_read_head (WireConn *conn)
{
  if (conn->in != NULL && conn->head == NULL)
    wire_conn_parse_kept (conn);
  while (conn->state == WIRE_WAIT) {
    gssize n = wire_conn_receive (conn);

    if (n == 0 || conn->broken) {
      wire_conn_destroy (conn);
      return;
    }
    if (n < 0)
      break;
    if (conn->in == NULL) {
      wire_conn_parse_scratch (conn, (gsize)n);
    } else {
      wire_conn_append (conn, conn->wire->scratch, (gsize)n);
      wire_conn_parse_kept (conn);
    }
  }
  if (conn->state == WIRE_WAIT && conn->in != NULL && conn->wait != WIRE_FOR_HEAD)
    wire_conn_set_wait (conn, WIRE_FOR_HEAD);
}

static void
wire_conn_discard (WireConn *conn)
{
  wire_conn_flush (conn);
  if (conn->broken) {
    wire_conn_destroy (conn);
    return;
  }
  if (conn->out_length > 0)
    return;
  if (!conn->shut)
    shutdown (conn->fd, SHUT_WR);
  conn->shut = TRUE;
  for (guint i = 0; i < DISCARDS; i++) {
    gssize n = wire_conn_receive (conn);

    if (n == 0 || conn->broken) {
      wire_conn_destroy (conn);
      return;
    }
    if (n < 0)
      return;
    conn->touched = g_get_monotonic_time ();
  }
  wire_conn_wake (conn);
}

void
wire_conn_turn (WireConn *conn)
{
  switch (conn->state) {
  case WIRE_WAIT:
    wire_conn_read_head (conn);
    break;
  case WIRE_CALL:
    if (conn->broken) {
      conn->wire->hooks->lost (conn, conn->wire->data);
      wire_conn_destroy (conn);
    } else {
      conn->wire->hooks->ready (conn, conn->wire->data);
    }
    break;
  case WIRE_LINGER:
    wire_conn_discard (conn);
    break;
  case WIRE_DEAD:
    break;
  }
}

void
wire_conn_events (WireConn *conn, guint32 events)
{
  if (conn->state == WIRE_DEAD)
    return;
  if (events & (EPOLLERR | EPOLLHUP))
    conn->broken = TRUE;
  if (events & (EPOLLIN | EPOLLRDHUP))
    conn->readable = TRUE;
  if (events & EPOLLRDHUP)
    conn->fin = TRUE;
  if (events & EPOLLOUT) {
    conn->writable = TRUE;
    if (!conn->broken)
      wire_conn_flush (conn);
  }
  wire_conn_turn (conn);
}

WireTaken
wire_conn_take (WireConn *conn, const char **ret_bytes, gsize *ret_length)
{
  gssize n;

  if (conn->broken)
    return WIRE_BROKEN;
  if (conn->in != NULL) {
    n = MIN (conn->in->len, WIRE_SCRATCH);
    memcpy (conn->wire->scratch, conn->in->data, (gsize)n);
    g_byte_array_remove_range (conn->in, 0, (guint)n);
    if (conn->in->len == 0)
      g_clear_pointer (&conn->in, g_byte_array_unref);
  } else {
    n = wire_conn_receive (conn);
    if (conn->broken) {
      wire_conn_wake (conn);
      return WIRE_BROKEN;
    }
    if (n < 0)
      return WIRE_WOULD_BLOCK;
    if (n == 0)
      return WIRE_END;
  }
  conn->body_bytes += n;
  *ret_bytes = conn->wire->scratch;
  *ret_length = (gsize)n;
  return WIRE_TAKEN;
}

void
wire_conn_untake (WireConn *conn, const char *bytes, gsize length)
{
  if (length == 0)
    return;
  conn->body_bytes -= (gint64)length;
  if (conn->in == NULL)
    conn->in = g_byte_array_sized_new ((guint)length);
  g_byte_array_prepend (conn->in, (const guint8 *)bytes, (guint)length);
}

void
wire_conn_wait_body (WireConn *conn, gboolean waiting)
{
  if (waiting == (conn->body_since != 0))
    return;
  if (waiting) {
    conn->body_since = g_get_monotonic_time ();
  } else {
    conn->body_waited += g_get_monotonic_time () - conn->body_since;
    conn->body_since = 0;
  }
  wire_conn_update_wait (conn, FALSE);
}

static void
wire_conn_check_body (WireConn *conn, gint64 now)
{
  gint64 waited = conn->body_waited + now - conn->body_since;

  if (waited < conn->wire->limits.body_ms * G_GINT64_CONSTANT (1000) ||
      conn->body_bytes * G_USEC_PER_SEC >= BODY_RATE * waited)
    return;
  conn->slow = TRUE;
  wire_conn_wake (conn);
}

void
wire_conn_check_time (WireConn *conn, gint64 now)
{
  switch (conn->wait) {
  case WIRE_FOR_HEAD:
    if (conn->in != NULL)
      wire_conn_refuse (conn, 408, "deadline", "the head did not come in time");
    else
      wire_conn_destroy (conn);
    break;
  case WIRE_FOR_REQUEST:
    wire_conn_destroy (conn);
    break;
  case WIRE_FOR_BODY:
    wire_conn_check_body (conn, now);
    break;
  case WIRE_FOR_READER:
    conn->broken = TRUE;
    wire_conn_set_wait (conn, WIRE_FOR_NOTHING);
    wire_conn_wake (conn);
    break;
  case WIRE_FOR_CLOSE:
    if (now - conn->touched >= LINGER_SILENT_US || now - conn->since >= LINGER_US)
      wire_conn_destroy (conn);
    break;
  case WIRE_FOR_NOTHING:
    break;
  }
}

void
wire_conn_next (WireConn *conn)
{
  if (conn->state != WIRE_CALL)
    return;
  conn->state = WIRE_WAIT;
  conn->call = NULL;
  conn->slow = FALSE;
  conn->body_since = conn->body_waited = conn->body_bytes = 0;
  wire_conn_set_wait (conn, WIRE_FOR_REQUEST);
  if (conn->in != NULL || conn->readable || conn->broken)
    wire_conn_wake (conn);
}

void
wire_conn_close (WireConn *conn)
{
  if (conn->state == WIRE_CALL)
    wire_conn_linger (conn);
}

void
wire_conn_reset (WireConn *conn)
{
  struct linger linger = { 1, 0 };

  if (conn->state == WIRE_DEAD)
    return;
  setsockopt (conn->fd, SOL_SOCKET, SO_LINGER, &linger, sizeof linger);
  wire_conn_destroy (conn);
}
