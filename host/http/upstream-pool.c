/* SPDX-License-Identifier: Apache-2.0 */
/* upstream-pool: connections by origin: those that are idle, and those being made. */
#include "upstream-private.h"
#include "upstream-trust.h"

#include <gio/gunixsocketaddress.h>

#define IDLE_US (30 * G_USEC_PER_SEC)

struct UpstreamOrigin {
  char *key;      /* owned */
  guint n_conns;  /* open or being made */
  GQueue idle;    /* (element-type UpstreamConn) the latest first */
  GQueue waiting; /* (element-type UpstreamFetch) the first first */
};

/* A connection being made. It outlives the fetch that asked for it, and the upstream, if it must:
 * GIO calls back when it likes. */
struct UpstreamDial {
  Upstream *upstream;     /* NULL: freed */
  UpstreamOrigin *origin; /* valid while `upstream` is set */
  UpstreamFetch *fetch;   /* NULL: has no interest any more */
  GCancellable *cancellable;
  GSocketConnection *socket;
  char *host;
  guint16 port;
  GTlsDatabase *authorities;
  gboolean tls;
  GList link;
};

static void
upstream_pool_free_origin (gpointer data)
{
  UpstreamOrigin *origin = data;

  g_free (origin->key);
  g_free (origin);
}

static UpstreamOrigin *
upstream_pool_origin (Upstream *upstream, const char *key)
{
  UpstreamOrigin *origin;

  if (upstream->origins == NULL)
    upstream->origins =
        g_hash_table_new_full (g_str_hash, g_str_equal, NULL, upstream_pool_free_origin);
  origin = g_hash_table_lookup (upstream->origins, key);
  if (origin == NULL) {
    origin = g_new0 (UpstreamOrigin, 1);
    origin->key = g_strdup (key);
    g_hash_table_insert (upstream->origins, origin->key, origin);
  }
  return origin;
}

static void upstream_pool_dial (UpstreamFetch *fetch, UpstreamOrigin *origin);

/* A connection of ORIGIN is gone. */
static void
upstream_pool_lost (Upstream *upstream, UpstreamOrigin *origin)
{
  UpstreamFetch *next = NULL;

  origin->n_conns--;
  if (origin->waiting.head != NULL) {
    next = origin->waiting.head->data;
    upstream_pool_forget (next);
    upstream_pool_dial (next, origin);
  } else if (origin->n_conns == 0) {
    g_hash_table_remove (upstream->origins, origin->key);
  }
}

static void
upstream_pool_free_dial (UpstreamDial *dial)
{
  if (dial->upstream != NULL)
    g_queue_unlink (&dial->upstream->dials, &dial->link);
  if (dial->fetch != NULL)
    dial->fetch->dial = NULL;
  g_object_unref (dial->cancellable);
  g_clear_object (&dial->socket);
  g_clear_object (&dial->authorities);
  g_free (dial->host);
  g_free (dial);
}

/* CONN is new. */
static void
upstream_pool_use (UpstreamConn *conn, UpstreamFetch *fetch)
{
  gsize length;
  char byte;

  if (upstream_conn_read (conn, &byte, 1, &length) != UPSTREAM_IO_OK) {
    upstream_request_begin (fetch, conn);
    return;
  }
  upstream_pool_close (conn);
  upstream_fetch_fail (fetch, g_error_new_literal (G_IO_ERROR, G_IO_ERROR_INVALID_DATA,
                                                   "the upstream answered before it was asked"));
}

/* The dial is over: STREAM is TLS, or NULL for a plain connection or where ERROR says why not. Both
 * are given. */
static void
upstream_pool_dialled (UpstreamDial *dial, GIOStream *stream, GError *error)
{
  Upstream *upstream = dial->upstream;
  UpstreamOrigin *origin = dial->origin;
  UpstreamFetch *fetch = dial->fetch;
  UpstreamConn *conn;

  if (upstream == NULL || fetch == NULL || error != NULL) {
    g_clear_object (&stream);
    upstream_pool_free_dial (dial);
    if (upstream != NULL && fetch != NULL)
      upstream_fetch_fail (fetch, g_steal_pointer (&error));
    if (upstream != NULL)
      upstream_pool_lost (upstream, origin);
    g_clear_error (&error);
    return;
  }
  conn = upstream_conn_new (origin, upstream, g_steal_pointer (&dial->socket), stream);
  upstream_pool_free_dial (dial);
  upstream_pool_use (conn, fetch);
}

static void
upstream_pool_shaken (GObject *source, GAsyncResult *result, gpointer data)
{
  GTlsConnection *tls = G_TLS_CONNECTION (source);
  GError *error = NULL;

  g_tls_connection_handshake_finish (tls, result, &error);
  if (g_error_matches (error, G_TLS_ERROR, G_TLS_ERROR_BAD_CERTIFICATE)) {
    g_clear_error (&error);
    g_set_error_literal (&error, G_TLS_ERROR, G_TLS_ERROR_BAD_CERTIFICATE,
                         upstream_trust_why (g_tls_connection_get_peer_certificate_errors (tls)));
  }
  upstream_pool_dialled (data, g_object_ref (G_IO_STREAM (source)), error);
  g_object_unref (source);
}

static void
upstream_pool_shake (UpstreamDial *dial)
{
  static const char *const protocols[] = { "http/1.1", NULL };
  g_autoptr (GSocketConnectable) identity = g_network_address_new (dial->host, dial->port);
  GError *error = NULL;
  GIOStream *tls = g_tls_client_connection_new (G_IO_STREAM (dial->socket), identity, &error);

  if (tls == NULL) {
    upstream_pool_dialled (dial, NULL, error);
    return;
  }
  g_tls_connection_set_advertised_protocols (G_TLS_CONNECTION (tls), protocols);
  if (dial->authorities != NULL)
    g_tls_connection_set_database (G_TLS_CONNECTION (tls), dial->authorities);
  g_tls_connection_handshake_async (G_TLS_CONNECTION (tls), G_PRIORITY_DEFAULT, dial->cancellable,
                                    upstream_pool_shaken, dial);
}

static void
upstream_pool_connected (GObject *source, GAsyncResult *result, gpointer data)
{
  UpstreamDial *dial = data;
  GError *error = NULL;

  dial->socket = g_socket_client_connect_finish (G_SOCKET_CLIENT (source), result, &error);
  if (dial->socket != NULL && dial->tls && dial->fetch != NULL)
    upstream_pool_shake (dial);
  else
    upstream_pool_dialled (dial, NULL, error);
}

static void
upstream_pool_dial (UpstreamFetch *fetch, UpstreamOrigin *origin)
{
  Upstream *upstream = fetch->upstream;
  const UpstreamUrl *url = fetch->url;
  g_autoptr (GSocketClient) client = g_socket_client_new ();
  g_autoptr (GSocketConnectable) address = NULL;
  UpstreamDial *dial = g_new0 (UpstreamDial, 1);

  dial->upstream = upstream;
  dial->origin = origin;
  dial->fetch = fetch;
  dial->tls = url->tls;
  dial->host = g_strdup (url->host);
  dial->port = url->port;
  dial->cancellable = g_cancellable_new ();
  dial->link.data = dial;
  g_set_object (&dial->authorities, upstream->authorities);
  g_queue_push_tail_link (&upstream->dials, &dial->link);
  fetch->dial = dial;
  origin->n_conns++;
  if (url->socket_path != NULL)
    address = G_SOCKET_CONNECTABLE (g_unix_socket_address_new (url->socket_path));
  else
    address = g_network_address_new (url->host, url->port);
  g_socket_client_set_enable_proxy (client, FALSE);
  g_socket_client_connect_async (client, address, dial->cancellable, upstream_pool_connected, dial);
}

void
upstream_pool_acquire (UpstreamFetch *fetch)
{
  Upstream *upstream = fetch->upstream;
  UpstreamOrigin *origin = upstream_pool_origin (upstream, fetch->url->origin);

  while (!fetch->retried && origin->idle.head != NULL) {
    UpstreamConn *conn = origin->idle.head->data;
    gboolean last = origin->n_conns == 1;

    if (upstream_conn_is_quiet (conn)) {
      g_queue_unlink (&origin->idle, &conn->idle_link);
      conn->idle = FALSE;
      conn->reused = TRUE;
      upstream_request_begin (fetch, conn);
      return;
    }
    upstream_pool_close (conn);
    if (last)
      origin = upstream_pool_origin (upstream, fetch->url->origin);
  }
  if (origin->n_conns < upstream->max_conns) {
    upstream_pool_dial (fetch, origin);
    return;
  }
  if (origin->waiting.length >= upstream->max_waiting) {
    upstream_fetch_fail_soon (
        fetch, g_error_new_literal (G_IO_ERROR, G_IO_ERROR_BUSY,
                                    "too many requests wait for this upstream already"));
    return;
  }
  fetch->waits = TRUE;
  fetch->wait_link.data = fetch;
  g_queue_push_tail_link (&origin->waiting, &fetch->wait_link);
}

void
upstream_pool_forget (UpstreamFetch *fetch)
{
  if (fetch->waits) {
    UpstreamOrigin *origin = upstream_pool_origin (fetch->upstream, fetch->url->origin);

    g_queue_unlink (&origin->waiting, &fetch->wait_link);
    fetch->waits = FALSE;
  }
  if (fetch->dial != NULL) {
    UpstreamDial *dial = g_steal_pointer (&fetch->dial);

    dial->fetch = NULL;
    g_cancellable_cancel (dial->cancellable);
  }
}

void
upstream_pool_release (UpstreamConn *conn)
{
  UpstreamOrigin *origin = conn->origin;

  conn->fetch = NULL;
  if (origin->waiting.head != NULL) {
    UpstreamFetch *next = origin->waiting.head->data;

    /* what came after an answer must not answer the next */
    if (!upstream_conn_is_quiet (conn)) {
      upstream_pool_close (conn);
      return;
    }
    upstream_pool_forget (next);
    conn->reused = TRUE;
    upstream_request_begin (next, conn);
    return;
  }
  conn->idle = TRUE;
  conn->idle_since = g_get_monotonic_time ();
  upstream_conn_want (conn, TRUE, FALSE);
  g_queue_push_head_link (&origin->idle, &conn->idle_link);
  upstream_ring_by (conn->upstream, conn->idle_since + IDLE_US);
}

void
upstream_pool_close (UpstreamConn *conn)
{
  Upstream *upstream = conn->upstream;
  UpstreamOrigin *origin = conn->origin;

  if (conn->idle)
    g_queue_unlink (&origin->idle, &conn->idle_link);
  upstream_conn_free (conn);
  upstream_pool_lost (upstream, origin);
}

gint64
upstream_pool_expire (Upstream *upstream, gint64 now)
{
  g_autoptr (GPtrArray) old = g_ptr_array_new ();
  GHashTableIter iter;
  gpointer value;
  gint64 next = 0;

  if (upstream->origins == NULL)
    return 0;
  g_hash_table_iter_init (&iter, upstream->origins);
  while (g_hash_table_iter_next (&iter, NULL, &value))
    for (GList *link = ((UpstreamOrigin *)value)->idle.head; link != NULL; link = link->next) {
      UpstreamConn *conn = link->data;
      gint64 due = conn->idle_since + IDLE_US;

      if (due <= now)
        g_ptr_array_add (old, conn);
      else if (next == 0 || due < next)
        next = due;
    }
  for (guint i = 0; i < old->len; i++)
    upstream_pool_close (old->pdata[i]);
  return next;
}

void
upstream_pool_clear (Upstream *upstream)
{
  upstream_pool_expire (upstream, G_MAXINT64);
  while (upstream->dials.head != NULL) {
    UpstreamDial *dial = upstream->dials.head->data;

    g_queue_unlink (&upstream->dials, &dial->link);
    dial->upstream = NULL;
    dial->origin = NULL;
    g_cancellable_cancel (dial->cancellable);
  }
  g_clear_pointer (&upstream->origins, g_hash_table_unref);
}
