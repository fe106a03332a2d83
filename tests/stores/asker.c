/* SPDX-License-Identifier: Apache-2.0 */
/* asker: object-store/1 as routes, one call each, with its results as statuses. */
#include <daedalus-plugin.h>
#include <services/object-store.h>

#define HIGH_WATER (512 * 1024)
#define PIECE      (64 * 1024)
#define READS      4

typedef struct {
  const DaeObjectStore1 *store;
  DaePlugin *provider;
} Asker;

typedef struct {
  DaePlugin *self;
  DaeRequest *req;
  DaeStorePut *put;
  DaeStoreGet *get;
  DaeStream *stream;
  GSource *source; /* of the body */
  gboolean blocked, read;
  gulong gone;
  DaeJson *json;
} Ask;

static Ask *
ask_new (DaePlugin *self, DaeRequest *req)
{
  Ask *ask = g_new0 (Ask, 1);

  ask->self = self;
  ask->req = dae_request_ref (req);
  return ask;
}

static void
ask_drop_source (Ask *ask)
{
  if (ask->source != NULL)
    g_source_destroy (ask->source);
  g_clear_pointer (&ask->source, g_source_unref);
}

static void
ask_free (Ask *ask)
{
  ask_drop_source (ask);
  if (ask->gone != 0)
    g_signal_handler_disconnect (dae_request_gone (ask->req), ask->gone);
  dae_request_unref (ask->req);
  g_free (ask);
}

static DaeReply *
ask_result (Ask *ask, DaeStoreResult result, const char *why)
{
  static const guint statuses[] = { 200, 404, 507, 503, 409, 400 };
  static const char *const codes[] = { "ok", "not_found", "full", "unavailable", "refused", "cut" };

  return result == DAE_STORE_OK
             ? dae_reply_empty (ask->req, 204)
             : dae_reply_problem (ask->req, statuses[result], codes[result], why);
}

static void
ask_done (DaeStoreResult result, const char *why, gpointer data)
{
  Ask *ask = data;

  dae_send (ask->req, ask_result (ask, result, why));
  ask_free (ask);
}

/* ---- put ---- */

static void put_read (Ask *ask);

static gboolean
put_on_body (GObject *stream, gpointer data)
{
  Ask *ask = data;

  g_clear_pointer (&ask->source, g_source_unref);
  put_read (ask);
  return G_SOURCE_REMOVE;
}

static void
put_wait (Ask *ask)
{
  ask->source = g_pollable_input_stream_create_source (
      G_POLLABLE_INPUT_STREAM (dae_request_stream (ask->req)), NULL);
  g_source_set_callback (ask->source, G_SOURCE_FUNC (put_on_body), ask, NULL);
  g_source_attach (ask->source, g_main_context_get_thread_default ());
}

static void
put_read (Ask *ask)
{
  const Asker *asker = dae_data (ask->self);
  GPollableInputStream *stream = G_POLLABLE_INPUT_STREAM (dae_request_stream (ask->req));
  static char piece[PIECE];

  for (guint i = 0; i < READS && !ask->blocked; i++) {
    g_autoptr (GError) error = NULL;
    gssize n = g_pollable_input_stream_read_nonblocking (stream, piece, PIECE, NULL, &error);
    g_autoptr (GBytes) bytes = NULL;

    if (n == 0) {
      ask->read = TRUE;
      asker->store->put_finish (ask->put);
      return;
    }
    if (g_error_matches (error, G_IO_ERROR, G_IO_ERROR_WOULD_BLOCK))
      break;
    if (n < 0) {
      asker->store->put_cancel (ask->put);
      ask_done (DAE_STORE_CUT, error->message, ask);
      return;
    }
    bytes = g_bytes_new (piece, (gsize)n);
    ask->blocked = !asker->store->put_write (ask->put, bytes);
  }
  if (!ask->blocked)
    put_wait (ask);
}

static void
put_drained (DaeStorePut *put, gpointer data)
{
  Ask *ask = data;

  ask->blocked = FALSE;
  if (!ask->read && ask->source == NULL)
    put_wait (ask);
}

static void
put_done (DaeStorePut *put, DaeStoreResult result, const char *why, gpointer data)
{
  ask_done (result, why, data);
}

static void
put_on_gone (GCancellable *cancellable, gpointer data)
{
  Ask *ask = data;
  const Asker *asker = dae_data (ask->self);

  asker->store->put_cancel (ask->put);
  ask_free (ask);
}

static DaeOutcome
asker_put (DaeRequest *req, DaePlugin *self)
{
  static const DaeStorePutHooks hooks = { sizeof hooks, put_drained, put_done };
  const Asker *asker = dae_data (self);
  gint64 length = dae_request_query_int (req, "length", dae_request_body_length (req));
  Ask *ask = ask_new (self, req);

  ask->put = asker->store->put (asker->provider, dae_request_query (req, "key"),
                                dae_request_header (req, "Content-Type"), length, &hooks, ask);
  ask->gone = g_signal_connect (dae_request_gone (req), "cancelled", G_CALLBACK (put_on_gone), ask);
  put_read (ask);
  return DAE_LATER;
}

/* ---- get ---- */

static void
get_on_drain (DaeStream *stream, gpointer data)
{
  Ask *ask = data;
  const Asker *asker = dae_data (ask->self);

  asker->store->get_pause (ask->get, FALSE);
}

static void
get_on_gone (DaeStream *stream, gpointer data)
{
  Ask *ask = data;
  const Asker *asker = dae_data (ask->self);

  asker->store->get_cancel (ask->get);
  ask_free (ask);
}

static void
get_head (DaeStoreGet *get, gint64 length, gpointer data)
{
  Ask *ask = data;
  DaeReply *head = dae_reply_empty (ask->req, 200);
  g_autofree char *text = g_strdup_printf ("%" G_GINT64_FORMAT, length);

  dae_reply_header (head, "Content-Length", text);
  dae_reply_header (head, "Content-Type", "application/octet-stream");
  ask->stream = dae_stream_open (ask->req, head);
  dae_stream_on_drain (ask->stream, get_on_drain, ask);
  dae_stream_on_gone (ask->stream, get_on_gone, ask);
}

static void
get_body (DaeStoreGet *get, const char *bytes, gsize length, gpointer data)
{
  Ask *ask = data;
  const Asker *asker = dae_data (ask->self);
  g_autoptr (GBytes) copy = g_bytes_new (bytes, length);

  dae_stream_write (ask->stream, copy);
  if (dae_stream_queued (ask->stream) > HIGH_WATER)
    asker->store->get_pause (get, TRUE);
}

static void
get_end (DaeStoreGet *get, DaeStoreResult result, const char *why, gpointer data)
{
  Ask *ask = data;

  if (ask->stream == NULL)
    dae_send (ask->req, ask_result (ask, result, why));
  else if (result == DAE_STORE_OK)
    dae_stream_end (ask->stream);
  else
    dae_stream_abort (ask->stream);
  ask_free (ask);
}

static DaeOutcome
asker_get (DaeRequest *req, DaePlugin *self)
{
  static const DaeStoreGetHooks hooks = { sizeof hooks, get_head, get_body, get_end };
  const Asker *asker = dae_data (self);
  Ask *ask = ask_new (self, req);

  ask->get = asker->store->get (asker->provider, dae_request_query (req, "key"),
                                dae_request_query_int (req, "offset", 0),
                                dae_request_query_int (req, "length", -1), &hooks, ask);
  return DAE_LATER;
}

/* ---- the rest ---- */

static DaeOutcome
asker_remove (DaeRequest *req, DaePlugin *self)
{
  const Asker *asker = dae_data (self);

  asker->store->remove (asker->provider, dae_request_query (req, "key"), ask_done,
                        ask_new (self, req));
  return DAE_LATER;
}

static DaeOutcome
asker_tidy (DaeRequest *req, DaePlugin *self)
{
  const Asker *asker = dae_data (self);

  asker->store->tidy (asker->provider, dae_now (self), ask_done, ask_new (self, req));
  return DAE_LATER;
}

static void
list_item (const char *key, gint64 size, gint64 modified_at, gpointer data)
{
  Ask *ask = data;

  dae_json_begin_object (ask->json, NULL);
  dae_json_text (ask->json, "key", key);
  dae_json_int (ask->json, "size", size);
  dae_json_int (ask->json, "modified_at", modified_at);
  dae_json_end (ask->json);
}

static void
list_done (DaeStoreResult result, const char *why, gpointer data)
{
  Ask *ask = data;

  dae_json_end (ask->json);
  dae_json_end (ask->json);
  dae_send (ask->req, result == DAE_STORE_OK ? dae_reply_json (ask->req, 200, ask->json)
                                             : ask_result (ask, result, why));
  ask_free (ask);
}

static DaeOutcome
asker_list (DaeRequest *req, DaePlugin *self)
{
  const Asker *asker = dae_data (self);
  Ask *ask = ask_new (self, req);

  ask->json = dae_json_new (req);
  dae_json_begin_object (ask->json, NULL);
  dae_json_begin_array (ask->json, "items");
  asker->store->list (asker->provider, dae_request_query (req, "prefix"),
                      dae_request_query (req, "after"),
                      (guint)dae_request_query_int (req, "max", 100000), list_item, list_done, ask);
  return DAE_LATER;
}

static gboolean
asker_start (DaePlugin *self, GError **error)
{
  Asker *asker = g_new0 (Asker, 1);

  asker->store = dae_service (self, "object-store/1", &asker->provider);
  dae_set_data (self, asker, g_free);
  return TRUE;
}

static const DaeMember query[] = {
  { .name = "key", .flags = DAE_MEMBER_MULTILINE, .max = 2000 },
  { .name = "length", .type = DAE_MEMBER_INT, .min = -1, .max = G_MAXINT64 },
  { .name = "offset", .type = DAE_MEMBER_INT, .min = 0, .max = G_MAXINT64 },
  { .name = "prefix", .flags = DAE_MEMBER_MULTILINE, .max = 2000 },
  { .name = "after", .flags = DAE_MEMBER_MULTILINE, .max = 2000 },
  { .name = "max", .type = DAE_MEMBER_INT, .min = 0, .max = 100000 },
};

#define ROUTE(verb, path, func, kind)                                                              \
  {                                                                                                \
    .method = verb, .pattern = "/api/asker/" path, .loop = func, .auth = DAE_AUTH_NONE,            \
    .body = kind, .body_max = G_GINT64_CONSTANT (1) << 40, .flags = DAE_ROUTE_STREAMS,             \
    .query = DAE_TABLE (query)                                                                     \
  }

static const DaeRoute routes[] = {
  ROUTE ("PUT", "object", asker_put, DAE_BODY_STREAM),
  ROUTE ("GET", "object", asker_get, DAE_BODY_NONE),
  ROUTE ("DELETE", "object", asker_remove, DAE_BODY_NONE),
  ROUTE ("GET", "objects", asker_list, DAE_BODY_NONE),
  ROUTE ("POST", "tidy", asker_tidy, DAE_BODY_NONE),
};

static const char *const needs[] = { "object-store/1", NULL };

DAE_PLUGIN_DEFINE (.name = "asker",
                   .version = "1.0",
                   .summary = "A plugin for tests and measurements",
                   .needs = needs,
                   .routes = DAE_TABLE (routes),
                   .start = asker_start);
