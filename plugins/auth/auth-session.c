/* SPDX-License-Identifier: Apache-2.0 */
/* auth-session: the local person's sessions and bearer.
 *
 * The database keeps the SHA-256 of a session's token, never the token. What a
 * look-up found is believed for 5 s; the end of a session is told to all workers
 * at once.
 */
#include "auth.h"

#include <string.h>
#include <sys/random.h>

#define SESSION_LIFE  (30 * G_TIME_SPAN_DAY)
#define SESSION_TOUCH G_TIME_SPAN_HOUR
#define CACHE_LIFE    (5 * G_TIME_SPAN_SECOND)
#define CACHE_MAX     10000
#define TOKEN_BYTES   32
#define TOPIC_ENDED   "auth:session"

struct AuthSessions {
  GHashTable *cache; /* hash of token (owned) -> gint64 * until when it is believed (owned) */
  guint64 ends;      /* how many ends of sessions were heard of: what was read before is not kept */
};

/* One look-up that is on its way. */
typedef struct {
  DaeRequest *req;
  DaeIdentified done;
  gpointer data;
  char *hash;
  guint64 ends;
} Lookup;

typedef struct {
  gint64 last_seen;
} Found;

static void
session_heard_end (DaePlugin *self, const char *topic, const char *hash, gpointer data)
{
  AuthState *state = dae_state (self);

  state->sessions->ends++;
  if (hash)
    g_hash_table_remove (state->sessions->cache, hash);
  else
    g_hash_table_remove_all (state->sessions->cache);
}

AuthSessions *
auth_sessions_new (DaePlugin *self)
{
  AuthSessions *sessions = g_new0 (AuthSessions, 1);

  sessions->cache = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, g_free);
  dae_subscribe (self, TOPIC_ENDED, session_heard_end, NULL);
  return sessions;
}

void
auth_sessions_free (AuthSessions *sessions)
{
  g_hash_table_unref (sessions->cache);
  g_free (sessions);
}

static gboolean
session_is_cached (AuthSessions *sessions, const char *hash, gint64 now)
{
  const gint64 *until = g_hash_table_lookup (sessions->cache, hash);

  return until && now < *until && *until - now <= CACHE_LIFE;
}

static void
session_cache (AuthSessions *sessions, const char *hash, gint64 now)
{
  gint64 *until = g_new (gint64, 1);

  if (g_hash_table_size (sessions->cache) >= CACHE_MAX)
    g_hash_table_remove_all (sessions->cache);
  *until = now + CACHE_LIFE;
  g_hash_table_replace (sessions->cache, g_strdup (hash), until);
}

/* The hash of the request's session cookie: owned; NULL without one that could be ours. */
static char *
session_hash (DaeRequest *req)
{
  const char *token = dae_request_cookie (req, AUTH_COOKIE);

  if (!token || strlen (token) != 2 * TOKEN_BYTES ||
      strspn (token, "0123456789abcdef") != 2 * TOKEN_BYTES)
    return NULL;
  return g_compute_checksum_for_string (G_CHECKSUM_SHA256, token, -1);
}

static void
session_answer_local (DaePlugin *self, DaeRequest *req, DaeIdentified done, gpointer user_data)
{
  static const char *const no_groups[] = { NULL };
  const AuthData *data = dae_data (self);
  DaeUser user = { .struct_size = sizeof user,
                   .flags = DAE_USER_ADMIN,
                   .subject = AUTH_LOCAL_SUBJECT,
                   .name = data->local_name,
                   .method = "local",
                   .groups = no_groups };

  auth_people_seen (self, &user);
  done (req, &user, NULL, user_data);
}

static gpointer
session_find (DaeTx *tx, gconstpointer hash)
{
  DaeRows *row = dae_query_one (
      tx,
      "SELECT last_seen FROM auth_session WHERE token = $1 AND subject = $2 AND expires_at > $3",
      DAE_TEXT (hash), DAE_TEXT (AUTH_LOCAL_SUBJECT), DAE_TIME (dae_tx_now (tx)));
  Found *found;

  if (!row)
    return NULL;
  found = g_new0 (Found, 1);
  found->last_seen = dae_row_int (row, 0);
  return found;
}

static gpointer
session_touch (DaeTx *tx, gconstpointer hash)
{
  gint64 now = dae_tx_now (tx);

  dae_exec (tx, "UPDATE auth_session SET last_seen = $2, expires_at = $3 WHERE token = $1",
            DAE_TEXT (hash), DAE_TIME (now), DAE_TIME (now + SESSION_LIFE));
  return NULL;
}

static void
session_touched (DaePlugin *self, gpointer result, const char *problem, gpointer data)
{
  if (problem)
    dae_log (self, G_LOG_LEVEL_WARNING, "session not prolonged", DAE_S ("error", problem));
}

static void
lookup_free (Lookup *lookup)
{
  g_free (lookup->hash);
  g_free (lookup);
}

static void
session_found (DaePlugin *self, gpointer result, const char *problem, gpointer data)
{
  AuthState *state = dae_state (self);
  const Found *found = result;
  Lookup *lookup = data;
  gint64 now = dae_now (self);

  if (problem) {
    DaeReply *refusal = dae_reply_problem (lookup->req, 503, "identity_unavailable",
                                           "the database of sessions does not answer");

    dae_reply_header (refusal, "Retry-After", "2");
    lookup->done (lookup->req, NULL, refusal, lookup->data);
  } else if (!found) {
    lookup->done (lookup->req, NULL, NULL, lookup->data);
  } else {
    if (lookup->ends == state->sessions->ends)
      session_cache (state->sessions, lookup->hash, now);
    if (now - found->last_seen > SESSION_TOUCH)
      dae_work (self, NULL, DAE_WORK_WRITES, session_touch, g_strdup (lookup->hash), g_free, NULL,
                session_touched, NULL);
    session_answer_local (self, lookup->req, lookup->done, lookup->data);
  }
  lookup_free (lookup);
}

void
auth_local_identify_bearer (
    DaePlugin *self, DaeRequest *req, const char *bearer, DaeIdentified done, gpointer user_data)
{
  const AuthData *data = dae_data (self);

  if (auth_is_secret (data->local_token, bearer))
    session_answer_local (self, req, done, user_data);
  else
    done (req, NULL, auth_refuse (self, req, "not the bearer of this installation"), user_data);
}

void
auth_local_identify (DaePlugin *self, DaeRequest *req, DaeIdentified done, gpointer user_data)
{
  AuthState *state = dae_state (self);
  g_autofree char *hash = NULL;
  Lookup *lookup;

  hash = session_hash (req);
  if (!hash) {
    done (req, NULL, NULL, user_data);
    return;
  }
  if (session_is_cached (state->sessions, hash, dae_now (self))) {
    session_answer_local (self, req, done, user_data);
    return;
  }
  lookup = g_new0 (Lookup, 1);
  lookup->req = req;
  lookup->done = done;
  lookup->data = user_data;
  lookup->hash = g_strdup (hash);
  lookup->ends = state->sessions->ends;
  dae_work (self, req, 0, session_find, g_steal_pointer (&hash), g_free, g_free, session_found,
            lookup);
}

static const char *
session_cookie_flags (DaeRequest *req, DaePlugin *self)
{
  if (dae_request_is_https (req) || g_str_has_prefix (dae_host_info (self)->base_url, "https://"))
    return "; Path=/; HttpOnly; SameSite=Strict; Secure";
  return "; Path=/; HttpOnly; SameSite=Strict";
}

char *
auth_session_begin (DaeTx *tx, DaeRequest *req, DaePlugin *self)
{
  gint64 now = dae_tx_now (tx);
  char token[2 * TOKEN_BYTES + 1];
  guint8 random[TOKEN_BYTES];
  g_autofree char *hash = NULL;

  if (getrandom (random, sizeof random, 0) != (gssize)sizeof random)
    return NULL;
  for (guint i = 0; i < sizeof random; i++)
    g_snprintf (token + 2 * i, 3, "%02x", random[i]);
  hash = g_compute_checksum_for_string (G_CHECKSUM_SHA256, token, -1);
  dae_exec (tx,
            "INSERT INTO auth_session (token, subject, created_at, last_seen, expires_at)"
            " VALUES ($1, $2, $3, $3, $4)",
            DAE_TEXT (hash), DAE_TEXT (AUTH_LOCAL_SUBJECT), DAE_TIME (now),
            DAE_TIME (now + SESSION_LIFE));
  /* the database decides when it has run out; 400 days is the longest that browsers keep one */
  return g_strconcat (AUTH_COOKIE "=", token, "; Max-Age=34560000",
                      session_cookie_flags (req, self), NULL);
}

static void
session_forget (DaePlugin *self, gpointer hash)
{
  session_heard_end (self, TOPIC_ENDED, hash, NULL);
}

DaeReply *
auth_session_end (DaeTx *tx, DaeRequest *req, DaePlugin *self)
{
  DaeReply *reply = dae_reply_empty (req, 204);
  g_autofree char *hash = session_hash (req);
  g_autofree char *cookie =
      g_strconcat (AUTH_COOKIE "=; Max-Age=0", session_cookie_flags (req, self), NULL);

  if (hash) {
    dae_exec (tx, "DELETE FROM auth_session WHERE token = $1", DAE_TEXT (hash));
    dae_publish (tx, TOPIC_ENDED, hash);
    dae_after_commit (tx, session_forget, g_steal_pointer (&hash), g_free);
  }
  return dae_reply_header (reply, "Set-Cookie", cookie);
}

gboolean
auth_session_sweep (DaeTx *tx, DaePlugin *self)
{
  dae_exec (tx, "DELETE FROM auth_session WHERE expires_at < $1", DAE_TIME (dae_tx_now (tx)));
  return FALSE;
}
