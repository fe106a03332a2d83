/* SPDX-License-Identifier: Apache-2.0 */
/* router: patterns as rows of segments, the best rank first, compared with the raw path.
 *
 * A path is decided before its method: what a better pattern owns is not given
 * to a worse one because the method is another; it is 405.
 */
#include "router.h"

#include <string.h>

#include "../plugin/plugin.h"
#include "value.h"

#define ROUTER_MAX_SEGMENTS 64

/* In order of rank. */
typedef enum {
  SEGMENT_LITERAL = 0,
  SEGMENT_TYPED = 1,
  SEGMENT_PLAIN = 2,
  SEGMENT_REST = 3
} SegmentRank;
typedef enum { SEGMENT_ANY = 0, SEGMENT_UUID, SEGMENT_INT, SEGMENT_SLUG } SegmentType;

typedef struct {
  SegmentRank rank;
  SegmentType type;
  const char *text; /* of a literal: borrowed from the row */
  gsize length;
} Segment;

typedef struct {
  Route *route; /* owned by Router.routes */
  guint n_segments;
  Segment segments[ROUTER_MAX_SEGMENTS];
} Pattern;

struct Router {
  GPtrArray *routes;   /* (element-type Route), owned, in order of addition */
  GPtrArray *patterns; /* (element-type Pattern), owned, the best rank first */
};

/* One segment of a path. */
typedef struct {
  const char *raw;
  gsize length;
  char *text; /* owned: decoded; NULL: not yet, or bad */
  gboolean bad;
} Piece;

typedef struct {
  const char *path;
  guint n;
  Piece pieces[ROUTER_MAX_SEGMENTS];
} Pieces;

static const char *const router_methods[] = { "GET", "POST", "PUT", "PATCH", "DELETE", NULL };

static void
route_free (Route *route)
{
  g_strfreev (route->param_names);
  g_free (route->label);
  g_free ((gpointer)route->row.members.rows);
  g_free ((gpointer)route->row.query.rows);
  g_clear_pointer (&route->requests, g_hash_table_unref);
  g_free (route);
}

Router *
router_new (void)
{
  Router *router = g_new0 (Router, 1);

  router->routes = g_ptr_array_new_with_free_func ((GDestroyNotify)route_free);
  router->patterns = g_ptr_array_new_with_free_func (g_free);
  return router;
}

void
router_free (Router *router)
{
  if (!router)
    return;
  g_ptr_array_unref (router->patterns);
  g_ptr_array_unref (router->routes);
  g_free (router);
}

GPtrArray *
router_routes (Router *router)
{
  return router->routes;
}

static gboolean
router_refuse (GError **error, const DaeRoute *row, const char *why)
{
  g_set_error (error, G_IO_ERROR, G_IO_ERROR_INVALID_ARGUMENT, "route \"%s %s\": %s",
               row->method ? row->method : "?", row->pattern ? row->pattern : "?", why);
  return FALSE;
}

/* Rules of a row that need no pattern. */
static gboolean
router_check_row (const DaeRoute *row, GError **error)
{
  gboolean writes;

  if (!row->method || !g_strv_contains (router_methods, row->method))
    return router_refuse (error, row, "the method must be GET, POST, PUT, PATCH or DELETE");
  if (!row->pattern || row->pattern[0] != '/')
    return router_refuse (error, row, "the pattern must begin with '/'");
  if (!row->answer == !row->loop)
    return router_refuse (error, row, "it needs exactly one of answer and loop");
  if (row->answer && row->body == DAE_BODY_STREAM)
    return router_refuse (error, row, "a body as a stream needs a loop handler");
  if (row->answer && (row->flags & DAE_ROUTE_STREAMS))
    return router_refuse (error, row, "an answer as a stream needs a loop handler");
  writes = !g_str_equal (row->method, "GET") || (row->flags & DAE_ROUTE_WRITES);
  if ((row->flags & DAE_ROUTE_IDEMPOTENT) && (!row->answer || !writes))
    return router_refuse (error, row, "only an answer row that writes can be idempotent");
  /* strangers would share one space of keys, and be given each other's answers */
  if ((row->flags & DAE_ROUTE_IDEMPOTENT) && row->auth == DAE_AUTH_NONE)
    return router_refuse (error, row, "an idempotent row needs somebody who is signed in");
  if (row->members.n_rows > 0 && row->body != DAE_BODY_JSON)
    return router_refuse (error, row, "members need a JSON body");
  if (row->auth > DAE_AUTH_ANY || row->body > DAE_BODY_STREAM)
    return router_refuse (error, row, "this host does not know its kind of auth or body");
  return TRUE;
}

/* Reads "{name:type}" from TEXT, LENGTH with its braces; NULL or why not. */
static const char *
router_parse_param (const char *text, gsize length, Segment *segment, GPtrArray *names)
{
  static const char *const types[] = { NULL, "uuid", "int", "slug" };
  g_autofree char *name = g_strndup (text + 1, length - 2);
  char *colon = strchr (name, ':');

  segment->rank = SEGMENT_PLAIN;
  if (g_str_has_suffix (name, "*")) {
    name[strlen (name) - 1] = '\0';
    segment->rank = SEGMENT_REST;
  } else if (colon) {
    *colon = '\0';
    segment->rank = SEGMENT_TYPED;
    for (guint i = 1; i < G_N_ELEMENTS (types); i++) {
      if (g_str_equal (colon + 1, types[i]))
        segment->type = i;
    }
    if (segment->type == SEGMENT_ANY)
      return "a parameter's type must be uuid, int or slug";
  }
  if (!*name || strspn (name, "abcdefghijklmnopqrstuvwxyz0123456789_") != strlen (name))
    return "a parameter's name must be of a-z, 0-9 and '_'";
  for (guint i = 0; i < names->len; i++) {
    if (g_str_equal (names->pdata[i], name))
      return "a parameter appears twice";
  }
  if (names->len == ROUTER_MAX_PARAMS)
    return "it has more than 8 parameters";
  g_ptr_array_add (names, g_steal_pointer (&name));
  return NULL;
}

static const char *
router_parse_segment (const char *text, gsize length, Segment *segment, GPtrArray *names)
{
  if (length > 2 && text[0] == '{' && text[length - 1] == '}')
    return router_parse_param (text, length, segment, names);
  for (gsize i = 0; i < length; i++) {
    if (!g_ascii_isalnum (text[i]) && !strchr ("-._~!$&'()*+,;=:@", text[i]))
      return "a segment must be {name}, {name:type}, {name*}, or plain characters";
  }
  segment->rank = SEGMENT_LITERAL;
  segment->text = text;
  segment->length = length;
  return NULL;
}

/* NULL with ERROR, or the pattern of ROW, owned; *RET_NAMES gets its parameters. */
static Pattern *
router_compile (const DaeRoute *row, char ***ret_names, GError **error)
{
  g_autofree Pattern *pattern = g_new0 (Pattern, 1);
  g_autoptr (GPtrArray) names = g_ptr_array_new_with_free_func (g_free);
  const char *at = row->pattern, *why = NULL;

  while (at && !why) {
    const char *text = at + 1, *slash = strchr (text, '/');

    if (pattern->n_segments == ROUTER_MAX_SEGMENTS)
      why = "it has too many segments";
    else if (pattern->n_segments > 0 &&
             pattern->segments[pattern->n_segments - 1].rank == SEGMENT_REST)
      why = "{name*} must be the last segment";
    else
      why = router_parse_segment (text, slash ? (gsize)(slash - text) : strlen (text),
                                  &pattern->segments[pattern->n_segments++], names);
    at = slash;
  }
  if (why) {
    router_refuse (error, row, why);
    return NULL;
  }
  g_ptr_array_add (names, NULL);
  *ret_names = (char **)g_ptr_array_free (g_steal_pointer (&names), FALSE);
  return g_steal_pointer (&pattern);
}

/* Below 0: A is the better one. */
static int
pattern_compare (const Pattern *a, const Pattern *b)
{
  for (guint i = 0; i < a->n_segments && i < b->n_segments; i++) {
    if (a->segments[i].rank != b->segments[i].rank)
      return (int)a->segments[i].rank - (int)b->segments[i].rank;
  }
  return (int)b->n_segments - (int)a->n_segments;
}

static gboolean
segment_overlaps (const Segment *a, const Segment *b)
{
  if (a->rank == SEGMENT_LITERAL)
    return a->length == b->length && memcmp (a->text, b->text, a->length) == 0;
  if (a->rank == SEGMENT_TYPED)
    return a->type == b->type || a->type == SEGMENT_SLUG || b->type == SEGMENT_SLUG;
  return TRUE;
}

/* TRUE if A and B have equal rank and some path fits both. */
static gboolean
pattern_overlaps (const Pattern *a, const Pattern *b)
{
  if (a->n_segments != b->n_segments || pattern_compare (a, b) != 0)
    return FALSE;
  for (guint i = 0; i < a->n_segments; i++) {
    if (!segment_overlaps (&a->segments[i], &b->segments[i]))
      return FALSE;
  }
  return TRUE;
}

static const char *
route_owner (const Route *route)
{
  return route->plugin ? route->plugin->name : "host";
}

static gboolean
router_check_conflicts (Router *router, const Pattern *pattern, const DaeRoute *row, GError **error)
{
  for (guint i = 0; i < router->patterns->len; i++) {
    const Pattern *other = router->patterns->pdata[i];
    const DaeRoute *there = &other->route->row;

    if (!g_str_equal (there->method, row->method) ||
        (there->flags ^ row->flags) & DAE_ROUTE_INTERNAL || !pattern_overlaps (pattern, other))
      continue;
    g_set_error (error, G_IO_ERROR, G_IO_ERROR_EXISTS,
                 "route \"%s %s\" and route \"%s %s\" of \"%s\" fit the same path", row->method,
                 row->pattern, there->method, there->pattern, route_owner (other->route));
    return FALSE;
  }
  return TRUE;
}

/* "/a/{id:uuid}" as "/a/{id}", as schema/openapi.yaml names paths: owned. */
static char *
router_label (const char *pattern)
{
  GString *label = g_string_new (NULL);

  while (*pattern) {
    gsize plain = strcspn (pattern, "{");
    gsize whole = plain + strcspn (pattern + plain, "}");
    gsize name = plain + strcspn (pattern + plain, ":*}");

    g_string_append_len (label, pattern, (gssize)name);
    pattern += name < whole ? whole : name;
    if (*pattern == '}')
      g_string_append_c (label, *pattern++);
  }
  return g_string_free (label, FALSE);
}

/* Rows of a plugin that was built with shorter ones, in our size: owned. */
static DaeMember *
router_copy_members (const DaeMember *rows, guint n_rows, guint row_size)
{
  DaeMember *copy = g_new0 (DaeMember, MAX (n_rows, 1));

  for (guint i = 0; i < n_rows; i++)
    memcpy (&copy[i], (const guint8 *)rows + (gsize)i * row_size, MIN (row_size, sizeof *copy));
  return copy;
}

Route *
router_add (Router *router, Plugin *plugin, const DaeRoute *row, GError **error)
{
  g_autofree Pattern *pattern = NULL;
  g_auto (GStrv) names = NULL;
  Route *route;
  guint at;

  if (!router_check_row (row, error))
    return NULL;
  pattern = router_compile (row, &names, error);
  if (!pattern || !router_check_conflicts (router, pattern, row, error))
    return NULL;

  route = g_new0 (Route, 1);
  route->row = *row;
  route->row.members.rows =
      router_copy_members (row->members.rows, row->members.n_rows, row->members.row_size);
  route->row.members.row_size = sizeof (DaeMember);
  route->row.query.rows =
      router_copy_members (row->query.rows, row->query.n_rows, row->query.row_size);
  route->row.query.row_size = sizeof (DaeMember);
  route->plugin = plugin;
  route->label = router_label (row->pattern);
  route->param_names = g_steal_pointer (&names);
  g_ptr_array_add (router->routes, route);

  pattern->route = route;
  for (at = 0; at < router->patterns->len; at++) {
    if (pattern_compare (pattern, router->patterns->pdata[at]) < 0)
      break;
  }
  g_ptr_array_insert (router->patterns, (int)at, g_steal_pointer (&pattern));
  return route;
}

static gboolean
pieces_split (Pieces *pieces, const char *path)
{
  pieces->path = path;
  pieces->n = 0;
  if (path[0] != '/')
    return FALSE;
  while (path) {
    const char *text = path + 1, *slash = strchr (text, '/');

    if (pieces->n == ROUTER_MAX_SEGMENTS)
      return FALSE;
    pieces->pieces[pieces->n++] =
        (Piece){ .raw = text, .length = slash ? (gsize)(slash - text) : strlen (text) };
    path = slash;
  }
  return TRUE;
}

static void
pieces_clear (Pieces *pieces)
{
  for (guint i = 0; i < pieces->n; i++)
    g_free (pieces->pieces[i].text);
}

/* The decoded text, at most once; NULL if it is malformed or holds control characters. */
static const char *
piece_text (Piece *piece)
{
  g_autoptr (GString) text = NULL;

  if (piece->text || piece->bad)
    return piece->text;
  text = g_string_sized_new (piece->length);
  if (!value_decode (piece->raw, piece->length, FALSE, text) ||
      value_check_characters (text->str, text->len, FALSE))
    piece->bad = TRUE;
  else
    piece->text = g_string_free (g_steal_pointer (&text), FALSE);
  return piece->text;
}

static gboolean
segment_fits (const Segment *segment, Piece *piece)
{
  const char *text;

  if (segment->rank == SEGMENT_LITERAL)
    return segment->length == piece->length &&
           memcmp (segment->text, piece->raw, piece->length) == 0;
  text = piece->length > 0 ? piece_text (piece) : NULL;
  if (!text)
    return FALSE;
  switch (segment->type) {
  case SEGMENT_UUID:
    return value_is_uuid (text, strlen (text));
  case SEGMENT_INT:
    return value_is_int (text, strlen (text), NULL);
  case SEGMENT_SLUG:
    return value_is_slug (text, strlen (text));
  default:
    return TRUE;
  }
}

/* A rest never leads out of where it begins. */
static gboolean
piece_fits_rest (Piece *piece)
{
  const char *text = piece_text (piece);

  return text && !strchr (text, '/') && !g_str_equal (text, ".") && !g_str_equal (text, "..");
}

static gboolean
pattern_fits (const Pattern *pattern, Pieces *pieces)
{
  const Segment *last = &pattern->segments[pattern->n_segments - 1];
  guint n = pattern->n_segments - (last->rank == SEGMENT_REST ? 1 : 0);

  if (last->rank == SEGMENT_REST ? pieces->n < pattern->n_segments : pieces->n != n)
    return FALSE;
  for (guint i = 0; i < n; i++) {
    if (!segment_fits (&pattern->segments[i], &pieces->pieces[i]))
      return FALSE;
  }
  for (guint i = n; i < pieces->n; i++) {
    if (!piece_fits_rest (&pieces->pieces[i]))
      return FALSE;
  }
  return TRUE;
}

static char *
pieces_join (Pieces *pieces, guint from)
{
  GString *rest = g_string_new (NULL);

  for (guint i = from; i < pieces->n; i++) {
    if (i > from)
      g_string_append_c (rest, '/');
    g_string_append (rest, piece_text (&pieces->pieces[i]));
  }
  return g_string_free (rest, FALSE);
}

static void
router_take (const Pattern *pattern, Pieces *pieces, RouterMatch *ret)
{
  guint n = 0;

  ret->route = pattern->route;
  for (guint i = 0; i < pattern->n_segments; i++) {
    const Segment *segment = &pattern->segments[i];

    if (segment->rank == SEGMENT_LITERAL)
      continue;
    if (segment->rank == SEGMENT_REST)
      ret->params[n++] = pieces_join (pieces, i);
    else if (segment->type == SEGMENT_UUID)
      ret->params[n++] = g_ascii_strdown (piece_text (&pieces->pieces[i]), -1);
    else
      ret->params[n++] = g_strdup (piece_text (&pieces->pieces[i]));
  }
}

/* Lists METHOD once; GET brings HEAD along. */
static void
router_allow (GString *allow, const char *method)
{
  if (strstr (allow->str, method))
    return;
  g_string_append_printf (allow, "%s%s", allow->len > 0 ? ", " : "", method);
  if (g_str_equal (method, "GET"))
    g_string_append (allow, ", HEAD");
}

void
router_match (
    Router *router, gboolean internal, const char *method, const char *path, RouterMatch *ret)
{
  const char *wanted = g_str_equal (method, "HEAD") ? "GET" : method;
  const Pattern *best = NULL;
  g_autoptr (GString) allow = NULL;
  Pieces pieces;

  memset (ret, 0, sizeof *ret);
  if (!pieces_split (&pieces, path))
    return;
  for (guint i = 0; i < router->patterns->len && !ret->route; i++) {
    const Pattern *pattern = router->patterns->pdata[i];
    const DaeRoute *row = &pattern->route->row;

    if (best && pattern_compare (best, pattern) != 0)
      break;
    if (((row->flags & DAE_ROUTE_INTERNAL) != 0) != internal || !pattern_fits (pattern, &pieces))
      continue;
    best = pattern;
    ret->is_mcp = (row->flags & DAE_ROUTE_MCP) != 0;
    if (g_str_equal (row->method, wanted)) {
      router_take (pattern, &pieces, ret);
    } else {
      if (!allow)
        allow = g_string_new (NULL);
      router_allow (allow, row->method);
    }
  }
  if (!ret->route && allow) {
    g_string_append (allow, ", OPTIONS");
    ret->allow = g_string_free (g_steal_pointer (&allow), FALSE);
  }
  pieces_clear (&pieces);
}

void
router_match_clear (RouterMatch *match)
{
  for (guint i = 0; i < ROUTER_MAX_PARAMS; i++)
    g_clear_pointer (&match->params[i], g_free);
  g_clear_pointer (&match->allow, g_free);
  match->route = NULL;
}

const char *
router_scope (guint32 auth, guint32 flags, gboolean is_read, guint32 *ret_flag)
{
  guint32 flag = is_read ? DAE_USER_READ : DAE_USER_WRITE;
  const char *name = is_read ? "read" : "write";

  if (auth == DAE_AUTH_NONE) {
    flag = 0;
    name = NULL;
  } else if (flags & DAE_ROUTE_PERSONAL) {
    flag = 0;
    name = "never";
  } else if (flags & DAE_ROUTE_METRICS) {
    flag = DAE_USER_METRICS;
    name = "metrics";
  } else if (flags & DAE_ROUTE_MCP) {
    flag = DAE_USER_MCP;
    name = "mcp";
  }
  if (ret_flag)
    *ret_flag = flag;
  return name;
}
