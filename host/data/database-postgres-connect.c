/* SPDX-License-Identifier: Apache-2.0 */
/* database-postgres-connect: from the URL to a connection that can write, within a deadline.
 *
 * Hosts of the URL are tried one by one, each with a limit of its own: libpq
 * heeds connect_timeout only in its blocking calls, and one silent host would
 * use up everybody's time.
 */
#include "database-postgres.h"

#include <poll.h>
#include <string.h>

#include "../observe/log.h"

#define HOST_US (2 * G_USEC_PER_SEC)

/* ---- the URL ----------------------------------------------------------- */

static gboolean
database_postgres_is_option (const char *name, gsize length)
{
  PQconninfoOption *options = PQconndefaults ();
  gboolean ret = FALSE;

  for (PQconninfoOption *at = options; at != NULL && at->keyword != NULL && !ret; at++)
    ret = strlen (at->keyword) == length && strncmp (at->keyword, name, length) == 0;
  PQconninfoFree (options);
  return ret;
}

/* Of another client's URL keeps the options that libpq has; asyncpg's ssl is libpq's sslmode. */
static char *
database_postgres_rewrite_options (const char *query)
{
  g_auto (GStrv) options = g_strsplit (query, "&", -1);
  GString *ret = g_string_new (NULL);

  for (guint i = 0; options[i] != NULL; i++) {
    const char *equals = strchr (options[i], '=');
    gsize length = equals != NULL ? (gsize)(equals - options[i]) : strlen (options[i]);
    const char *separator = ret->len > 0 ? "&" : "?";

    if (equals != NULL && length == 3 && strncmp (options[i], "ssl", 3) == 0) {
      const char *mode = g_ascii_strcasecmp (equals + 1, "true") == 0    ? "require"
                         : g_ascii_strcasecmp (equals + 1, "false") == 0 ? "disable"
                                                                         : equals + 1;
      g_string_append_printf (ret, "%ssslmode=%s", separator, mode);
    } else if (database_postgres_is_option (options[i], length)) {
      g_string_append_printf (ret, "%s%s", separator, options[i]);
    }
  }
  return g_string_free (ret, FALSE);
}

/* What libpq takes for URL: "postgresql+asyncpg://..." is what other services of an installation
 * are given. NULL: neither. */
static char *
database_postgres_rewrite (const char *url)
{
  const char *rest = strstr (url, "://");
  const char *query;
  g_autofree char *options = NULL;
  g_autofree char *scheme = NULL;
  g_autofree char *middle = NULL;

  if (rest == NULL)
    return NULL;
  scheme = g_strndup (url, rest - url);
  if (strcmp (scheme, "postgresql") == 0 || strcmp (scheme, "postgres") == 0)
    return g_strdup (url);
  if (!g_str_has_prefix (scheme, "postgresql+") && !g_str_has_prefix (scheme, "postgres+"))
    return NULL;
  query = strchr (rest, '?');
  middle = query != NULL ? g_strndup (rest, query - rest) : g_strdup (rest);
  options = database_postgres_rewrite_options (query != NULL ? query + 1 : "");
  return g_strconcat ("postgresql", middle, options, NULL);
}

static void
database_postgres_target_free (gpointer data)
{
  PostgresTarget *target = data;

  g_ptr_array_unref (target->keywords);
  g_ptr_array_unref (target->values);
  g_free (target->name);
  g_free (target);
}

static void
database_postgres_target_add (PostgresTarget *target, const char *keyword, const char *value)
{
  g_ptr_array_add (target->keywords, g_strdup (keyword));
  g_ptr_array_add (target->values, g_strdup (value));
}

/* The INDEXth of a list with commas; the only one stands for all. */
static char *
database_postgres_nth (const char *list, guint index)
{
  g_auto (GStrv) parts = g_strsplit (list, ",", -1);
  guint n = g_strv_length (parts);

  return g_strdup (n == 0 ? "" : n == 1 ? parts[0] : index < n ? parts[index] : "");
}

static const char *
database_postgres_option (PQconninfoOption *options, const char *keyword)
{
  for (PQconninfoOption *at = options; at->keyword != NULL; at++) {
    if (strcmp (at->keyword, keyword) == 0)
      return at->val;
  }
  return NULL;
}

static PostgresTarget *
database_postgres_target_new (PQconninfoOption *options, guint index)
{
  static const char *const ours[][2] = {
    { "client_encoding", "UTF8" },
    { "fallback_application_name", "daedalus" },
    { "keepalives_idle", "15" },
    { "keepalives_interval", "5" },
    { "keepalives_count", "3" },
    { "tcp_user_timeout", "10000" },
    { "target_session_attrs", "read-write" },
  };
  PostgresTarget *target = g_new0 (PostgresTarget, 1);
  const char *host = database_postgres_option (options, "host");
  const char *port = database_postgres_option (options, "port");
  g_autofree char *one_host = NULL;
  g_autofree char *one_port = NULL;

  target->keywords = g_ptr_array_new_with_free_func (g_free);
  target->values = g_ptr_array_new_with_free_func (g_free);
  for (PQconninfoOption *at = options; at->keyword != NULL; at++) {
    g_autofree char *one = NULL;

    if (at->val == NULL)
      continue;
    if (strcmp (at->keyword, "host") == 0 || strcmp (at->keyword, "port") == 0 ||
        strcmp (at->keyword, "hostaddr") == 0)
      one = database_postgres_nth (at->val, index);
    database_postgres_target_add (target, at->keyword, one != NULL ? one : at->val);
  }
  for (gsize i = 0; i < G_N_ELEMENTS (ours); i++) {
    if (database_postgres_option (options, ours[i][0]) == NULL)
      database_postgres_target_add (target, ours[i][0], ours[i][1]);
  }
  g_ptr_array_add (target->keywords, NULL);
  g_ptr_array_add (target->values, NULL);
  if (host == NULL || *host == '\0')
    host = database_postgres_option (options, "hostaddr");
  one_host = database_postgres_nth (host != NULL ? host : "local socket", index);
  one_port = database_postgres_nth (port != NULL ? port : "5432", index);
  target->name = g_strconcat (one_host, ":", one_port, NULL);
  return target;
}

static GPtrArray *
database_postgres_targets (const char *url, char **ret_why)
{
  g_autofree char *rewritten = database_postgres_rewrite (url);
  char *message = NULL;
  PQconninfoOption *options;
  GPtrArray *ret;
  const char *hosts;
  guint n_hosts = 1;

  if (rewritten == NULL) {
    *ret_why = g_strdup ("is not the URL of a database that is known here");
    return NULL;
  }
  options = PQconninfoParse (rewritten, &message);
  if (options == NULL) {
    /* libpq's words may quote the URL with its password */
    *ret_why = g_strdup ("is not a URL that PostgreSQL's client understands");
    PQfreemem (message);
    return NULL;
  }
  hosts = database_postgres_option (options, "hostaddr");
  if (hosts == NULL)
    hosts = database_postgres_option (options, "host");
  for (const char *at = hosts != NULL ? hosts : ""; *at != '\0'; at++)
    n_hosts += *at == ',';
  ret = g_ptr_array_new_with_free_func (database_postgres_target_free);
  for (guint i = 0; i < n_hosts; i++)
    g_ptr_array_add (ret, database_postgres_target_new (options, i));
  PQconninfoFree (options);
  return ret;
}

gpointer
database_postgres_new (const char *url, const char *listen_url, gboolean prepare, char **ret_why)
{
  g_autoptr (GPtrArray) targets = database_postgres_targets (url, ret_why);
  g_autoptr (GPtrArray) listen_targets = NULL;
  DatabasePostgres *shared;

  if (targets == NULL)
    return NULL;
  if (listen_url != NULL && *listen_url != '\0') {
    g_autofree char *why = NULL;

    listen_targets = database_postgres_targets (listen_url, &why);
    if (listen_targets == NULL) {
      *ret_why = g_strconcat ("listen-url ", why, NULL);
      return NULL;
    }
  }
  shared = g_new0 (DatabasePostgres, 1);
  shared->targets = g_steal_pointer (&targets);
  shared->listen_targets = listen_targets != NULL ? g_steal_pointer (&listen_targets)
                                                  : g_ptr_array_ref (shared->targets);
  shared->prepare = prepare;
  return shared;
}

/* ---- connecting -------------------------------------------------------- */

/* FALSE: the deadline has passed. */
static gboolean
database_postgres_poll (int fd, short events, gint64 deadline)
{
  for (;;) {
    struct pollfd poll_fd = { .fd = fd, .events = events };
    gint64 left = deadline - g_get_monotonic_time ();
    int n;

    if (left <= 0)
      return FALSE;
    n = poll (&poll_fd, 1, (int)MIN (left / 1000 + 1, G_MAXINT));
    if (n > 0)
      return TRUE;
  }
}

gboolean
database_postgres_wait (PGconn *pg, gint64 deadline, gboolean *ret_late)
{
  *ret_late = FALSE;
  for (;;) {
    int unsent = PQflush (pg);

    if (unsent < 0 && PQstatus (pg) == CONNECTION_BAD)
      return FALSE;
    if (unsent == 0 && !PQisBusy (pg))
      return TRUE;
    if (!database_postgres_poll (PQsocket (pg), POLLIN | (unsent > 0 ? POLLOUT : 0), deadline)) {
      *ret_late = TRUE;
      return FALSE;
    }
    if (PQconsumeInput (pg) == 0)
      /* what arrived before the end may still hold the server's reason */
      return !PQisBusy (pg);
  }
}

static void
database_postgres_notice (void *data, const char *message)
{
  log_line (G_LOG_LEVEL_DEBUG, "a notice of the database", DAE_S ("notice", message));
}

static PGconn *
database_postgres_connect_one (const PostgresTarget *target, gint64 deadline, GError **error)
{
  PGconn *pg = PQconnectStartParams ((const char *const *)target->keywords->pdata,
                                     (const char *const *)target->values->pdata, 0);
  PostgresPollingStatusType next = PGRES_POLLING_WRITING;

  while (pg != NULL && PQstatus (pg) != CONNECTION_BAD && next != PGRES_POLLING_OK &&
         next != PGRES_POLLING_FAILED) {
    short events = next == PGRES_POLLING_WRITING ? POLLOUT : POLLIN;

    if (!database_postgres_poll (PQsocket (pg), events, deadline)) {
      g_set_error (error, G_IO_ERROR, G_IO_ERROR_TIMED_OUT, "%s: no answer", target->name);
      PQfinish (pg);
      return NULL;
    }
    next = PQconnectPoll (pg);
  }
  if (pg == NULL || PQstatus (pg) != CONNECTION_OK) {
    g_set_error (error, G_IO_ERROR, G_IO_ERROR_NOT_CONNECTED, "%s: %s", target->name,
                 pg != NULL ? PQerrorMessage (pg) : "out of memory");
    if (error != NULL)
      g_strchomp ((*error)->message);
    PQfinish (pg);
    return NULL;
  }
  PQsetNoticeProcessor (pg, database_postgres_notice, NULL);
  PQsetnonblocking (pg, 1);
  return pg;
}

PGconn *
database_postgres_connect (DatabasePostgres *shared,
                           DatabaseUse use,
                           gint64 deadline,
                           GError **error)
{
  gboolean direct = use == DATABASE_USE_LISTEN || use == DATABASE_USE_SESSION;
  GPtrArray *targets = direct ? shared->listen_targets : shared->targets;
  guint first = direct ? 0 : (guint)g_atomic_int_get (&shared->last);

  for (guint i = 0; i < targets->len; i++) {
    guint index = (first + i) % targets->len;
    g_autoptr (GError) local = NULL;
    gint64 now = g_get_monotonic_time ();
    gint64 limit = now + MIN (HOST_US, (deadline - now) / (targets->len - i));
    PGconn *pg = database_postgres_connect_one (g_ptr_array_index (targets, index), limit, &local);

    if (pg != NULL) {
      g_clear_error (error);
      if (!direct)
        g_atomic_int_set (&shared->last, (gint)index);
      return pg;
    }
    /* the last host's words are as good as the first's: all of them */
    if (error != NULL && *error != NULL)
      g_prefix_error (error, "%s; ", local->message);
    else
      g_propagate_error (error, g_steal_pointer (&local));
  }
  return NULL;
}
