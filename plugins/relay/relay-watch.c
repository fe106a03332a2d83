/* SPDX-License-Identifier: Apache-2.0 */
/* relay-watch: what goes on while answers are open.
 *
 * A silent event stream gets a comment, but only between two events: within
 * one it would end it early. Whoever may no longer ask loses what is open
 * within two seconds.
 */
#include "relay.h"

#include <string.h>

#define WATCH_TICK_MS    500
#define WATCH_SILENCE_US (15 * G_USEC_PER_SEC)
#define WATCH_CHECK_US   (30 * G_USEC_PER_SEC)
#define WATCH_RETRY_US   (2 * G_USEC_PER_SEC)
#define WATCH_TAIL       4 /* two line ends at their longest */

typedef struct {
  DaePlugin *self;
  DaeRequest *req; /* a reference */
  guint64 relay;
} Watching;

void
relay_place_move (RelayPlace *place, const char *bytes, gsize length)
{
  gsize from = length > WATCH_TAIL ? length - WATCH_TAIL : 0;

  if (length > 0)
    place->begun = TRUE;
  if (from > 0) {
    place->ends = 0;
    place->was_return = bytes[from - 1] == '\r';
  }
  for (gsize i = from; i < length; i++) {
    gboolean pairs = bytes[i] == '\n' && place->was_return;

    if (bytes[i] != '\n' && bytes[i] != '\r')
      place->ends = 0;
    else if (!pairs || place->ends == 0)
      place->ends++;
    place->was_return = bytes[i] == '\r';
  }
}

gboolean
relay_place_is_between (const RelayPlace *place)
{
  return !place->begun || place->ends >= 2;
}

static void
watch_on_identified (DaeRequest *req, const DaeUser *user, DaeReply *refusal, gpointer data)
{
  g_autofree Watching *watching = data;
  RelayState *state = dae_state (watching->self);
  Relay *relay = g_hash_table_lookup (state->relays, &watching->relay);
  const DaeUser *asked = dae_request_user (watching->req);
  gint64 now = g_get_monotonic_time ();

  if (relay != NULL) {
    relay->checking = FALSE;
    if (user == NULL && refusal != NULL && dae_reply_status (refusal) >= 500)
      relay->checked_at = now - WATCH_CHECK_US + WATCH_RETRY_US;
    else if (user == NULL || (asked != NULL && !g_str_equal (user->subject, asked->subject)))
      relay_cut (relay);
  }
  dae_request_unref (watching->req);
}

static void
watch_check (Relay *relay)
{
  const RelayData *data = dae_data (relay->self);
  Watching *watching = g_new0 (Watching, 1);

  watching->self = relay->self;
  watching->req = dae_request_ref (relay->req);
  watching->relay = relay->id;
  relay->checking = TRUE;
  relay->checked_at = g_get_monotonic_time ();
  data->identity->identify (data->identity_plugin, relay->req, watch_on_identified, watching);
}

static void
watch_keep_alive (Relay *relay, gint64 now)
{
  g_autoptr (GBytes) comment = NULL;

  if (!relay->has_events || relay->stream == NULL || now - relay->said_at < WATCH_SILENCE_US ||
      !relay_place_is_between (&relay->place) || dae_stream_queued (relay->stream) > 0)
    return;
  comment = g_bytes_new_static (":\n\n", 3);
  relay->said_at = now;
  dae_stream_write (relay->stream, comment);
}

static gboolean
watch_on_tick (DaePlugin *self, gpointer data)
{
  RelayState *state = dae_state (self);
  g_autoptr (GPtrArray) due = g_ptr_array_new ();
  gint64 now = g_get_monotonic_time ();
  GHashTableIter iter;
  gpointer value;

  g_hash_table_iter_init (&iter, state->relays);
  while (g_hash_table_iter_next (&iter, NULL, &value)) {
    Relay *relay = value;

    watch_keep_alive (relay, now);
    if (!relay->checking && now - relay->checked_at >= WATCH_CHECK_US)
      g_ptr_array_add (due, relay);
  }
  /* a check may end its own relay only */
  for (guint i = 0; i < due->len; i++)
    watch_check (due->pdata[i]);
  return TRUE;
}

/* SUBJECT NULL: anybody's. */
static void
watch_doubt (DaePlugin *self, const char *subject)
{
  RelayState *state = dae_state (self);
  GHashTableIter iter;
  gpointer value;

  g_hash_table_iter_init (&iter, state->relays);
  while (g_hash_table_iter_next (&iter, NULL, &value)) {
    Relay *relay = value;

    if (subject == NULL || g_str_equal (dae_request_user (relay->req)->subject, subject))
      relay->checked_at = G_MININT64 / 2;
  }
}

/* "auth:token" "<subject>" */
static void
watch_on_token (DaePlugin *self, const char *topic, const char *text, gpointer data)
{
  watch_doubt (self, text);
}

/* "auth:session" "<what nobody else knows>" */
static void
watch_on_session (DaePlugin *self, const char *topic, const char *text, gpointer data)
{
  watch_doubt (self, NULL);
}

void
relay_watch_start (DaePlugin *self)
{
  dae_timer (self, WATCH_TICK_MS, watch_on_tick, NULL);
  dae_subscribe (self, "auth:token", watch_on_token, NULL);
  dae_subscribe (self, "auth:session", watch_on_session, NULL);
}
