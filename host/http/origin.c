/* SPDX-License-Identifier: Apache-2.0 */
/* origin: names and addresses are compared as parsed values, never by prefix. */
#include "origin.h"

#include <string.h>

#include "value.h"

#define ORIGIN_ANY_PORT -1
#define ORIGIN_NO_PORT  -2
#define ORIGIN_MAX_ID   128

/* What a Host may be. */
typedef struct {
  char *name; /* lower case, without brackets; NULL: any numeric address */
  int port;   /* or ORIGIN_ANY_PORT */
} OriginName;

struct OriginRules {
  GArray *names;  /* (element-type OriginName) */
  char *base_url; /* or NULL */
  char **mcp_origins;
  gboolean (*trusts) (const char *address, gpointer data);
  gpointer data;
};

static void
origin_name_clear (gpointer name)
{
  g_free (((OriginName *)name)->name);
}

static void
origin_add (OriginRules *rules, const char *name, int port)
{
  OriginName row = { name ? g_ascii_strdown (name, -1) : NULL, port };

  g_array_append_val (rules->names, row);
}

/* Splits "name", "name:port", "[::1]:port" or "::1". *RET_NAME is owned, in lower case, without
 * brackets and a last dot. */
static gboolean
origin_split (const char *text, char **ret_name, int *ret_port)
{
  const char *end = text + strlen (text), *colon = strrchr (text, ':');
  gint64 port = ORIGIN_NO_PORT;

  if (text[0] == '[') {
    end = strchr (text, ']');
    if (!end || (end[1] && end[1] != ':'))
      return FALSE;
    colon = end[1] ? end + 1 : NULL;
    text++;
  } else if (colon && strchr (text, ':') != colon) {
    colon = NULL; /* an IPv6 address without brackets */
  } else if (colon) {
    end = colon;
  }
  if (colon && colon[1] &&
      (!value_is_int (colon + 1, strlen (colon + 1), &port) || port < 0 || port > 65535))
    return FALSE;
  if (end > text && end[-1] == '.')
    end--;
  if (end == text)
    return FALSE;
  *ret_name = g_ascii_strdown (text, end - text);
  *ret_port = (int)port;
  return TRUE;
}

static gboolean
origin_is_loopback (const char *address)
{
  g_autoptr (GInetAddress) inet = g_inet_address_new_from_string (address);

  return inet && g_inet_address_get_is_loopback (inet);
}

/* The names under which one address of [http] listen is reached. */
static void
origin_add_listen (OriginRules *rules, const char *listen)
{
  g_autoptr (GInetAddress) inet = NULL;
  g_autofree char *name = NULL;
  gboolean is_any, is_local;
  int port;

  if (g_str_has_prefix (listen, "unix:")) {
    origin_add (rules, "localhost", ORIGIN_ANY_PORT); /* no browser gets there */
    return;
  }
  if (g_str_has_prefix (listen, "*:") || !origin_split (listen, &name, &port)) {
    listen = strrchr (listen, ':');
    if (!listen)
      return;
    port = atoi (listen + 1);
    g_free (name);
    name = g_strdup ("0.0.0.0");
  }
  if (port <= 0)
    port = ORIGIN_ANY_PORT; /* the kernel chooses */
  inet = g_inet_address_new_from_string (name);
  is_any = inet && g_inet_address_get_is_any (inet);
  is_local = g_str_equal (name, "localhost") || (inet && g_inet_address_get_is_loopback (inet));
  origin_add (rules, is_any ? NULL : name, port);
  if (!is_any && !is_local)
    return;
  origin_add (rules, "localhost", port);
  origin_add (rules, "127.0.0.1", port);
  origin_add (rules, "::1", port);
}

OriginRules *
origin_rules_new (const char *const *listen,
                  const char *const *hosts,
                  const char *const *mcp_origins,
                  const char *base_url,
                  gboolean (*trusts) (const char *address, gpointer data),
                  gpointer data)
{
  OriginRules *rules = g_new0 (OriginRules, 1);
  g_autoptr (GUri) uri = base_url ? g_uri_parse (base_url, G_URI_FLAGS_NONE, NULL) : NULL;

  rules->names = g_array_new (FALSE, FALSE, sizeof (OriginName));
  g_array_set_clear_func (rules->names, origin_name_clear);
  rules->trusts = trusts;
  rules->data = data;
  rules->base_url = g_strdup (base_url);
  rules->mcp_origins = g_strdupv ((char **)mcp_origins);
  for (guint i = 0; listen && listen[i]; i++)
    origin_add_listen (rules, listen[i]);
  for (guint i = 0; hosts && hosts[i]; i++) {
    g_autofree char *name = NULL;
    int port;

    if (origin_split (hosts[i], &name, &port))
      origin_add (rules, name, port == ORIGIN_NO_PORT ? ORIGIN_ANY_PORT : port);
  }
  if (uri && g_uri_get_host (uri)) {
    gboolean https = g_strcmp0 (g_uri_get_scheme (uri), "https") == 0;
    int port = g_uri_get_port (uri);

    origin_add (rules, g_uri_get_host (uri), port > 0 ? port : https ? 443 : 80);
  }
  return rules;
}

void
origin_rules_free (OriginRules *rules)
{
  if (!rules)
    return;
  g_array_unref (rules->names);
  g_free (rules->base_url);
  g_strfreev (rules->mcp_origins);
  g_free (rules);
}

/* The address of one hop of X-Forwarded-For, which may have brackets and a port: owned; NULL: it is
 * none. */
static char *
origin_hop_address (const char *text, gsize length)
{
  g_autofree char *hop = g_strndup (text, length);
  g_autoptr (GInetAddress) inet = NULL;
  g_autofree char *name = NULL;
  int port;

  if (!origin_split (g_strstrip (hop), &name, &port))
    return NULL;
  inet = g_inet_address_new_from_string (name);
  return inet ? g_inet_address_to_string (inet) : NULL;
}

/* Goes through the hops of one header from the right. FALSE: the client is found, or no more can
 * be believed. */
static gboolean
origin_walk_hops (const OriginRules *rules, Request *request, const char *value)
{
  const char *end = value + strlen (value);

  for (;;) {
    const char *start = end;
    g_autofree char *address = NULL;

    while (start > value && start[-1] != ',')
      start--;
    address = origin_hop_address (start, (gsize)(end - start));
    if (!address)
      return FALSE;
    request->client = arena_strdup (&request->arena, address);
    if (!rules->trusts (address, rules->data))
      return FALSE;
    if (start == value)
      return TRUE;
    end = start - 1;
  }
}

static void
origin_find_client (const OriginRules *rules, Request *request)
{
  for (guint i = request->n_headers; i > 0; i--) {
    const ServerHeader *header = &request->headers[i - 1];

    if (g_ascii_strcasecmp (header->name, "X-Forwarded-For") == 0 &&
        !origin_walk_hops (rules, request, header->value))
      return;
  }
}

static gboolean
origin_is_good_id (const char *id)
{
  gsize length = id ? strlen (id) : 0;

  if (length < 1 || length > ORIGIN_MAX_ID)
    return FALSE;
  for (gsize i = 0; i < length; i++) {
    if (!g_ascii_isalnum (id[i]) && id[i] != '.' && id[i] != '_' && id[i] != '-')
      return FALSE;
  }
  return TRUE;
}

void
origin_settle (const OriginRules *rules, Request *request)
{
  const char *id, *proto;

  if (request->is_internal || !rules->trusts (request->peer, rules->data))
    return;
  request->is_trusted = TRUE;
  origin_find_client (rules, request);
  proto = request_header (request, "X-Forwarded-Proto");
  request->is_https = proto && g_ascii_strcasecmp (proto, "https") == 0;
  id = request_header (request, "X-Request-Id");
  if (origin_is_good_id (id))
    request->id = id;
}

static gboolean
origin_name_fits (const OriginName *row, const char *name, int port, gboolean numeric)
{
  if (row->name ? !g_str_equal (row->name, name) : !numeric)
    return FALSE;
  if (row->port == ORIGIN_ANY_PORT || row->port == port)
    return TRUE;
  /* browsers leave out the port that the scheme implies, and a proxy hides which that is */
  return port == ORIGIN_NO_PORT && (row->port == 80 || row->port == 443);
}

gboolean
origin_is_ours (const OriginRules *rules, Request *request)
{
  g_autofree char *name = NULL;
  gboolean numeric;
  int port;

  /* a proxy on this very machine is not told from a browser on it */
  if (request->is_internal || (request->is_trusted && !origin_is_loopback (request->peer)))
    return TRUE;
  if (!origin_split (request->host_name, &name, &port))
    return FALSE;
  numeric = g_hostname_is_ip_address (name);
  for (guint i = 0; i < rules->names->len; i++) {
    if (origin_name_fits (&g_array_index (rules->names, OriginName, i), name, port, numeric))
      return TRUE;
  }
  return FALSE;
}

/* Compares "scheme://host:port" of ORIGIN and of URL. */
static gboolean
origin_equals (const char *origin, const char *url)
{
  g_autoptr (GUri) a = g_uri_parse (origin, G_URI_FLAGS_NONE, NULL);
  g_autoptr (GUri) b = g_uri_parse (url, G_URI_FLAGS_NONE, NULL);
  int port_a, port_b;

  if (!a || !b || !g_uri_get_host (a) || !g_uri_get_host (b) ||
      g_ascii_strcasecmp (g_uri_get_scheme (a), g_uri_get_scheme (b)) != 0 ||
      g_ascii_strcasecmp (g_uri_get_host (a), g_uri_get_host (b)) != 0)
    return FALSE;
  port_a = g_uri_get_port (a);
  port_b = g_uri_get_port (b);
  if (port_a < 0)
    port_a = g_ascii_strcasecmp (g_uri_get_scheme (a), "https") == 0 ? 443 : 80;
  if (port_b < 0)
    port_b = g_ascii_strcasecmp (g_uri_get_scheme (b), "https") == 0 ? 443 : 80;
  return port_a == port_b;
}

gboolean
origin_is_same_site (const OriginRules *rules, Request *request)
{
  const char *site = request_header (request, "Sec-Fetch-Site");
  const char *origin = request_header (request, "Origin");
  g_autofree char *own = NULL;

  if (request_header_count (request, "Sec-Fetch-Site") > 0)
    return site && (g_str_equal (site, "same-origin") || g_str_equal (site, "none"));
  if (request_header_count (request, "Origin") == 0)
    return TRUE; /* no browser */
  if (!origin)
    return FALSE;
  own = g_strconcat (request->is_https ? "https://" : "http://", request->host_name, NULL);
  return origin_equals (origin, own) ||
         (rules->base_url && origin_equals (origin, rules->base_url));
}

const char *
origin_of_mcp_page (const OriginRules *rules, Request *request)
{
  const char *origin = request_header (request, "Origin");

  for (guint i = 0; origin && rules->mcp_origins && rules->mcp_origins[i]; i++)
    if (origin_equals (origin, rules->mcp_origins[i]))
      return origin;
  return NULL;
}
