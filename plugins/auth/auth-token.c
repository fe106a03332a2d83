/* SPDX-License-Identifier: Apache-2.0 */
/* auth-token: personal access tokens, which let programs act for a person within scopes.
 *
 * The database keeps the SHA-256 of a token, never the token. Each request looks
 * it up, so that a revoked one is refused at once by all hosts. A token carries
 * no groups and never makes an administrator.
 */
#include "auth-token.h"

#include <string.h>

#define TOKEN_DIGITS    64 /* 256 bits */
#define TOKEN_PAUSE     G_TIME_SPAN_MINUTE
#define TOKEN_MAX       10000
#define TOKEN_GATHER_MS 1000

static const struct {
  const char *name;
  guint32 bit; /* in the database */
  guint32 flag;
} scopes[] = {
  { "read", 1u << 0, DAE_USER_READ },
  { "write", 1u << 1, DAE_USER_WRITE },
  { "mcp", 1u << 2, DAE_USER_MCP },
  { "metrics", 1u << 3, DAE_USER_METRICS },
};

struct AuthTokens {
  GHashTable *noted;   /* id (owned) -> gint64 * when (owned) */
  GHashTable *waiting; /* set of ids (owned) */
  guint timer;         /* 0: none */
};

/* One look-up that is on its way. */
typedef struct {
  DaeRequest *req;
  DaeIdentified done;
  gpointer data;
} Lookup;

typedef struct {
  char *id, *subject, *email, *name;
  guint32 scopes;
  gboolean has_expired;
} Found;

AuthTokens *
auth_tokens_new (void)
{
  AuthTokens *tokens = g_new0 (AuthTokens, 1);

  tokens->noted = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, g_free);
  tokens->waiting = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, NULL);
  return tokens;
}

void
auth_tokens_free (AuthTokens *tokens)
{
  g_hash_table_unref (tokens->noted);
  g_hash_table_unref (tokens->waiting);
  g_free (tokens);
}

guint32
auth_token_scope (const char *name)
{
  for (guint i = 0; i < G_N_ELEMENTS (scopes); i++) {
    if (strcmp (scopes[i].name, name) == 0)
      return scopes[i].bit;
  }
  return 0;
}

const char *
auth_token_scope_name (guint32 bits, guint index)
{
  for (guint i = 0; i < G_N_ELEMENTS (scopes); i++) {
    if (bits & scopes[i].bit && index-- == 0)
      return scopes[i].name;
  }
  return NULL;
}

char *
auth_token_hash (const char *token)
{
  return g_compute_checksum_for_string (G_CHECKSUM_SHA256, token, -1);
}

static int
token_compare (gconstpointer a, gconstpointer b)
{
  return strcmp (*(const char *const *)a, *(const char *const *)b);
}

static gpointer
tokens_write (DaeTx *tx, gconstpointer input)
{
  const GPtrArray *ids = input;

  for (guint i = 0; i < ids->len && !dae_tx_failed (tx); i++)
    dae_exec (tx,
              "UPDATE access_token SET last_used_at = $2 WHERE id = $1"
              " AND (last_used_at IS NULL OR last_used_at < $2)",
              DAE_UUID (ids->pdata[i]), DAE_TIME (dae_tx_now (tx)));
  return NULL;
}

static void
tokens_written (DaePlugin *self, gpointer result, const char *problem, gpointer data)
{
  AuthState *state = dae_state (self);

  if (!problem)
    return;
  dae_log (self, G_LOG_LEVEL_WARNING, "use of tokens not written, their next requests try again",
           DAE_S ("error", problem));
  g_hash_table_remove_all (state->tokens->noted);
}

static gboolean
tokens_flush (DaePlugin *self, gpointer data)
{
  AuthTokens *tokens = ((AuthState *)dae_state (self))->tokens;
  GPtrArray *ids = g_ptr_array_new_with_free_func (g_free);
  GHashTableIter iter;
  gpointer id;

  g_hash_table_iter_init (&iter, tokens->waiting);
  while (g_hash_table_iter_next (&iter, &id, NULL)) {
    g_ptr_array_add (ids, id);
    g_hash_table_iter_steal (&iter);
  }
  tokens->timer = 0;
  /* in one order, so that two workers never wait for each other */
  g_ptr_array_sort (ids, token_compare);
  dae_work (self, NULL, DAE_WORK_WRITES, tokens_write, ids, (GDestroyNotify)g_ptr_array_unref, NULL,
            tokens_written, NULL);
  return FALSE;
}

/* Remembers that ID was used, at most once a minute for each. */
static void
token_note (DaePlugin *self, const char *id)
{
  AuthTokens *tokens = ((AuthState *)dae_state (self))->tokens;
  gint64 *noted = g_hash_table_lookup (tokens->noted, id);
  gint64 now = dae_now (self);

  if (noted && now >= *noted && now - *noted < TOKEN_PAUSE)
    return;
  if (g_hash_table_size (tokens->noted) >= TOKEN_MAX)
    g_hash_table_remove_all (tokens->noted);
  noted = g_new (gint64, 1);
  *noted = now;
  g_hash_table_replace (tokens->noted, g_strdup (id), noted);
  g_hash_table_add (tokens->waiting, g_strdup (id));
  if (tokens->timer == 0)
    tokens->timer = dae_timer (self, TOKEN_GATHER_MS, tokens_flush, NULL);
}

static void
found_free (gpointer pointer)
{
  Found *found = pointer;

  g_free (found->id);
  g_free (found->subject);
  g_free (found->email);
  g_free (found->name);
  g_free (found);
}

static gpointer
token_find (DaeTx *tx, gconstpointer hash)
{
  DaeRows *row =
      dae_query_one (tx,
                     "SELECT access_token.id, access_token.subject, person.email, person.name,"
                     " access_token.scopes, access_token.expires_at"
                     " FROM access_token LEFT JOIN person ON person.subject = access_token.subject"
                     " WHERE access_token.token = $1",
                     DAE_TEXT (hash));
  Found *found;

  if (!row)
    return NULL;
  found = g_new0 (Found, 1);
  found->id = g_strdup (dae_row_text (row, 0));
  found->subject = g_strdup (dae_row_text (row, 1));
  found->email = g_strdup (dae_row_text (row, 2));
  found->name = g_strdup (dae_row_is_null (row, 3) ? found->subject : dae_row_text (row, 3));
  found->scopes = (guint32)dae_row_int (row, 4);
  found->has_expired = dae_row_int (row, 5) <= dae_tx_now (tx);
  return found;
}

static void
token_accept (DaePlugin *self, const Found *found, const Lookup *lookup)
{
  static const char *const no_groups[] = { NULL };
  DaeUser user = { .struct_size = sizeof user,
                   .flags = DAE_USER_SCOPED,
                   .subject = found->subject,
                   .email = found->email,
                   .name = found->name,
                   .method = "token",
                   .groups = no_groups };

  for (guint i = 0; i < G_N_ELEMENTS (scopes); i++) {
    if (found->scopes & scopes[i].bit)
      user.flags |= scopes[i].flag;
  }
  token_note (self, found->id);
  lookup->done (lookup->req, &user, NULL, lookup->data);
}

static void
token_found (DaePlugin *self, gpointer result, const char *problem, gpointer data)
{
  g_autofree Lookup *lookup = data;
  const Found *found = result;
  DaeReply *refusal = NULL;

  if (problem) {
    refusal = dae_reply_problem (lookup->req, 503, "identity_unavailable",
                                 "the database of tokens does not answer");
    dae_reply_header (refusal, "Retry-After", "2");
  } else if (!found) {
    refusal = auth_refuse (self, lookup->req, "unknown or revoked token");
  } else if (found->has_expired) {
    refusal = auth_refuse (self, lookup->req, "expired token");
  } else {
    token_accept (self, found, lookup);
    return;
  }
  lookup->done (lookup->req, NULL, refusal, lookup->data);
}

gboolean
auth_token_is (const char *bearer)
{
  return g_str_has_prefix (bearer, AUTH_TOKEN_PREFIX);
}

void
auth_token_identify (
    DaePlugin *self, DaeRequest *req, const char *bearer, DaeIdentified done, gpointer user_data)
{
  const char *digits = bearer + strlen (AUTH_TOKEN_PREFIX);
  Lookup *lookup;

  if (strlen (digits) != TOKEN_DIGITS || strspn (digits, "0123456789abcdef") != TOKEN_DIGITS) {
    done (req, NULL, auth_refuse (self, req, "malformed token"), user_data);
    return;
  }
  lookup = g_new0 (Lookup, 1);
  lookup->req = req;
  lookup->done = done;
  lookup->data = user_data;
  dae_work (self, req, 0, token_find, auth_token_hash (bearer), g_free, found_free, token_found,
            lookup);
}

gboolean
auth_token_sweep (DaeTx *tx, DaePlugin *self)
{
  dae_exec (tx, "DELETE FROM access_token WHERE expires_at < $1",
            DAE_TIME (dae_tx_now (tx) - 30 * G_TIME_SPAN_DAY));
  return FALSE;
}
