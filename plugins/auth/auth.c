/* SPDX-License-Identifier: Apache-2.0 */
/* auth: who sends a request.
 *
 * Three modes. local: one person on their own machine, signed in by a one-time
 * start link; being on loopback grants nothing. proxy: people as the identity
 * headers of a trusted proxy name them, and as bearers of an issuer do where it
 * is set. jwt: by such bearers alone.
 */
#include "auth-token.h"

#include <string.h>

/* In the URL to sign in at: the place where the browser was. */
#define AUTH_RETURN "{return}"

static const DaeSetting settings[] = {
  { .key = "mode",
    .type = DAE_SETTING_CHOICE,
    .choices = "local|proxy|jwt",
    .help = "Who people are: one local person by a start link (the default outside production), "
            "whom the identity headers of a trusted proxy name (the default in production; bearers "
            "too where issuer is set), or whom bearers of the issuer name." },
  { .key = "local-name",
    .type = DAE_SETTING_TEXT,
    .help = "Name of the local person; their login name where none is set." },
  { .key = "header-prefix",
    .type = DAE_SETTING_TEXT,
    .fallback = "X-Forwarded-",
    .help = "How the proxy's identity headers begin: User, Email, Preferred-Username and Groups "
            "follow." },
  { .key = "subject-header",
    .type = DAE_SETTING_TEXT,
    .help =
        "The header whose value is the stable subject of a person; the family's User where none "
        "is set." },
  { .key = "proxy-secret-header",
    .type = DAE_SETTING_TEXT,
    .fallback = "X-Proxy-Secret",
    .help = "The header in which the proxy shows its secret." },
  { .key = "proxy-secret",
    .type = DAE_SETTING_SECRET,
    .help = "What the proxy must show besides its address, at least 16 bytes; none by default." },
  { .key = "proxy-secret-other",
    .type = DAE_SETTING_SECRET,
    .help = "A second secret that is believed too, while one takes over from the other." },
  { .key = "admins",
    .type = DAE_SETTING_LIST,
    .help = "Subjects or e-mail addresses of administrators (not in local mode)." },
  { .key = "admin-groups",
    .type = DAE_SETTING_LIST,
    .help = "Groups whose members are administrators (not in local mode)." },
  { .key = "issuer",
    .type = DAE_SETTING_TEXT,
    .help = "Who signs the bearers (JWT) that are believed: what their iss must be; none by "
            "default." },
  { .key = "audience",
    .type = DAE_SETTING_LIST,
    .help = "What their aud must be or hold: one of these, such as the client id of Daedalus." },
  { .key = "jwks-url", .type = DAE_SETTING_URL, .help = "Where the issuer's keys are fetched." },
  { .key = "jwks-pause",
    .type = DAE_SETTING_DURATION,
    .fallback = "60s",
    .min = 1000,
    .max = 3600 * 1000,
    .help = "How long, at least, between two fetches because of a key that is not known." },
  { .key = "certificate",
    .type = DAE_SETTING_SECRET,
    .help = "Instead of jwks-url: the PEM certificates or public keys that bearers are signed "
            "with; certificate-file names a file." },
  { .key = "subject-claim",
    .type = DAE_SETTING_TEXT,
    .fallback = "sub",
    .help = "The claim that is the stable subject of a person." },
  { .key = "email-claim",
    .type = DAE_SETTING_TEXT,
    .fallback = "email",
    .help = "The claim that is the e-mail address; ignored where email_verified is false." },
  { .key = "name-claims",
    .type = DAE_SETTING_LIST,
    .fallback = "displayName;name;preferred_username",
    .help = "The claims of which the first that is there is the name." },
  { .key = "groups-claim",
    .type = DAE_SETTING_TEXT,
    .fallback = "groups",
    .help = "The claim that holds the groups." },
  { .key = "sign-in-url",
    .type = DAE_SETTING_TEXT,
    .help = "Where a browser signs in: a path of this site or an http or https URL (not in local "
            "mode); {return} stands for the place that it was at." },
  { .key = "sign-out-url",
    .type = DAE_SETTING_TEXT,
    .help = "Where a browser signs out: a path of this site or an http or https URL (not in local "
            "mode)." },
};

static const DaeMetric metrics[] = {
  { .name = "auth_ignored_identity_headers_total",
    .type = DAE_COUNTER,
    .help = "Requests whose identity headers were not believed" },
  { .name = "auth_sessions_started_total",
    .type = DAE_COUNTER,
    .help = "Sessions begun by a start link" },
  { .name = "auth_refused_credentials_total",
    .type = DAE_COUNTER,
    .help = "Requests with a credential that was not believed" },
};

static void
auth_data_free (gpointer pointer)
{
  AuthData *data = pointer;

  for (guint i = 0; i < AUTH_N_HEADERS; i++)
    g_free (data->headers[i]);
  g_hash_table_unref (data->admins);
  g_hash_table_unref (data->admin_groups);
  g_free (data->subject_header);
  g_free (data->local_name);
  g_free (data->local_token);
  g_free (data);
}

static GHashTable *
auth_set_of (const char *const *items)
{
  GHashTable *set = g_hash_table_new (g_str_hash, g_str_equal);

  for (; *items; items++)
    g_hash_table_add (set, (gpointer)*items);
  return set;
}

/* The login name, but not that of a service's account. */
static char *
auth_local_name (DaePlugin *self)
{
  const char *name = dae_setting_text (self, "local-name");

  if (!name || !*name)
    name = g_get_user_name ();
  if (!name || !*name || !g_utf8_validate (name, -1, NULL) || strcmp (name, "root") == 0 ||
      strcmp (name, "daedalus") == 0)
    name = "Owner";
  return g_strdup (name);
}

static char *
auth_local_token (DaePlugin *self)
{
  g_autoptr (GString) token = g_string_new ("dal_");
  guint8 secret[32];

  dae_derive_secret (self, "local-token", secret);
  for (guint i = 0; i < sizeof secret; i++)
    g_string_append_printf (token, "%02x", secret[i]);
  return g_string_free (g_steal_pointer (&token), FALSE);
}

static gboolean
auth_is_header_name (const char *name)
{
  return *name && strlen (name) <= 64 &&
         strspn (name, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-") ==
             strlen (name);
}

static gboolean
auth_check_name (DaePlugin *self, const char *key, GError **error)
{
  const char *name = dae_setting_text (self, key);

  if (!name || auth_is_header_name (name))
    return TRUE;
  g_set_error (error, G_IO_ERROR, G_IO_ERROR_INVALID_ARGUMENT,
               "%s \"%s\" cannot be a header's name: write letters, digits and \"-\" only", key,
               name);
  return FALSE;
}

static gboolean
auth_check_secret (DaePlugin *self, const char *key, GError **error)
{
  const char *secret = dae_setting_text (self, key);

  if (!secret || !*secret || strlen (secret) >= 16)
    return TRUE;
  g_set_error (error, G_IO_ERROR, G_IO_ERROR_INVALID_ARGUMENT,
               "%s is shorter than 16 bytes: write a random one, as \"openssl rand -hex 32\" gives",
               key);
  return FALSE;
}

/* NULL where none is set. */
static const char *
auth_secret (DaePlugin *self, const char *key)
{
  const char *secret = dae_setting_text (self, key);

  return secret && *secret ? secret : NULL;
}

static gboolean
auth_check_prefix (const char *prefix, GError **error)
{
  if (auth_is_header_name (prefix))
    return TRUE;
  g_set_error (error, G_IO_ERROR, G_IO_ERROR_INVALID_ARGUMENT,
               "header-prefix \"%s\" cannot begin a header's name: write letters, digits and \"-\" "
               "only, such as X-Forwarded-",
               prefix);
  return FALSE;
}

static gboolean
auth_check_url (DaePlugin *self, const char *key, GError **error)
{
  const char *url = dae_setting_text (self, key);

  if (!url || !*url || (url[0] == '/' && url[1] != '/') || g_str_has_prefix (url, "https://") ||
      g_str_has_prefix (url, "http://") || g_str_equal (url, AUTH_RETURN))
    return TRUE;
  g_set_error (error, G_IO_ERROR, G_IO_ERROR_INVALID_ARGUMENT,
               "%s \"%s\" is neither a path nor a URL: write a path that begins with one \"/\", or "
               "an http or https URL",
               key, url);
  return FALSE;
}

static gboolean
auth_configure (DaePlugin *self, GError **error)
{
  static const char *const names[AUTH_N_HEADERS] = { "User", "Email", "Preferred-Username",
                                                     "Groups" };
  gboolean production = strcmp (dae_host_info (self)->environment, "production") == 0;
  const char *mode = dae_setting_text (self, "mode");
  const char *prefix = dae_setting_text (self, "header-prefix");
  const char *subject;
  AuthData *data;

  if (production && g_strcmp0 (mode, "local") == 0) {
    g_set_error (
        error, G_IO_ERROR, G_IO_ERROR_INVALID_ARGUMENT,
        "mode = local knows one person only and is not for production: set mode = proxy in "
        "[plugin auth] and name the proxy in [http] trusted-proxies, or set "
        "DAEDALUS_ENV=development");
    return FALSE;
  }
  if (!auth_check_prefix (prefix, error) || !auth_check_url (self, "sign-in-url", error) ||
      !auth_check_url (self, "sign-out-url", error) ||
      !auth_check_name (self, "subject-header", error) ||
      !auth_check_name (self, "proxy-secret-header", error) ||
      !auth_check_secret (self, "proxy-secret", error) ||
      !auth_check_secret (self, "proxy-secret-other", error))
    return FALSE;

  data = g_new0 (AuthData, 1);
  data->local = mode ? strcmp (mode, "local") == 0 : !production;
  data->proxy = mode ? strcmp (mode, "proxy") == 0 : production;
  for (guint i = 0; i < AUTH_N_HEADERS; i++)
    data->headers[i] = g_strconcat (prefix, names[i], NULL);
  subject = dae_setting_text (self, "subject-header");
  data->subject_header = g_strdup (subject ? subject : data->headers[AUTH_HEADER_USER]);
  data->secrets[0] = auth_secret (self, "proxy-secret");
  data->secrets[1] = auth_secret (self, "proxy-secret-other");
  data->admins = auth_set_of (dae_setting_list (self, "admins"));
  data->admin_groups = auth_set_of (dae_setting_list (self, "admin-groups"));
  data->local_name = auth_local_name (self);
  data->local_token = auth_local_token (self);
  data->ignored_headers = dae_series (self, "auth_ignored_identity_headers_total");
  data->refused = dae_series (self, "auth_refused_credentials_total");
  data->sessions_started = dae_series (self, "auth_sessions_started_total");
  dae_set_data (self, data, auth_data_free);
  return auth_jwt_configure (self, data, error);
}

static void
auth_state_free (gpointer pointer)
{
  AuthState *state = pointer;

  auth_sessions_free (state->sessions);
  auth_people_free (state->people);
  auth_tokens_free (state->tokens);
  auth_jwt_stop (state);
  g_free (state);
}

static gboolean
auth_start_up (DaePlugin *self, GError **error)
{
  const AuthData *data = dae_data (self);
  AuthState *state = g_new0 (AuthState, 1);

  state->sessions = auth_sessions_new (self);
  state->people = auth_people_new ();
  state->tokens = auth_tokens_new ();
  dae_set_state (self, state, auth_state_free);
  dae_announce (self, "token", data->local ? data->local_token : NULL);
  if (data->local)
    auth_start_announce (self);
  else
    dae_announce (self, "start-link", NULL);
  if (data->jwt)
    auth_jwt_start (self, state);
  return TRUE;
}

static DaeOutcome
auth_me (DaeRequest *req, DaePlugin *self)
{
  const DaeUser *user = dae_request_user (req);
  DaeJson *json = dae_json_new (req);

  dae_json_begin_object (json, NULL);
  dae_json_text (json, "subject", user->subject);
  dae_json_text (json, "email", user->email);
  dae_json_text (json, "name", user->name);
  dae_json_begin_array (json, "groups");
  for (const char *const *group = user->groups; *group; group++)
    dae_json_text (json, NULL, *group);
  dae_json_end (json);
  dae_json_bool (json, "admin", (user->flags & DAE_USER_ADMIN) != 0);
  dae_json_text (json, "method", user->method);
  dae_json_end (json);
  return dae_send (req, dae_reply_json (req, 200, json));
}

static void
auth_identify (DaePlugin *self, DaeRequest *req, DaeIdentified done, gpointer user_data)
{
  const AuthData *data = dae_data (self);
  gboolean has_headers = auth_proxy_has_headers (data, req);
  const char *bearer = auth_bearer (req);

  if (dae_request_header_count (req, "Authorization") > 1) {
    done (req, NULL,
          dae_reply_problem (req, 400, "authorization_doubled",
                             "the header Authorization came twice"),
          user_data);
    return;
  }
  /* what holds the fewest rights decides, whatever a proxy adds to it */
  if (bearer && auth_token_is (bearer)) {
    auth_token_identify (self, req, bearer, done, user_data);
    return;
  }
  if (data->proxy && has_headers && auth_proxy_is_believed (self, req)) {
    auth_proxy_identify (self, req, done, user_data);
    return;
  }
  if (!data->proxy && has_headers)
    dae_series_add (data->ignored_headers, 1);
  if (bearer && data->jwt)
    auth_jwt_identify (self, req, bearer, done, user_data);
  else if (bearer && data->local)
    auth_local_identify_bearer (self, req, bearer, done, user_data);
  else if (bearer)
    done (req, NULL, auth_refuse (self, req, "bearer of no kind that is believed here"), user_data);
  else if (data->local)
    auth_local_identify (self, req, done, user_data);
  else
    done (req, NULL, NULL, user_data);
}

/* A start link is no place to go to: it works once. A proxy leads whoever asks for a document to
 * where they sign in, so that any place is one to sign in at. */
static const char *
auth_sign_in_url (DaePlugin *self)
{
  const AuthData *data = dae_data (self);
  const char *url = dae_setting_text (self, "sign-in-url");

  if (data->local)
    return NULL;
  return url || !data->proxy ? url : AUTH_RETURN;
}

static const char *
auth_sign_out_url (DaePlugin *self)
{
  const AuthData *data = dae_data (self);

  return data->local ? NULL : dae_setting_text (self, "sign-out-url");
}

static const char *
auth_challenge (DaePlugin *self)
{
  return "Bearer realm=\"daedalus\"";
}

static char *
auth_challenge_for (DaePlugin *self, DaeRequest *req)
{
  return auth_resource_challenge (self, req, NULL);
}

static const DaeIdentity1 identity = {
  .struct_size = sizeof (DaeIdentity1),
  .identify = auth_identify,
  .sign_in_url = auth_sign_in_url,
  .sign_out_url = auth_sign_out_url,
  .challenge = auth_challenge,
  .challenge_for = auth_challenge_for,
};

static const DaeService services[] = {
  { .name = "identity/1", .vtable = &identity },
};

static const DaeMember start_query[] = {
  { .name = "code", .type = DAE_MEMBER_TEXT, .flags = DAE_MEMBER_REQUIRED, .min = 1, .max = 200 },
};

static const DaeMember token_members[] = {
  { .name = "name",
    .type = DAE_MEMBER_TEXT,
    .flags = DAE_MEMBER_REQUIRED,
    .min = 1,
    .max = AUTH_TOKEN_MAX_NAME },
  { .name = "scopes",
    .type = DAE_MEMBER_TEXT_LIST,
    .flags = DAE_MEMBER_REQUIRED,
    .min = 1,
    .max = 4 },
  { .name = "expires_in_days", .type = DAE_MEMBER_INT, .min = 1, .max = AUTH_TOKEN_MAX_DAYS },
};

static const DaeMember command_members[] = {
  { .name = "words", .type = DAE_MEMBER_TEXT_LIST, .min = 0, .max = 100 },
};

#define RESOURCE(path)                                                                             \
  {                                                                                                \
    .method = "GET", .pattern = "/.well-known/oauth-protected-resource" path,                      \
    .loop = auth_resource_show, .auth = DAE_AUTH_NONE, .flags = DAE_ROUTE_MCP                      \
  }

static const DaeRoute routes[] = {
  RESOURCE (""),
  RESOURCE ("/api/mcp"),
  RESOURCE ("/api/mcp/{agent:slug}"),
  { .method = "GET", .pattern = "/api/me", .loop = auth_me },
  { .method = "GET",
    .pattern = "/start",
    .answer = auth_start,
    .auth = DAE_AUTH_NONE,
    .flags = DAE_ROUTE_WRITES | DAE_ROUTE_SECRET,
    .query = DAE_TABLE (start_query) },
  { .method = "POST",
    .pattern = "/api/session/end",
    .answer = auth_session_end,
    .flags = DAE_ROUTE_SECRET | DAE_ROUTE_PERSONAL },
  { .method = "GET",
    .pattern = "/api/tokens",
    .answer = auth_tokens_list,
    .flags = DAE_ROUTE_PERSONAL },
  { .method = "POST",
    .pattern = "/api/tokens",
    .answer = auth_token_create,
    .body = DAE_BODY_JSON,
    .flags = DAE_ROUTE_SECRET | DAE_ROUTE_PERSONAL,
    .members = DAE_TABLE (token_members) },
  { .method = "DELETE",
    .pattern = "/api/tokens/{token_id:uuid}",
    .answer = auth_token_revoke,
    .flags = DAE_ROUTE_PERSONAL },
  { .method = "POST",
    .pattern = "/internal/commands/token",
    .answer = auth_command_token,
    .auth = DAE_AUTH_NONE,
    .body = DAE_BODY_JSON,
    .flags = DAE_ROUTE_INTERNAL | DAE_ROUTE_SECRET,
    .members = DAE_TABLE (command_members) },
  { .method = "POST",
    .pattern = "/internal/commands/person",
    .answer = auth_command_person,
    .auth = DAE_AUTH_NONE,
    .body = DAE_BODY_JSON,
    .flags = DAE_ROUTE_INTERNAL | DAE_ROUTE_SECRET,
    .members = DAE_TABLE (command_members) },
};

static const DaeJob jobs[] = {
  { .name = "sessions", .every_ms = 3600 * 1000, .step = auth_session_sweep },
  { .name = "tokens", .every_ms = 24 * 3600 * 1000, .step = auth_token_sweep },
};

DAE_PLUGIN_DEFINE (.name = "auth",
                   .version = "0.1.0",
                   .summary = "Who people are",
                   .provides = DAE_TABLE (services),
                   .settings = DAE_TABLE (settings),
                   .metrics = DAE_TABLE (metrics),
                   .routes = DAE_TABLE (routes),
                   .jobs = DAE_TABLE (jobs),
                   .configure = auth_configure,
                   .start = auth_start_up,
                   .health = auth_jwt_health,
                   .merge_people = auth_merge_people);
