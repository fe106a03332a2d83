/* SPDX-License-Identifier: Apache-2.0 */
/* auth-command: "daedalus token" and "daedalus person", for whoever may reach the internal socket.
 */
#include "auth-token.h"

#include <string.h>

static const char token_usage[] =
    "token create person=SUBJECT name=TEXT scopes=read,write,mcp,metrics [days=90]\n"
    "token list [person=SUBJECT]\n"
    "token revoke ID\n";

static const char person_usage[] =
    "person list\n"
    "person merge OLD NEW\n"
    "what OLD has is NEW's from now on; OLD and NEW are subjects, as list shows them; local is the "
    "person of mode = local\n";

/* Of the words "KEY=VALUE" the value of KEY: borrowed; NULL: not there. */
static const char *
command_value (const char *const *words, const char *key)
{
  gsize length = strlen (key);

  for (; *words; words++) {
    if (strncmp (*words, key, length) == 0 && (*words)[length] == '=')
      return *words + length + 1;
  }
  return NULL;
}

/* TRUE if all WORDS are of the keys that are known. */
static gboolean
command_fits (const char *const *words, const char *const *keys)
{
  for (; *words; words++) {
    const char *equals = strchr (*words, '=');
    g_autofree char *key = equals ? g_strndup (*words, (gsize)(equals - *words)) : NULL;

    if (!key || !g_strv_contains (keys, key) || !equals[1])
      return FALSE;
  }
  return TRUE;
}

static DaeReply *
command_refuse_for (DaeRequest *req, const char *why, const char *usage)
{
  g_autofree char *text = g_strconcat (why, "\n\n", usage, NULL);

  return dae_reply_text (req, 422, text);
}

static DaeReply *
command_refuse (DaeRequest *req, const char *why)
{
  return command_refuse_for (req, why, token_usage);
}

static DaeReply *
command_create (DaeTx *tx, DaeRequest *req, const char *const *words)
{
  static const char *const keys[] = { "person", "name", "scopes", "days", NULL };
  const char *days = command_value (words, "days"), *names = command_value (words, "scopes");
  AuthTokenWish wish = { .subject = command_value (words, "person"),
                         .name = command_value (words, "name"),
                         .days = AUTH_TOKEN_DAYS };
  g_auto (GStrv) scopes = g_strsplit (names ? names : "", ",", -1);
  g_autofree char *token = NULL, *text = NULL;
  char id[37];

  if (!command_fits (words, keys) || !wish.subject || !wish.name || !names)
    return command_refuse (req, "a token needs person=, name= and scopes=");
  if (strlen (wish.subject) > AUTH_MAX_SUBJECT || g_str_has_prefix (wish.subject, AUTH_INVITATION))
    return command_refuse (req, "nobody can have this subject");
  if (g_utf8_strlen (wish.name, -1) > AUTH_TOKEN_MAX_NAME)
    return command_refuse (req, "the name is longer than 200 characters");
  if (days && !g_ascii_string_to_signed (days, 10, 1, AUTH_TOKEN_MAX_DAYS, &wish.days, NULL))
    return command_refuse (req, "days= is a number from 1 to 366");
  for (guint i = 0; scopes[i]; i++) {
    guint32 scope = auth_token_scope (scopes[i]);

    if (scope == 0)
      return command_refuse (req, "scopes= are read, write, mcp and metrics, with commas between");
    wish.scopes |= scope;
  }
  switch (auth_token_make (tx, &wish, id, &token)) {
  case AUTH_TOKEN_TOO_MANY:
    return dae_reply_text (req, 409, "this person has 100 tokens: revoke one first\n");
  case AUTH_TOKEN_NO_RANDOMNESS:
    return dae_reply_text (req, 500, "the system gave no random bytes\n");
  case AUTH_TOKEN_MADE:
    break;
  }
  text = g_strconcat (token, "\n", NULL);
  return dae_reply_text (req, 200, text);
}

static void
command_add_time (GString *text, DaeRows *row, guint column)
{
  g_autoptr (GDateTime) time =
      g_date_time_new_from_unix_utc (dae_row_int (row, column) / G_TIME_SPAN_SECOND);
  g_autofree char *shown = g_date_time_format (time, "%Y-%m-%dT%H:%M:%SZ");

  g_string_append_printf (text, " %-20s", dae_row_is_null (row, column) ? "never" : shown);
}

static DaeReply *
command_list (DaeTx *tx, DaeRequest *req, const char *const *words)
{
  static const char *const keys[] = { "person", NULL };
  g_autoptr (GString) text = g_string_new (NULL);
  const char *scope;
  DaeRows *rows;

  if (!command_fits (words, keys))
    return command_refuse (req, "list takes person= only");
  rows = dae_query (tx,
                    "SELECT id, expires_at, last_used_at, scopes, subject, name FROM access_token"
                    " WHERE $1 IS NULL OR subject = $1 ORDER BY subject, id",
                    DAE_TEXT (command_value (words, "person")));
  g_string_append_printf (text, "%-36s %-20s %-20s %-22s %s\n", "ID", "EXPIRES", "LAST USED",
                          "SCOPES", "PERSON, NAME");
  while (dae_rows_next (rows)) {
    g_autoptr (GString) scopes = g_string_new (NULL);

    for (guint i = 0; (scope = auth_token_scope_name ((guint32)dae_row_int (rows, 3), i)); i++)
      g_string_append_printf (scopes, "%s%s", i > 0 ? "," : "", scope);
    g_string_append (text, dae_row_text (rows, 0));
    command_add_time (text, rows, 1);
    command_add_time (text, rows, 2);
    g_string_append_printf (text, " %-22s %s, %s\n", scopes->str, dae_row_text (rows, 4),
                            dae_row_text (rows, 5));
  }
  return dae_reply_text (req, 200, text->str);
}

static DaeReply *
command_revoke (DaeTx *tx, DaeRequest *req, const char *const *words)
{
  if (!words[0] || words[1] || !g_uuid_string_is_valid (words[0]))
    return command_refuse (req, "revoke takes the id of one token");
  if (!auth_token_take (tx, words[0], NULL))
    return dae_reply_text (req, 404, "there is no such token\n");
  return dae_reply_text (req, 200, "revoked\n");
}

DaeReply *
auth_command_token (DaeTx *tx, DaeRequest *req, DaePlugin *self)
{
  const char *const *words = dae_body_list (req, "words");

  if (words && words[0] && strcmp (words[0], "create") == 0)
    return command_create (tx, req, words + 1);
  if (words && words[0] && strcmp (words[0], "list") == 0)
    return command_list (tx, req, words + 1);
  if (words && words[0] && strcmp (words[0], "revoke") == 0)
    return command_revoke (tx, req, words + 1);
  return command_refuse (req, "say what to do with tokens");
}

static DaeReply *
command_people (DaeTx *tx, DaeRequest *req)
{
  g_autoptr (GString) text = g_string_new (NULL);
  DaeRows *rows = dae_query (
      tx, "SELECT last_seen, subject, name, email FROM person ORDER BY lower (name), subject");

  g_string_append_printf (text, "%-20s %s\n", "LAST SEEN", "SUBJECT, NAME, ADDRESS");
  while (dae_rows_next (rows)) {
    const char *email = dae_row_text (rows, 3);

    command_add_time (text, rows, 0);
    g_string_erase (text, (gssize)text->len - 21, 1);
    g_string_append_printf (text, " %s, %s%s%s\n", dae_row_text (rows, 1), dae_row_text (rows, 2),
                            email ? ", " : "", email ? email : "");
  }
  return dae_reply_text (req, 200, text->str);
}

static gboolean
command_has_person (DaeTx *tx, const char *subject)
{
  return dae_query_one (tx, "SELECT 1 FROM person WHERE subject = $1", DAE_TEXT (subject)) != NULL;
}

static DaeReply *
command_merge (DaeTx *tx, DaeRequest *req, DaePlugin *self, const char *from, const char *to)
{
  g_autofree char *text = NULL;
  const char *missing = !command_has_person (tx, from) ? from
                        : !command_has_person (tx, to) ? to
                                                       : NULL;
  const char *failed;

  if (missing) {
    text =
        g_strdup_printf ("nobody with the subject %s has been seen: \"daedalus person list\" shows "
                         "who has\n",
                         missing);
    return dae_reply_text (req, 404, text);
  }
  failed = dae_people_merge (tx, from, to);
  if (failed) {
    text = g_strdup_printf ("the plugin %s does not work now, and what it keeps of them would stay "
                            "behind: see \"daedalus check\"\n",
                            failed);
    return dae_reply_text (req, 409, text);
  }
  dae_log (req, G_LOG_LEVEL_INFO, "people merged", DAE_S ("from", from), DAE_S ("to", to));
  text = g_strdup_printf ("what was %s's is %s's now\n", from, to);
  return dae_reply_text (req, 200, text);
}

DaeReply *
auth_command_person (DaeTx *tx, DaeRequest *req, DaePlugin *self)
{
  const char *const *words = dae_body_list (req, "words");
  guint n = words ? g_strv_length ((char **)words) : 0;

  if (n == 1 && strcmp (words[0], "list") == 0)
    return command_people (tx, req);
  if (n == 3 && strcmp (words[0], "merge") == 0 && strcmp (words[1], words[2]) != 0)
    return command_merge (tx, req, self, words[1], words[2]);
  return command_refuse_for (req, "say whom to merge", person_usage);
}
