/* SPDX-License-Identifier: Apache-2.0 */
/* workspaces-people: whom the caller may find: those who share a workspace with them.
 *
 * The words are compared here and not by the database: upper case and accents
 * count as little on one database as on the other.
 */
#include "workspaces.h"

#include <string.h>

#define PEOPLE_LOOKED_AT 10000 /* of those who share one */
#define PEOPLE_LIMIT     10

static const char people_sql[] =
    "SELECT p.subject, p.name, p.email FROM person p WHERE p.subject <> $1 AND p.subject IN"
    " (SELECT theirs.subject FROM workspace_member mine"
    "  JOIN workspace w ON w.id = mine.workspace_id AND w.deleted_at IS NULL"
    "  JOIN workspace_member theirs ON theirs.workspace_id = mine.workspace_id"
    "  WHERE mine.subject = $1)"
    " ORDER BY p.name, p.subject LIMIT $2";

static gboolean
people_has_word (const char *text)
{
  for (; *text; text = g_utf8_next_char (text)) {
    if (g_unichar_isalnum (g_utf8_get_char (text)))
      return TRUE;
  }
  return FALSE;
}

/* TRUE if each word of WORDS begins a word of NAME, or WORDS begins EMAIL. */
static gboolean
people_match (const char *words, const char *name, const char *email)
{
  /* of no words GLib says that all of them are there */
  return (people_has_word (words) && g_str_match_string (words, name, TRUE)) ||
         (email && g_ascii_strncasecmp (email, words, strlen (words)) == 0);
}

DaeReply *
people_find (DaeTx *tx, DaeRequest *req, DaePlugin *self)
{
  gint64 limit = dae_request_query_int (req, "limit", PEOPLE_LIMIT);
  g_autofree char *words = g_strstrip (g_strdup (dae_request_query (req, "q")));
  DaeJson *json = dae_json_new (req);
  DaeRows *rows;

  rows = dae_query (tx, people_sql, DAE_TEXT (dae_request_user (req)->subject),
                    DAE_INT (PEOPLE_LOOKED_AT));
  dae_json_begin_object (json, NULL);
  dae_json_begin_array (json, "items");
  while (*words && limit > 0 && dae_rows_next (rows)) {
    if (!people_match (words, dae_row_text (rows, 1), dae_row_text (rows, 2)))
      continue;
    dae_json_begin_object (json, NULL);
    dae_json_text (json, "subject", dae_row_text (rows, 0));
    dae_json_text (json, "name", dae_row_text (rows, 1));
    dae_json_text (json, "email", dae_row_text (rows, 2));
    dae_json_end (json);
    limit--;
  }
  dae_json_end (json);
  dae_json_null (json, "next");
  return dae_reply_json (req, 200, json);
}
