/* SPDX-License-Identifier: Apache-2.0 */
/* auth-start: one-time start links.
 *
 * The n-th link's code is derived from the installation's secret and n, where
 * n counts the links that were used: so all workers know the one link that is
 * good, no code lies in the database, and two browsers cannot use one twice.
 */
#include "auth.h"

#include <string.h>

#define CODE_LENGTH 64
#define TOPIC_USED  "auth:start"
#define RETRY_MS    2000

static void
start_code (DaePlugin *self, gint64 number, char code[CODE_LENGTH + 1])
{
  g_autofree char *label = g_strdup_printf ("start-link:%" G_GINT64_FORMAT, number);
  guint8 secret[32];

  dae_derive_secret (self, label, secret);
  for (guint i = 0; i < sizeof secret; i++)
    g_snprintf (code + 2 * i, 3, "%02x", secret[i]);
}

static gint64
start_number (DaeTx *tx)
{
  DaeRows *row = dae_query_one (tx, "SELECT coalesce (max (number) + 1, 0) FROM auth_start");

  return row ? dae_row_int (row, 0) : 0;
}

static gboolean
start_is_code (const char *code, const char *given)
{
  guint differ = strlen (given) != CODE_LENGTH;

  for (guint i = 0; i < CODE_LENGTH && !differ; i++)
    differ |= (guint)(code[i] ^ given[i]);
  return differ == 0;
}

static DaeReply *
start_refuse (DaeRequest *req)
{
  return dae_reply_text (
      req, 410,
      "This start link has been used already, or belongs to another "
      "installation.\n\nThe next one is shown where Daedalus runs, and is in the "
      "file run/start-link of its data directory.\n");
}

DaeReply *
auth_start (DaeTx *tx, DaeRequest *req, DaePlugin *self)
{
  const AuthData *data = dae_data (self);
  const char *purpose = dae_request_header (req, "Sec-Purpose");
  g_autofree char *cookie = NULL;
  char code[CODE_LENGTH + 1];
  DaeReply *reply;
  gint64 number;

  if (!data->local)
    return dae_reply_not_found (req);
  if (strcmp (dae_request_method (req), "GET") != 0 || (purpose && strstr (purpose, "prefetch")))
    return dae_reply_empty (req, 204);

  number = start_number (tx);
  start_code (self, number, code);
  if (!start_is_code (code, dae_request_query (req, "code")))
    return start_refuse (req);
  if (dae_exec (tx,
                "INSERT INTO auth_start (number, used_at) VALUES ($1, $2) ON CONFLICT DO NOTHING",
                DAE_INT (number), DAE_TIME (dae_tx_now (tx))) == 0)
    return start_refuse (req);

  cookie = auth_session_begin (tx, req, self);
  if (!cookie)
    return dae_reply_problem (req, 500, "no_randomness", "the system gave no random bytes");
  dae_publish (tx, TOPIC_USED, "used");
  dae_series_add (data->sessions_started, 1);
  reply = dae_reply_empty (req, 303);
  dae_reply_header (reply, "Location", "/");
  return dae_reply_header (reply, "Set-Cookie", cookie);
}

static gpointer
start_read (DaeTx *tx, gconstpointer input)
{
  gint64 *number = g_new (gint64, 1);

  *number = start_number (tx);
  return number;
}

static void start_tell (DaePlugin *self);

static gboolean
start_tell_again (DaePlugin *self, gpointer data)
{
  start_tell (self);
  return FALSE;
}

static void
start_told (DaePlugin *self, gpointer result, const char *problem, gpointer data)
{
  const gint64 *number = result;
  g_autofree char *link = NULL;
  char code[CODE_LENGTH + 1];

  if (problem) {
    dae_timer (self, RETRY_MS, start_tell_again, NULL);
    return;
  }
  start_code (self, *number, code);
  link = g_strconcat (dae_host_info (self)->base_url, "/start?code=", code, NULL);
  dae_announce (self, "start-link", link);
}

static void
start_tell (DaePlugin *self)
{
  dae_work (self, NULL, 0, start_read, NULL, NULL, g_free, start_told, NULL);
}

static void
start_was_used (DaePlugin *self, const char *topic, const char *text, gpointer data)
{
  start_tell (self);
}

void
auth_start_announce (DaePlugin *self)
{
  dae_subscribe (self, TOPIC_USED, start_was_used, NULL);
  start_tell (self);
}
