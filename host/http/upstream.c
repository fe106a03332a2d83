/* SPDX-License-Identifier: Apache-2.0 */
/* upstream: outgoing requests, from fetch_new to their end.
 *
 * Whatever goes wrong is told by the `end` hook, and only from the loop: a
 * fetch that cannot even be sent fails at the next turn. One clock serves all
 * time limits; a limit that moves on costs nothing until its old time comes.
 */
#include "upstream-private.h"
#include "upstream-trust.h"

#include "../config/config.h"
#include "../plugin/plugin.h"

#include <string.h>

#define MAX_CONNS   256
#define MAX_WAITING 1024

typedef struct {
  GSource base;
  Upstream *upstream;
} UpstreamClock;

gboolean
upstream_fetch_bury (UpstreamFetch *fetch)
{
  if (!fetch->dead)
    return FALSE;
  if (fetch->hooks_running > 0)
    return TRUE;
  g_free (fetch->method);
  upstream_url_free (fetch->url);
  g_string_free (fetch->headers, TRUE);
  g_free (fetch->type);
  g_clear_pointer (&fetch->body, g_bytes_unref);
  g_clear_object (&fetch->input);
  g_clear_error (&fetch->error);
  if (fetch->out != NULL)
    g_string_free (fetch->out, TRUE);
  g_clear_pointer (&fetch->in, g_byte_array_unref);
  g_free (fetch->text);
  g_free (fetch);
  return TRUE;
}

void
upstream_ring_by (Upstream *upstream, gint64 deadline)
{
  if (upstream->next_deadline != 0 && upstream->next_deadline <= deadline)
    return;
  upstream->next_deadline = deadline;
  g_source_set_ready_time (upstream->clock, deadline);
}

void
upstream_fetch_set_deadline (UpstreamFetch *fetch, guint ms, const char *late)
{
  fetch->late = late;
  fetch->deadline = 0;
  if (ms == 0)
    return;
  fetch->deadline = g_get_monotonic_time () + ms * G_GINT64_CONSTANT (1000);
  upstream_ring_by (fetch->upstream, fetch->deadline);
}

void
upstream_fetch_rearm (UpstreamFetch *fetch)
{
  if (fetch->input_source != NULL || (fetch->state == UPSTREAM_BODY && fetch->paused))
    fetch->deadline = 0;
  else if (fetch->state == UPSTREAM_SENDING)
    upstream_fetch_set_deadline (fetch, fetch->idle_ms, "room for the next byte of the request");
  else if (fetch->state == UPSTREAM_BODY)
    upstream_fetch_set_deadline (fetch, fetch->idle_ms, "the next byte of the body");
}

void
upstream_fetch_want (UpstreamFetch *fetch)
{
  gboolean read = fetch->state != UPSTREAM_BODY || !fetch->paused;

  upstream_conn_want (fetch->conn, read, fetch->wants_write);
}

void
upstream_fetch_ready (UpstreamFetch *fetch)
{
  if (fetch->is_ready)
    return;
  fetch->is_ready = TRUE;
  g_queue_push_tail_link (&fetch->upstream->ready, &fetch->ready_link);
  upstream_ring_by (fetch->upstream, g_get_monotonic_time ());
}

void
upstream_fetch_fail_soon (UpstreamFetch *fetch, GError *error)
{
  g_clear_error (&fetch->error);
  fetch->error = error;
  upstream_fetch_ready (fetch);
}

/* It takes part no more. */
static void
upstream_fetch_unlink (UpstreamFetch *fetch)
{
  fetch->state = UPSTREAM_OVER;
  g_queue_unlink (&fetch->upstream->fetches, &fetch->link);
  if (fetch->is_ready)
    g_queue_unlink (&fetch->upstream->ready, &fetch->ready_link);
  fetch->is_ready = FALSE;
}

/* Lets go of what FETCH holds of the pool. */
static void
upstream_fetch_detach (UpstreamFetch *fetch, gboolean reusable)
{
  UpstreamConn *conn = g_steal_pointer (&fetch->conn);

  upstream_pool_forget (fetch);
  upstream_request_stop (fetch);
  fetch->deadline = 0;
  if (conn == NULL)
    return;
  if (reusable) {
    upstream_pool_release (conn);
  } else {
    /* a connection in use is on no list of idle ones */
    upstream_pool_close (conn);
  }
}

void
upstream_fetch_enter (UpstreamFetch *fetch)
{
  fetch->hooks_running++;
  plugin_enter (fetch->plugin, "fetch");
}

void
upstream_fetch_leave (UpstreamFetch *fetch)
{
  plugin_leave (fetch->plugin);
  fetch->hooks_running--;
}

void
upstream_fetch_finish (UpstreamFetch *fetch, gboolean reusable, GError *error)
{
  upstream_fetch_unlink (fetch);
  upstream_fetch_detach (fetch, reusable);
  upstream_fetch_enter (fetch);
  if (fetch->hooks.end != NULL)
    fetch->hooks.end (&fetch->base, error, fetch->data);
  upstream_fetch_leave (fetch);
  g_clear_error (&error);
  fetch->dead = TRUE;
  upstream_fetch_bury (fetch);
}

void
upstream_fetch_fail (UpstreamFetch *fetch, GError *error)
{
  upstream_fetch_finish (fetch, FALSE, error);
}

void
upstream_fetch_retry (UpstreamFetch *fetch)
{
  fetch->retried = TRUE;
  upstream_fetch_detach (fetch, FALSE);
  fetch->state = UPSTREAM_CONNECTING;
  upstream_fetch_set_deadline (fetch, fetch->connect_ms, "a connection");
  upstream_pool_acquire (fetch);
}

static gboolean
upstream_is_due (const UpstreamFetch *fetch, gint64 now)
{
  return (fetch->deadline != 0 && fetch->deadline <= now) ||
         (fetch->end_by != 0 && fetch->end_by <= now);
}

static UpstreamFetch *
upstream_find_due (Upstream *upstream, gint64 now)
{
  for (GList *link = upstream->fetches.head; link != NULL; link = link->next)
    if (upstream_is_due (link->data, now))
      return link->data;
  return NULL;
}

static void
upstream_serve_due (UpstreamFetch *fetch, gint64 now)
{
  if (fetch->deadline != 0 && fetch->deadline <= now)
    upstream_fetch_fail (fetch, g_error_new (G_IO_ERROR, G_IO_ERROR_TIMED_OUT,
                                             "%s did not come in time", fetch->late));
  else
    upstream_fetch_fail (fetch, g_error_new_literal (G_IO_ERROR, G_IO_ERROR_TIMED_OUT,
                                                     "the answer was not whole in time"));
}

static void
upstream_serve_ready (UpstreamFetch *fetch)
{
  g_queue_unlink (&fetch->upstream->ready, &fetch->ready_link);
  fetch->is_ready = FALSE;
  if (fetch->error != NULL)
    upstream_fetch_fail (fetch, g_steal_pointer (&fetch->error));
  else if (fetch->state == UPSTREAM_BODY && !fetch->paused)
    upstream_answer_resume (fetch);
}

static gboolean
upstream_clock_dispatch (GSource *source, GSourceFunc func, gpointer data)
{
  Upstream *upstream = ((UpstreamClock *)source)->upstream;
  gint64 now = g_get_monotonic_time (), next;
  UpstreamFetch *fetch;

  upstream->next_deadline = 0;
  g_source_set_ready_time (source, -1);
  /* what becomes ready meanwhile has the next turn */
  for (guint n = upstream->ready.length; n > 0 && upstream->ready.head != NULL; n--)
    upstream_serve_ready (upstream->ready.head->data);
  while ((fetch = upstream_find_due (upstream, now)) != NULL)
    upstream_serve_due (fetch, now);
  next = upstream_pool_expire (upstream, now);
  if (next != 0)
    upstream_ring_by (upstream, next);
  for (GList *link = upstream->fetches.head; link != NULL; link = link->next) {
    fetch = link->data;
    if (fetch->deadline != 0)
      upstream_ring_by (upstream, fetch->deadline);
    if (fetch->end_by != 0)
      upstream_ring_by (upstream, fetch->end_by);
  }
  if (upstream->ready.head != NULL)
    upstream_ring_by (upstream, now);
  return G_SOURCE_CONTINUE;
}

static GSourceFuncs upstream_clock_funcs = { .dispatch = upstream_clock_dispatch };

static DaeFetch *
upstream_api_new (
    DaePlugin *self, const char *method, const char *url, const DaeFetchHooks *hooks, gpointer data)
{
  UpstreamFetch *fetch = g_new0 (UpstreamFetch, 1);

  fetch->base.api = self->api;
  fetch->plugin = (Plugin *)self;
  fetch->upstream = fetch->plugin->host->upstream;
  memcpy (&fetch->hooks, hooks, MIN (hooks->struct_size, sizeof fetch->hooks));
  fetch->data = data;
  fetch->link.data = fetch;
  fetch->ready_link.data = fetch;
  fetch->method = g_strdup (method);
  fetch->url = upstream_url_parse (url, &fetch->error);
  fetch->headers = g_string_new (NULL);
  fetch->connect_ms = 5000;
  fetch->first_byte_ms = fetch->idle_ms = 30000;
  if (fetch->error == NULL && !http_head_is_token (method, strlen (method)))
    g_set_error (&fetch->error, G_IO_ERROR, G_IO_ERROR_INVALID_ARGUMENT,
                 "the method is not a token");
  return &fetch->base;
}

static void
upstream_api_header (DaeFetch *base, const char *name, const char *value)
{
  static const char *const owned[] = { "Connection", "Content-Length",
                                       "Expect",     "Keep-Alive",
                                       "TE",         "Trailer",
                                       "Upgrade",    "Transfer-Encoding" };
  UpstreamFetch *fetch = (UpstreamFetch *)base;

  for (guint i = 0; i < G_N_ELEMENTS (owned); i++)
    if (g_ascii_strcasecmp (name, owned[i]) == 0)
      return;
  if (!http_head_is_token (name, strlen (name)) || !http_head_is_value (value, strlen (value))) {
    if (fetch->error == NULL)
      g_set_error (&fetch->error, G_IO_ERROR, G_IO_ERROR_INVALID_ARGUMENT,
                   "a header has a byte that headers cannot have");
    return;
  }
  fetch->has_host = fetch->has_host || g_ascii_strcasecmp (name, "Host") == 0;
  fetch->has_agent = fetch->has_agent || g_ascii_strcasecmp (name, "User-Agent") == 0;
  fetch->has_encoding = fetch->has_encoding || g_ascii_strcasecmp (name, "Accept-Encoding") == 0;
  g_string_append_printf (fetch->headers, "%s: %s\r\n", name, value);
}

static void
upstream_fetch_set_type (UpstreamFetch *fetch, const char *type)
{
  g_clear_pointer (&fetch->type, g_free);
  g_clear_pointer (&fetch->body, g_bytes_unref);
  g_clear_object (&fetch->input);
  if (type != NULL && http_head_is_value (type, strlen (type)))
    fetch->type = g_strdup (type);
  else if (type != NULL && fetch->error == NULL)
    g_set_error (&fetch->error, G_IO_ERROR, G_IO_ERROR_INVALID_ARGUMENT,
                 "the content type has a byte that headers cannot have");
}

static void
upstream_api_body (DaeFetch *base, const char *type, GBytes *body)
{
  UpstreamFetch *fetch = (UpstreamFetch *)base;

  upstream_fetch_set_type (fetch, type);
  if (body != NULL)
    fetch->body = g_bytes_ref (body);
}

static void
upstream_api_stream (DaeFetch *base, const char *type, GInputStream *stream, gint64 length)
{
  UpstreamFetch *fetch = (UpstreamFetch *)base;

  upstream_fetch_set_type (fetch, type);
  fetch->input = g_object_ref (stream);
  fetch->input_left = MAX (length, -1);
  fetch->input_ended = length == 0;
  if (fetch->error == NULL &&
      (!G_IS_POLLABLE_INPUT_STREAM (stream) ||
       !g_pollable_input_stream_can_poll (G_POLLABLE_INPUT_STREAM (stream))))
    g_set_error (&fetch->error, G_IO_ERROR, G_IO_ERROR_INVALID_ARGUMENT,
                 "the stream of the body cannot be polled");
}

static void
upstream_api_max (DaeFetch *base, gint64 max)
{
  ((UpstreamFetch *)base)->max = max;
}

static void
upstream_api_limits (
    DaeFetch *base, guint connect_ms, guint first_byte_ms, guint idle_ms, guint total_ms)
{
  UpstreamFetch *fetch = (UpstreamFetch *)base;

  fetch->connect_ms = connect_ms;
  fetch->first_byte_ms = first_byte_ms;
  fetch->idle_ms = idle_ms;
  fetch->total_ms = total_ms;
}

static void
upstream_api_send (DaeFetch *base)
{
  UpstreamFetch *fetch = (UpstreamFetch *)base;
  Upstream *upstream = fetch->upstream;
  gint64 now = g_get_monotonic_time ();

  if (fetch->state != UPSTREAM_NEW)
    return;
  fetch->state = UPSTREAM_CONNECTING;
  g_queue_push_tail_link (&upstream->fetches, &fetch->link);
  if (fetch->error != NULL) {
    upstream_fetch_ready (fetch);
    return;
  }
  if (fetch->total_ms > 0) {
    fetch->end_by = now + fetch->total_ms * G_GINT64_CONSTANT (1000);
    upstream_ring_by (upstream, fetch->end_by);
  }
  upstream_fetch_set_deadline (fetch, fetch->connect_ms, "a connection");
  upstream_pool_acquire (fetch);
}

static const char *
upstream_api_reply_header (DaeFetch *base, const char *name)
{
  UpstreamFetch *fetch = (UpstreamFetch *)base;
  const HttpField *field = NULL;

  if (fetch->text != NULL)
    field = http_head_find (&fetch->head, fetch->text, name);
  return field != NULL ? fetch->text + field->value.at : NULL;
}

static void
upstream_api_pause (DaeFetch *base, gboolean paused)
{
  UpstreamFetch *fetch = (UpstreamFetch *)base;

  if (fetch->paused == paused)
    return;
  fetch->paused = paused;
  if (fetch->state != UPSTREAM_BODY)
    return;
  upstream_fetch_want (fetch);
  upstream_fetch_rearm (fetch);
  if (!paused && (fetch->held || fetch->again))
    upstream_fetch_ready (fetch);
}

static void
upstream_api_cancel (DaeFetch *base)
{
  UpstreamFetch *fetch = (UpstreamFetch *)base;

  if (fetch->state == UPSTREAM_OVER)
    return;
  if (fetch->state != UPSTREAM_NEW)
    upstream_fetch_unlink (fetch);
  fetch->state = UPSTREAM_OVER;
  upstream_fetch_detach (fetch, FALSE);
  fetch->dead = TRUE;
  upstream_fetch_bury (fetch);
}

void
upstream_fill_api (DaeApi *api)
{
  api->fetch_new = upstream_api_new;
  api->fetch_header = upstream_api_header;
  api->fetch_body = upstream_api_body;
  api->fetch_limits = upstream_api_limits;
  api->fetch_send = upstream_api_send;
  api->fetch_reply_header = upstream_api_reply_header;
  api->fetch_pause = upstream_api_pause;
  api->fetch_cancel = upstream_api_cancel;
  api->fetch_stream = upstream_api_stream;
  api->fetch_max = upstream_api_max;
}

Upstream *
upstream_new (Host *host)
{
  Upstream *upstream = g_new0 (Upstream, 1);

  upstream->host = host;
  upstream->context = g_main_context_ref_thread_default ();
  upstream->max_conns = MAX_CONNS;
  upstream->max_waiting = MAX_WAITING;
  upstream->clock = g_source_new (&upstream_clock_funcs, sizeof (UpstreamClock));
  ((UpstreamClock *)upstream->clock)->upstream = upstream;
  g_source_attach (upstream->clock, upstream->context);
  return upstream;
}

void
upstream_set_limits (Upstream *upstream, guint connections, guint waiting)
{
  upstream->max_conns = connections;
  upstream->max_waiting = waiting;
}

gboolean
upstream_set_authorities (Upstream *upstream, const char *file, GError **error)
{
  GTlsDatabase *database = upstream_trust_new (file, error);

  if (database == NULL)
    return FALSE;
  g_clear_object (&upstream->authorities);
  upstream->authorities = database;
  return TRUE;
}

void
upstream_configure (Upstream *upstream, Complaints *complaints)
{
  Config *config = upstream->host->config;
  const char *file = config_text (config, "upstream", "ca-file");
  const ConfigEntry *origin = config_origin (config, "upstream", "ca-file");
  g_autoptr (GError) error = NULL;
  g_autofree char *why = NULL;

  upstream_set_limits (upstream, (guint)config_int (config, "upstream", "connections"),
                       (guint)config_int (config, "upstream", "queue"));
  if (file == NULL || *file == '\0' || upstream_set_authorities (upstream, file, &error))
    return;
  why = g_strdup_printf ("\"%s\" cannot be read as authorities: %s", file, error->message);
  complaints_add (complaints, NULL, origin != NULL ? origin->file : NULL,
                  origin != NULL ? origin->line : 0, "upstream", "ca-file", why,
                  "Write the path of a PEM file that this account may read, with the certificates "
                  "of the authorities.");
}

guint
upstream_in_flight (Upstream *upstream)
{
  return upstream->fetches.length;
}

void
upstream_free (Upstream *upstream)
{
  while (upstream->fetches.head != NULL)
    upstream_fetch_fail (upstream->fetches.head->data,
                         g_error_new_literal (G_IO_ERROR, G_IO_ERROR_CLOSED, "the host stops"));
  upstream_pool_clear (upstream);
  g_source_destroy (upstream->clock);
  g_source_unref (upstream->clock);
  g_clear_object (&upstream->authorities);
  g_main_context_unref (upstream->context);
  g_free (upstream);
}
