/* SPDX-License-Identifier: Apache-2.0 */
/* config-host: the host's own groups, each a table of rows as a plugin's are,
 * and the rules that hold between them.
 */
#include "config.h"

#include <string.h>

static const DaeSetting config_host_rows[] = {
  { .key = "environment",
    .type = DAE_SETTING_CHOICE,
    .choices = "development|production",
    .fallback = "development",
    .environment = "DAEDALUS_ENV",
    .help =
        "production: JSON logs, no local identity, a base URL and a database named explicitly" },
  { .key = "data-dir",
    .type = DAE_SETTING_TEXT,
    .help = "Directory of the embedded database, stored files and secrets; unset: what systemd "
            "gives, else "
            "$XDG_DATA_HOME/daedalus, else /var/lib/daedalus" },
  { .key = "runtime-dir",
    .type = DAE_SETTING_TEXT,
    .help = "Directory of sockets; unset: run below data-dir" },
  { .key = "plugin-dir",
    .type = DAE_SETTING_TEXT,
    .help = "Directory of plugin files; unset: the installed one" },
  { .key = "static-dir",
    .type = DAE_SETTING_TEXT,
    .help = "Directory of the page's files; unset: the installed one" },
  { .key = "schema-dir",
    .type = DAE_SETTING_TEXT,
    .help = "Directory of migrations; unset: the installed one" },
  { .key = "workers",
    .type = DAE_SETTING_INT,
    .fallback = "0",
    .min = 0,
    .max = 64,
    .help = "Worker processes; 0: one on the embedded database, one per core on PostgreSQL" },
  { .key = "on-plugin-failure",
    .type = DAE_SETTING_CHOICE,
    .choices = "stop|continue",
    .fallback = "stop",
    .help = "stop: a plugin that fails stops the start; continue: it is left out" },
  { .key = "drain-delay",
    .type = DAE_SETTING_DURATION,
    .fallback = "0",
    .min = 0,
    .max = 600000,
    .help = "How long health says draining before listening ends, so that a balancer can look" },
  { .key = "drain-limit",
    .type = DAE_SETTING_DURATION,
    .fallback = "360s",
    .min = 1000,
    .max = 86400000,
    .help = "How long requests and turns of a replaced generation may run on" },
  { .key = "stop-limit",
    .type = DAE_SETTING_DURATION,
    .fallback = "30s",
    .min = 0,
    .max = 86400000,
    .help = "How long requests and turns may run on after drain-delay when daedalus is to end" },
  { .key = "admins",
    .type = DAE_SETTING_LIST,
    .help = "Administrators: subjects or e-mail addresses" },
  { .key = "admin-groups",
    .type = DAE_SETTING_LIST,
    .help = "Groups whose members are administrators" },
  { .key = "docs-url", .type = DAE_SETTING_URL, .help = "Where the page's help link leads" },
};

static const DaeSetting config_http_rows[] = {
  { .key = "listen",
    .type = DAE_SETTING_LIST,
    .fallback = "127.0.0.1:8000",
    .environment = "DAEDALUS_LISTEN",
    .help = "Addresses to serve on: HOST:PORT, [::1]:PORT, unix:/path, or systemd for the sockets "
            "that a socket unit passes (systemd:NAME for those of that FileDescriptorName=)" },
  { .key = "base-url",
    .type = DAE_SETTING_URL,
    .environment = "DAEDALUS_BASE_URL",
    .help = "The URL that browsers use; required in production" },
  { .key = "hosts",
    .type = DAE_SETTING_LIST,
    .environment = "DAEDALUS_HOSTS",
    .help = "Further host names to answer to, besides those of base-url and listen" },
  { .key = "mcp-origins",
    .type = DAE_SETTING_LIST,
    .environment = "DAEDALUS_MCP_ORIGINS",
    .help = "Origins of pages elsewhere that may use /api/mcp in a browser, such as "
            "http://localhost:6274 for the MCP inspector" },
  { .key = "trusted-proxies",
    .type = DAE_SETTING_NETWORKS,
    .environment = "DAEDALUS_TRUSTED_PROXIES",
    .help = "Addresses and networks (or unix) whose word on client address, scheme "
            "and people is taken; must be named in production" },
  { .key = "keep-alive",
    .type = DAE_SETTING_DURATION,
    .fallback = "60s",
    .min = 1000,
    .max = 3600000,
    .help = "How long a connection may stay idle between two requests; behind a proxy that keeps "
            "connections, a little longer than it does" },
};

static const DaeSetting config_database_rows[] = {
  { .key = "url",
    .type = DAE_SETTING_SECRET,
    .help = "postgresql:// or sqlite: URL; unset: SQLite in data-dir (not in production)" },
  { .key = "listen-url",
    .type = DAE_SETTING_SECRET,
    .help = "PostgreSQL URL for LISTEN and NOTIFY where url leads through a pooler" },
  { .key = "prepare",
    .type = DAE_SETTING_BOOL,
    .fallback = "true",
    .help = "Use prepared statements; false behind a pooler that cannot keep them" },
  { .key = "migrate",
    .type = DAE_SETTING_CHOICE,
    .choices = "auto|refuse",
    .help = "auto: apply pending migrations at start; refuse: complain of them; unset: auto on the "
            "embedded "
            "database and in development" },
};

static const DaeSetting config_log_rows[] = {
  { .key = "level",
    .type = DAE_SETTING_CHOICE,
    .choices = "debug|info|notice|warning|error",
    .fallback = "info",
    .help = "The least level that is logged" },
  { .key = "format",
    .type = DAE_SETTING_CHOICE,
    .choices = "auto|json|text",
    .fallback = "auto",
    .help = "auto: text where standard output is a terminal, JSON else and in production" },
};

static const DaeSetting config_upstream_rows[] = {
  { .key = "ca-file",
    .type = DAE_SETTING_TEXT,
    .help = "File (PEM) with authorities that https:// upstreams may be signed by, besides the "
            "system's" },
  { .key = "connections",
    .type = DAE_SETTING_INT,
    .fallback = "256",
    .min = 1,
    .max = 100000,
    .help = "Connections of a worker to one upstream at once; an open event stream holds one" },
  { .key = "queue",
    .type = DAE_SETTING_INT,
    .fallback = "1024",
    .min = 0,
    .max = 100000,
    .help = "Requests of a worker that may wait for a connection to one upstream" },
};

static const DaeSetting config_limits_rows[] = {
  { .key = "turns",
    .type = DAE_SETTING_INT,
    .fallback = "200",
    .min = 0,
    .max = 100000,
    .help = "Questions that agents answer at once, over all workers; more of them wait, oldest "
            "first; 0: no limit" },
  { .key = "uploads",
    .type = DAE_SETTING_INT,
    .fallback = "32",
    .min = 0,
    .max = 100000,
    .help = "Uploads at once, over all workers; 0: no limit" },
  { .key = "writes-per-second",
    .type = DAE_SETTING_INT,
    .fallback = "50",
    .min = 0,
    .max = 10000,
    .help = "Changes that a person, or a client without one, may ask for in each second, over all "
            "workers; who was quiet may ask for those of ten seconds at once; 0: no limit" },
  { .key = "streams-per-person",
    .type = DAE_SETTING_INT,
    .fallback = "50",
    .min = 0,
    .max = 100000,
    .help = "Event streams that a person may have open, over all workers; 0: no limit" },
  { .key = "connections-per-address",
    .type = DAE_SETTING_INT,
    .fallback = "1000",
    .min = 0,
    .max = 1000000,
    .help = "Connections from one address (IPv6: one /64 network), over all workers; trusted "
            "proxies may have any number; 0: no limit" },
  { .key = "connections",
    .type = DAE_SETTING_INT,
    .fallback = "0",
    .min = 0,
    .max = 1000000,
    .help = "Connections of each worker; 0: as many as its descriptors allow" },
};

static gboolean
config_host_is_port (const char *text)
{
  gsize length = strlen (text);

  return length > 0 && length <= 5 && strspn (text, "0123456789") == length &&
         g_ascii_strtoull (text, NULL, 10) <= 65535;
}

static gboolean
config_host_is_listen (const char *item)
{
  const char *colon = strrchr (item, ':');
  g_autofree char *host = NULL;
  gsize length;

  if (strcmp (item, "systemd") == 0)
    return TRUE;
  if (g_str_has_prefix (item, "systemd:"))
    return item[strlen ("systemd:")] != '\0';
  if (g_str_has_prefix (item, "unix:"))
    return item[5] == '/' && strlen (item + 5) < 108;
  if (colon == NULL || !config_host_is_port (colon + 1))
    return FALSE;
  host = g_strndup (item, (gsize)(colon - item));
  length = strlen (host);
  if (host[0] != '[')
    return length > 0 && strcspn (host, ":[]/ ") == length;
  if (length < 3 || host[length - 1] != ']')
    return FALSE;
  host[length - 1] = '\0';
  return g_hostname_is_ip_address (host + 1) && strchr (host + 1, ':') != NULL;
}

static void
config_host_complain (Config *config,
                      const char *group,
                      const char *key,
                      const char *why,
                      const char *remedy,
                      Complaints *complaints)
{
  const ConfigEntry *origin = config_origin (config, group, key);

  complaints_add (complaints, NULL, origin != NULL ? origin->file : NULL,
                  origin != NULL ? origin->line : 0, group, key, why, remedy);
}

static void
config_host_check_listen (Config *config, Complaints *complaints)
{
  const char *const *items = config_list (config, "http", "listen");

  if (items[0] == NULL)
    config_host_complain (config, "http", "listen", "names no address",
                          "Write an address, for example 127.0.0.1:8000.", complaints);
  for (; *items != NULL; items++) {
    g_autofree char *why = NULL;

    if (config_host_is_listen (*items))
      continue;
    why = g_strdup_printf ("\"%s\" is not an address to listen on", *items);
    config_host_complain (config, "http", "listen", why,
                          "Write HOST:PORT, [IPV6]:PORT, unix:/path or systemd, for example "
                          "127.0.0.1:8000.",
                          complaints);
  }
}

static void
config_host_check_base_url (Config *config, Complaints *complaints)
{
  const char *url = config_text (config, "http", "base-url");
  gboolean production = strcmp (config_text (config, "host", "environment"), "production") == 0;
  g_autoptr (GUri) uri = url != NULL ? g_uri_parse (url, G_URI_FLAGS_NONE, NULL) : NULL;

  /* a URL that could not be read has been complained of already */
  if (production && config_origin (config, "http", "base-url") == NULL)
    config_host_complain (
        config, "http", "base-url", "production needs the URL that browsers use",
        "Write base-url = https://name.example in [http], or set DAEDALUS_BASE_URL.", complaints);
  if (uri == NULL)
    return;
  if (strlen (g_uri_get_path (uri)) > 1 || g_uri_get_query (uri) != NULL ||
      g_uri_get_fragment (uri) != NULL)
    config_host_complain (
        config, "http", "base-url", "has a path, but daedalus serves at the root of a host name",
        "Write scheme and host only, for example https://name.example.", complaints);
}

/* A key that was lost must not turn everybody away without a word. */
static void
config_host_check_proxies (Config *config, Complaints *complaints)
{
  if (strcmp (config_text (config, "host", "environment"), "production") == 0 &&
      config_origin (config, "http", "trusted-proxies") == NULL)
    config_host_complain (config, "http", "trusted-proxies",
                          "production needs the proxy whose word is taken on who asks",
                          "Write trusted-proxies = ADDRESS in [http] (nothing after the = where "
                          "clients connect directly), or set DAEDALUS_TRUSTED_PROXIES.",
                          complaints);
}

void
config_declare_host (Config *config, Complaints *complaints)
{
  config_declare (config, "host", "HOST", config_host_rows, G_N_ELEMENTS (config_host_rows), NULL,
                  complaints, NULL);
  config_declare (config, "http", "HTTP", config_http_rows, G_N_ELEMENTS (config_http_rows), NULL,
                  complaints, NULL);
  config_declare (config, "database", "DATABASE", config_database_rows,
                  G_N_ELEMENTS (config_database_rows), NULL, complaints, NULL);
  config_declare (config, "upstream", "UPSTREAM", config_upstream_rows,
                  G_N_ELEMENTS (config_upstream_rows), NULL, complaints, NULL);
  config_declare (config, "log", "LOG", config_log_rows, G_N_ELEMENTS (config_log_rows), NULL,
                  complaints, NULL);
  config_declare (config, "limits", "LIMITS", config_limits_rows, G_N_ELEMENTS (config_limits_rows),
                  NULL, complaints, NULL);
  config_declare (config, "services", NULL, NULL, 0, NULL, complaints, NULL);
  config_host_check_listen (config, complaints);
  config_host_check_base_url (config, complaints);
  config_host_check_proxies (config, complaints);
}
