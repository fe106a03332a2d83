/* SPDX-License-Identifier: Apache-2.0 */
/* auth-token-list: a person's tokens: made, listed, revoked. No token may do so. */
#include "auth-token.h"

#include <string.h>
#include <sys/random.h>

#define TOKENS_EACH   100
#define TOKEN_COLUMNS "id, name, scopes, created_at, expires_at, last_used_at"

AuthTokenResult
auth_token_make (DaeTx *tx, const AuthTokenWish *wish, char *ret_37_bytes, char **ret_token)
{
  g_autoptr (GString) token = g_string_new (AUTH_TOKEN_PREFIX);
  gint64 now = dae_tx_now (tx);
  g_autofree char *hash = NULL;
  guint8 random[32];
  DaeRows *count;

  count =
      dae_query_one (tx, "SELECT count(*) FROM access_token WHERE subject = $1 AND expires_at > $2",
                     DAE_TEXT (wish->subject), DAE_TIME (now));
  if (count && dae_row_int (count, 0) >= TOKENS_EACH)
    return AUTH_TOKEN_TOO_MANY;
  if (getrandom (random, sizeof random, 0) != (gssize)sizeof random)
    return AUTH_TOKEN_NO_RANDOMNESS;
  for (guint i = 0; i < sizeof random; i++)
    g_string_append_printf (token, "%02x", random[i]);
  hash = auth_token_hash (token->str);
  dae_uuid7 (dae_tx_plugin (tx), ret_37_bytes);
  dae_exec (tx,
            "INSERT INTO access_token (id, token, subject, name, scopes, created_at, expires_at)"
            " VALUES ($1, $2, $3, $4, $5, $6, $7)",
            DAE_UUID (ret_37_bytes), DAE_TEXT (hash), DAE_TEXT (wish->subject),
            DAE_TEXT (wish->name), DAE_INT (wish->scopes), DAE_TIME (now),
            DAE_TIME (now + wish->days * G_TIME_SPAN_DAY));
  *ret_token = g_string_free (g_steal_pointer (&token), FALSE);
  return AUTH_TOKEN_MADE;
}

static gboolean
auth_token_is_blank (const char *name)
{
  for (; *name; name = g_utf8_next_char (name)) {
    if (!g_unichar_isspace (g_utf8_get_char (name)))
      return FALSE;
  }
  return TRUE;
}

/* Members of the row's object. */
static void
token_write (DaeJson *json, DaeRows *row)
{
  guint32 scopes = (guint32)dae_row_int (row, 2);
  const char *scope;

  dae_json_text (json, "id", dae_row_text (row, 0));
  dae_json_text (json, "name", dae_row_text (row, 1));
  dae_json_begin_array (json, "scopes");
  for (guint i = 0; (scope = auth_token_scope_name (scopes, i)); i++)
    dae_json_text (json, NULL, scope);
  dae_json_end (json);
  dae_json_time (json, "created_at", dae_row_int (row, 3));
  dae_json_time (json, "expires_at", dae_row_int (row, 4));
  if (dae_row_is_null (row, 5))
    dae_json_null (json, "last_used_at");
  else
    dae_json_time (json, "last_used_at", dae_row_int (row, 5));
}

DaeReply *
auth_tokens_list (DaeTx *tx, DaeRequest *req, DaePlugin *self)
{
  DaeRows *rows = dae_query (tx,
                             "SELECT " TOKEN_COLUMNS
                             " FROM access_token WHERE subject = $1 ORDER BY id DESC LIMIT 500",
                             DAE_TEXT (dae_request_user (req)->subject));
  DaeJson *json = dae_json_new (req);

  dae_json_begin_object (json, NULL);
  dae_json_begin_array (json, "items");
  while (dae_rows_next (rows)) {
    dae_json_begin_object (json, NULL);
    token_write (json, rows);
    dae_json_end (json);
  }
  dae_json_end (json);
  dae_json_null (json, "next");
  return dae_reply_json (req, 200, json);
}

DaeReply *
auth_token_create (DaeTx *tx, DaeRequest *req, DaePlugin *self)
{
  const char *const *names = dae_body_list (req, "scopes");
  AuthTokenWish wish = { .subject = dae_request_user (req)->subject,
                         .name = dae_body_text (req, "name"),
                         .days = dae_body_int (req, "expires_in_days", AUTH_TOKEN_DAYS) };
  g_autofree char *token = NULL;
  char id[37];
  DaeJson *json;
  DaeRows *row;

  if (auth_token_is_blank (wish.name))
    return dae_reply_pointer (dae_reply_problem (req, 422, "invalid_body", "a token needs a name"),
                              "/name", "must not be blank");
  for (guint i = 0; names[i]; i++) {
    g_autofree char *pointer = g_strdup_printf ("/scopes/%u", i);
    guint32 scope = auth_token_scope (names[i]);

    if (scope == 0)
      return dae_reply_pointer (
          dae_reply_problem (req, 422, "invalid_body", "there is no such scope"), pointer,
          "choose among read, write, mcp and metrics");
    wish.scopes |= scope;
  }
  switch (auth_token_make (tx, &wish, id, &token)) {
  case AUTH_TOKEN_TOO_MANY:
    return dae_reply_problem (req, 409, "too_many_tokens",
                              "revoke a token first: nobody may have more than 100");
  case AUTH_TOKEN_NO_RANDOMNESS:
    return dae_reply_problem (req, 500, "no_randomness", "the system gave no random bytes");
  case AUTH_TOKEN_MADE:
    break;
  }
  row =
      dae_query_one (tx, "SELECT " TOKEN_COLUMNS " FROM access_token WHERE id = $1", DAE_UUID (id));
  json = dae_json_new (req);
  dae_json_begin_object (json, NULL);
  if (row)
    token_write (json, row);
  dae_json_text (json, "token", token);
  return dae_reply_json (req, 201, json);
}

gboolean
auth_token_take (DaeTx *tx, const char *id, const char *subject)
{
  DaeRows *row = dae_query_one (tx,
                                "DELETE FROM access_token WHERE id = $1"
                                " AND ($2 IS NULL OR subject = $2) RETURNING subject",
                                DAE_UUID (id), DAE_TEXT (subject));

  if (!row)
    return FALSE;
  dae_publish (tx, AUTH_TOPIC_TOKEN, dae_row_text (row, 0));
  return TRUE;
}

DaeReply *
auth_token_revoke (DaeTx *tx, DaeRequest *req, DaePlugin *self)
{
  if (!auth_token_take (tx, dae_request_param (req, "token_id"), dae_request_user (req)->subject))
    return dae_reply_not_found (req);
  return dae_reply_empty (req, 204);
}
