/* SPDX-License-Identifier: Apache-2.0 */
/* answers: transactions that end in all the ways there are. tests/system/answers.test.mjs asks for
 * them; its notes are rows of the host's own table, so that it needs none.
 */
#include <daedalus-plugin.h>

#include <string.h>

static const DaeMetric metrics[] = {
  { .name = "answers_notes_total", .type = DAE_COUNTER, .help = "Notes that were made" },
};
static const DaeMember members[] = {
  { .name = "how", .type = DAE_MEMBER_TEXT, .flags = DAE_MEMBER_REQUIRED },
};

/* All that a transaction may leave behind: a row, a count, a line, a hint and a function. */
static void
answers_note (DaeTx *tx, DaePlugin *self)
{
  char id[37];

  dae_uuid7 (self, id);
  dae_exec (tx,
            "INSERT INTO idempotency (subject, key, hash, status, is_kept, created_at)"
            " VALUES ('answers', $1, '', 200, $2, $3)",
            DAE_TEXT (id), DAE_BOOL (FALSE), DAE_TIME (dae_tx_now (tx)));
  dae_series_add (dae_series (self, "answers_notes_total"), 1);
  dae_log (tx, G_LOG_LEVEL_MESSAGE, "a note was made");
  dae_publish (tx, "answers", "note");
}

static DaeReply *
answers_made (DaeRequest *req, DaePlugin *self, guint length)
{
  g_autofree char *text = g_strnfill (length, 'x');
  DaeJson *json = dae_json_new (req);
  char id[37];
  DaeReply *reply;

  dae_uuid7 (self, id);
  dae_json_begin_object (json, NULL);
  dae_json_text (json, "id", id);
  dae_json_text (json, "text", text);
  dae_json_end (json);
  reply = dae_reply_versioned (req, 201, json, 3);
  dae_reply_header (reply, "Location", "/api/answers");
  dae_reply_header (reply, "Link", "</first>; rel=a");
  return dae_reply_header (reply, "Link", "</second>; rel=b");
}

static DaeReply *
answers_post (DaeTx *tx, DaeRequest *req, DaePlugin *self)
{
  const char *how = dae_body_text (req, "how");

  answers_note (tx, self);
  if (g_str_equal (how, "refuse"))
    return dae_reply_problem (req, 422, "refused", "as asked");
  if (g_str_equal (how, "conflict"))
    dae_exec (tx, "INSERT INTO idempotency (subject, key, hash, status, is_kept, created_at)"
                  " SELECT subject, key, hash, status, is_kept, created_at FROM idempotency"
                  " WHERE subject = 'answers'");
  else if (g_str_equal (how, "invalid"))
    dae_query (tx, "SELECT $1", DAE_UUID ("no uuid"));
  else if (g_str_equal (how, "wrong"))
    dae_query (tx, "SELECT nonsense FROM nowhere");
  else if (g_str_equal (how, "nothing"))
    return NULL;
  else if (g_str_equal (how, "late"))
    g_usleep (700 * 1000);
  else if (g_str_equal (how, "slow"))
    g_usleep (300 * 1000);
  else if (g_str_equal (how, "stream"))
    dae_stream_end (dae_stream_open (req, dae_reply_empty (req, 200)));
  return answers_made (req, self, g_str_equal (how, "long") ? 70000 : 10);
}

static DaeReply *
answers_secret (DaeTx *tx, DaeRequest *req, DaePlugin *self)
{
  answers_note (tx, self);
  return answers_made (req, self, 10);
}

static DaeReply *
answers_wait (DaeTx *tx, DaeRequest *req, DaePlugin *self)
{
  dae_query (tx, "SELECT 1");
  g_usleep (1200 * 1000);
  return dae_reply_empty (req, 204);
}

static DaeReply *
answers_count (DaeTx *tx, DaeRequest *req, DaePlugin *self)
{
  DaeRows *row = dae_query_one (tx, "SELECT count (*) FROM idempotency WHERE subject = 'answers'");
  DaeJson *json = dae_json_new (req);

  dae_json_begin_object (json, NULL);
  dae_json_int (json, "notes", row ? dae_row_int (row, 0) : -1);
  return dae_reply_json (req, 200, json);
}

static DaeOutcome
answers_hints (DaeRequest *req, DaePlugin *self)
{
  DaeJson *json = dae_json_new (req);

  dae_json_begin_object (json, NULL);
  dae_json_int (json, "hints", GPOINTER_TO_INT (dae_state (self)));
  return dae_send (req, dae_reply_json (req, 200, json));
}

static void
answers_on_hint (DaePlugin *self, const char *topic, const char *text, gpointer data)
{
  dae_set_state (self, GINT_TO_POINTER (GPOINTER_TO_INT (dae_state (self)) + 1), NULL);
}

static gboolean
answers_start (DaePlugin *self, GError **error)
{
  dae_subscribe (self, "answers", answers_on_hint, NULL);
  return TRUE;
}

static const DaeRoute routes[] = {
  { .method = "POST",
    .pattern = "/api/answers",
    .answer = answers_post,
    .body = DAE_BODY_JSON,
    .flags = DAE_ROUTE_IDEMPOTENT,
    .deadline_ms = 600,
    .members = DAE_TABLE (members) },
  { .method = "POST",
    .pattern = "/api/answers/secret",
    .answer = answers_secret,
    .flags = DAE_ROUTE_IDEMPOTENT | DAE_ROUTE_SECRET },
  { .method = "GET", .pattern = "/api/answers", .answer = answers_count },
  { .method = "GET", .pattern = "/api/answers/wait", .answer = answers_wait },
  { .method = "GET", .pattern = "/api/answers/hints", .loop = answers_hints },
};

DAE_PLUGIN_DEFINE (.name = "answers",
                   .version = "1.0",
                   .summary = "A plugin for a test",
                   .metrics = DAE_TABLE (metrics),
                   .routes = DAE_TABLE (routes),
                   .start = answers_start);
