/* SPDX-License-Identifier: Apache-2.0 */
/* hub: open event streams: written to, commented, watched, ended.
 *
 * Each stream is in one list, by what it waits for, and each list is in the
 * order in which that began: so the tick looks at those only whose time it is.
 */
#include "hub.h"

#include <errno.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#define HUB_EVENTS     256
#define HUB_MAX_QUEUED (1024 * 1024)
#define HUB_PARTS      48 /* of one gathered write: three for each piece */
#define HUB_TICK_MS    250
#define HUB_COMMENTS   1000 /* in one tick: the loop has other work */

typedef enum {
  HUB_SILENT = 0, /* all is sent: since the last write */
  HUB_BLOCKED,    /* something is queued: since the reader took something */
  HUB_LEFT,       /* the reader is gone, and nobody has heard of it yet */
  HUB_DEAD,       /* closed; freed when no event can point to it any more */
  HUB_N_LISTS,
} HubList;

/* What a slow reader has not taken yet; a reader that keeps up has none. */
typedef struct {
  GQueue pieces; /* (element-type GBytes) owned, without their frames */
  gsize at;      /* sent of the first one and its frame */
  gsize length;  /* of all, without frames */
} HubBacklog;

struct HubStream {
  Hub *hub;
  gpointer data;
  HubStream *prev, *next; /* in its list */
  HubBacklog *backlog;    /* owned, or NULL */
  gint64 since;
  gint64 sent;
  int fd;
  guint list : 3;
  guint chunked : 1;
  guint writable : 1;
  guint filled : 1; /* something was queued, and nobody has heard that it is no more */
  guint ending : 1; /* nobody holds the handle any more */
};

typedef struct {
  HubStream *head, *tail;
} HubChain;

typedef struct {
  GSource base;
  Hub *hub;
} HubSource;

struct Hub {
  HubLimits limits;
  const HubHooks *hooks;
  GBytes *comment;
  GSource *source, *tick;
  gpointer tag;
  int epoll;
  guint count;
  HubChain lists[HUB_N_LISTS];
};

static const char hub_last_chunk[] = "0\r\n\r\n";

static void
hub_unlink (HubStream *stream)
{
  HubChain *chain = &stream->hub->lists[stream->list];

  *(stream->prev ? &stream->prev->next : &chain->head) = stream->next;
  *(stream->next ? &stream->next->prev : &chain->tail) = stream->prev;
}

static void
hub_link (HubStream *stream, HubList list)
{
  HubChain *chain = &stream->hub->lists[list];

  stream->list = list;
  stream->prev = chain->tail;
  stream->next = NULL;
  *(chain->tail ? &chain->tail->next : &chain->head) = stream;
  chain->tail = stream;
}

/* To the end of LIST, where its wait begins. */
static void
hub_move (HubStream *stream, HubList list)
{
  hub_unlink (stream);
  hub_link (stream, list);
  stream->since = g_get_monotonic_time ();
}

static void
hub_drop_backlog (HubStream *stream)
{
  if (!stream->backlog)
    return;
  g_queue_clear_full (&stream->backlog->pieces, (GDestroyNotify)g_bytes_unref);
  g_clear_pointer (&stream->backlog, g_free);
}

static void
hub_close (HubStream *stream)
{
  hub_drop_backlog (stream);
  close (stream->fd);
  stream->hub->count--;
  hub_move (stream, HUB_DEAD);
}

/* The reader is gone: who holds the handle hears of it from the loop. */
static void
hub_lose (HubStream *stream)
{
  if (stream->ending) {
    hub_close (stream);
    return;
  }
  hub_drop_backlog (stream);
  if (stream->list != HUB_LEFT)
    hub_move (stream, HUB_LEFT);
}

/* ---- output ------------------------------------------------------------------ */

/* The parts of one piece, less the first SKIP bytes; LINE is that of its chunk. */
static guint
hub_frame (const HubStream *stream, GBytes *bytes, gsize skip, char line[24], struct iovec *iov)
{
  gsize length;
  const char *data = g_bytes_get_data (bytes, &length);
  struct iovec all[3] = { { line, 0 }, { (void *)data, length }, { (void *)"\r\n", 2 } };
  guint n = 0;

  if (stream->chunked)
    all[0].iov_len = http_body_chunk_line (length, line);
  else
    all[2].iov_len = 0;
  for (guint i = 0; i < G_N_ELEMENTS (all); i++) {
    gsize less = MIN (skip, all[i].iov_len);

    skip -= less;
    if (less < all[i].iov_len)
      iov[n++] = (struct iovec){ (char *)all[i].iov_base + less, all[i].iov_len - less };
  }
  return n;
}

/* What the kernel took; -1: the reader is gone. */
static gssize
hub_send (HubStream *stream, struct iovec *iov, guint n_iov)
{
  struct msghdr message = { .msg_iov = iov, .msg_iovlen = n_iov };
  ssize_t n;

  do
    n = sendmsg (stream->fd, &message, MSG_NOSIGNAL | MSG_DONTWAIT);
  while (n < 0 && errno == EINTR);
  if (n < 0) {
    stream->writable = FALSE;
    return errno == EAGAIN ? 0 : -1;
  }
  stream->sent += n;
  return n;
}

/* The length of a piece with its frame. */
static gsize
hub_framed (const HubStream *stream, gsize length)
{
  char line[24];

  return stream->chunked ? http_body_chunk_line (length, line) + length + 2 : length;
}

/* Takes what was sent off the backlog. */
static void
hub_advance (HubStream *stream, gsize taken)
{
  HubBacklog *backlog = stream->backlog;

  backlog->at += taken;
  while (!g_queue_is_empty (&backlog->pieces)) {
    GBytes *first = g_queue_peek_head (&backlog->pieces);
    gsize framed = hub_framed (stream, g_bytes_get_size (first));

    if (backlog->at < framed)
      return;
    backlog->at -= framed;
    backlog->length -= g_bytes_get_size (first);
    g_bytes_unref (g_queue_pop_head (&backlog->pieces));
  }
  hub_drop_backlog (stream);
}

/* FALSE: the reader is gone. */
static gboolean
hub_flush (HubStream *stream)
{
  while (stream->backlog && stream->writable) {
    struct iovec iov[HUB_PARTS];
    char lines[HUB_PARTS / 3][24];
    guint n = 0, n_pieces = 0;
    gssize taken;

    for (GList *link = stream->backlog->pieces.head; link && n_pieces < HUB_PARTS / 3;
         link = link->next, n_pieces++)
      n += hub_frame (stream, link->data, n_pieces == 0 ? stream->backlog->at : 0, lines[n_pieces],
                      iov + n);
    taken = hub_send (stream, iov, n);
    if (taken < 0)
      return FALSE;
    if (taken == 0)
      break;
    hub_advance (stream, (gsize)taken);
    hub_move (stream, stream->backlog ? HUB_BLOCKED : HUB_SILENT);
  }
  return TRUE;
}

static void
hub_queue (HubStream *stream, GBytes *bytes, gsize taken)
{
  if (!stream->backlog) {
    stream->backlog = g_new0 (HubBacklog, 1);
    stream->backlog->at = taken;
    hub_move (stream, HUB_BLOCKED);
  }
  g_queue_push_tail (&stream->backlog->pieces, g_bytes_ref (bytes));
  stream->backlog->length += g_bytes_get_size (bytes);
  stream->filled = TRUE;
}

gboolean
hub_write (HubStream *stream, GBytes *bytes)
{
  gsize length = g_bytes_get_size (bytes);
  gssize taken = 0;

  /* what nobody reads any more is as good as sent */
  if (length == 0 || stream->list == HUB_LEFT)
    return TRUE;
  if (stream->backlog && stream->backlog->length + length > HUB_MAX_QUEUED)
    return FALSE;
  if (!stream->backlog && stream->writable) {
    struct iovec iov[3];
    char line[24];
    guint n = hub_frame (stream, bytes, 0, line, iov);

    taken = hub_send (stream, iov, n);
    if (taken < 0) {
      hub_lose (stream);
      return TRUE;
    }
    if ((gsize)taken == hub_framed (stream, length)) {
      hub_move (stream, HUB_SILENT);
      return TRUE;
    }
    stream->writable = FALSE;
  }
  hub_queue (stream, bytes, (gsize)taken);
  return TRUE;
}

gsize
hub_queued (const HubStream *stream)
{
  return stream->backlog ? stream->backlog->length : 0;
}

gint64
hub_sent (const HubStream *stream)
{
  return stream->sent + (gint64)hub_queued (stream);
}

/* Everything is sent but the end. */
static void
hub_finish (HubStream *stream)
{
  struct iovec iov = { (void *)hub_last_chunk, sizeof hub_last_chunk - 1 };

  /* where the kernel takes none of these few bytes, the reader sees a cut, as it should */
  if (stream->chunked)
    hub_send (stream, &iov, 1);
  hub_close (stream);
}

void
hub_end (HubStream *stream)
{
  stream->data = NULL;
  stream->ending = TRUE;
  if (stream->list == HUB_LEFT)
    hub_close (stream);
  else if (!stream->backlog)
    hub_finish (stream);
}

void
hub_abort (HubStream *stream)
{
  struct linger linger = { 1, 0 };

  /* an answer without chunks would look whole */
  if (!stream->chunked)
    setsockopt (stream->fd, SOL_SOCKET, SO_LINGER, &linger, sizeof linger);
  hub_close (stream);
}

/* ---- events ------------------------------------------------------------------ */

static void
hub_tell_gone (HubStream *stream)
{
  gpointer data = stream->data;

  hub_close (stream);
  stream->hub->hooks->gone (stream, data);
}

static void
hub_on_events (HubStream *stream, guint32 events)
{
  if (stream->list == HUB_DEAD || stream->list == HUB_LEFT)
    return;
  /* whoever has shut its side down reads no events either */
  if (events & (EPOLLERR | EPOLLHUP | EPOLLRDHUP)) {
    hub_lose (stream);
    return;
  }
  stream->writable = TRUE;
  if (!hub_flush (stream)) {
    hub_lose (stream);
  } else if (!stream->backlog && stream->ending) {
    hub_finish (stream);
  } else if (!stream->backlog && stream->filled) {
    stream->filled = FALSE;
    stream->hub->hooks->drained (stream, stream->data);
  }
}

static void
hub_bury (Hub *hub)
{
  while (hub->lists[HUB_DEAD].head) {
    HubStream *stream = hub->lists[HUB_DEAD].head;

    hub_unlink (stream);
    g_free (stream);
  }
}

/* Not called while the source is dispatched: no event points to the dead any more. */
static gboolean
hub_prepare (GSource *source, int *timeout)
{
  Hub *hub = ((HubSource *)source)->hub;

  *timeout = -1;
  hub_bury (hub);
  return hub->lists[HUB_LEFT].head != NULL;
}

static gboolean
hub_check (GSource *source)
{
  Hub *hub = ((HubSource *)source)->hub;

  return hub->lists[HUB_LEFT].head != NULL || g_source_query_unix_fd (source, hub->tag) != 0;
}

static gboolean
hub_dispatch (GSource *source, GSourceFunc func, gpointer data)
{
  Hub *hub = ((HubSource *)source)->hub;
  struct epoll_event events[HUB_EVENTS];
  int n = epoll_wait (hub->epoll, events, HUB_EVENTS, 0);

  for (int i = 0; i < n; i++)
    hub_on_events (events[i].data.ptr, events[i].events);
  /* as many as can be told of in a moment: others of the loop have their turn between */
  for (guint i = 0; i < HUB_EVENTS && hub->lists[HUB_LEFT].head; i++)
    hub_tell_gone (hub->lists[HUB_LEFT].head);
  return G_SOURCE_CONTINUE;
}

static GSourceFuncs hub_source_funcs = {
  .prepare = hub_prepare,
  .check = hub_check,
  .dispatch = hub_dispatch,
};

static gboolean
hub_on_tick (gpointer data)
{
  Hub *hub = data;
  gint64 now = g_get_monotonic_time ();
  gint64 silent = now - hub->limits.silence_ms * G_GINT64_CONSTANT (1000);
  gint64 stalled = now - hub->limits.stall_ms * G_GINT64_CONSTANT (1000);
  HubStream *stream;

  while ((stream = hub->lists[HUB_BLOCKED].head) && stream->since <= stalled)
    hub_lose (stream);
  /* each write takes the stream to another place */
  for (guint i = 0; i < HUB_COMMENTS; i++) {
    stream = hub->lists[HUB_SILENT].head;
    if (!stream || stream->since > silent)
      break;
    hub_write (stream, hub->comment);
  }
  return G_SOURCE_CONTINUE;
}

/* ---- life -------------------------------------------------------------------- */

HubStream *
hub_add (Hub *hub, int fd, HttpFraming framing, gint64 sent)
{
  HubStream *stream = g_new0 (HubStream, 1);
  struct epoll_event event = { .events = EPOLLOUT | EPOLLRDHUP | EPOLLET, .data.ptr = stream };

  stream->hub = hub;
  stream->fd = fd;
  stream->sent = sent;
  stream->chunked = framing == HTTP_FRAMING_CHUNKED;
  stream->writable = TRUE;
  stream->since = g_get_monotonic_time ();
  hub_link (stream, HUB_SILENT);
  hub->count++;
  if (epoll_ctl (hub->epoll, EPOLL_CTL_ADD, fd, &event) < 0)
    hub_lose (stream);
  return stream;
}

void
hub_set_data (HubStream *stream, gpointer data)
{
  stream->data = data;
}

guint
hub_count (const Hub *hub)
{
  return hub->count;
}

void
hub_cut (Hub *hub)
{
  for (HubList list = HUB_SILENT; list < HUB_DEAD; list++) {
    while (hub->lists[list].head) {
      HubStream *stream = hub->lists[list].head;

      if (stream->ending)
        hub_close (stream);
      else
        hub_tell_gone (stream);
    }
  }
}

Hub *
hub_new (HubLimits limits, const HubHooks *hooks)
{
  Hub *hub = g_new0 (Hub, 1);
  GMainContext *context = g_main_context_get_thread_default ();

  hub->limits = limits;
  hub->hooks = hooks;
  hub->comment = g_bytes_new_static (":\n\n", 3);
  hub->epoll = epoll_create1 (EPOLL_CLOEXEC);
  hub->source = g_source_new (&hub_source_funcs, sizeof (HubSource));
  ((HubSource *)hub->source)->hub = hub;
  hub->tag = g_source_add_unix_fd (hub->source, hub->epoll, G_IO_IN);
  g_source_set_name (hub->source, "hub");
  g_source_attach (hub->source, context);
  hub->tick = g_timeout_source_new (HUB_TICK_MS);
  g_source_set_callback (hub->tick, hub_on_tick, hub, NULL);
  g_source_attach (hub->tick, context);
  return hub;
}

void
hub_free (Hub *hub)
{
  hub_cut (hub);
  hub_bury (hub);
  g_source_destroy (hub->source);
  g_source_unref (hub->source);
  g_source_destroy (hub->tick);
  g_source_unref (hub->tick);
  close (hub->epoll);
  g_bytes_unref (hub->comment);
  g_free (hub);
}
