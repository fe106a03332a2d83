/* SPDX-License-Identifier: Apache-2.0 */
/* plugin-check: the rules for what a descriptor's rows may say. Each broken one
 * is a complaint of its own; all of them are found in one go.
 */
#include <string.h>

#include "../config/setting.h"
#include "../http/router.h"
#include "../observe/metrics.h"
#include "plugin-file.h"

#define PLUGIN_CHECK_NAME "abcdefghijklmnopqrstuvwxyz0123456789-"

typedef struct {
  const PluginSource *source;
  Complaints *complaints;
} PluginCheck;

static void G_GNUC_PRINTF (3, 4)
    plugin_check_complain (PluginCheck *check, const char *remedy, const char *format, ...)
{
  g_autofree char *why = NULL;
  va_list arguments;

  va_start (arguments, format);
  why = g_strdup_vprintf (format, arguments);
  va_end (arguments);
  complaints_add (check->complaints, check->source->name, check->source->path, 0, NULL, NULL, why,
                  remedy);
}

gboolean
plugin_check_is_name (const char *name)
{
  return name != NULL && g_ascii_islower (name[0]) && strlen (name) <= 60 &&
         strspn (name, PLUGIN_CHECK_NAME) == strlen (name);
}

/* "identity/1" */
static gboolean
plugin_check_is_service (const char *name)
{
  const char *slash = name != NULL ? strchr (name, '/') : NULL;
  gsize digits;

  if (slash == NULL || !g_ascii_islower (name[0]) ||
      strspn (name, PLUGIN_CHECK_NAME) != (gsize)(slash - name))
    return FALSE;
  digits = strspn (slash + 1, "0123456789");
  return digits > 0 && digits <= 3 && slash[1 + digits] == '\0' && slash[1] != '0';
}

static void
plugin_check_identity (PluginCheck *check, const DaePluginInfo *info)
{
  /* their names begin the host's own variables: DAEDALUS_LOG_LEVEL */
  static const char *const reserved[] = { "host",     "http",   "database", "log",
                                          "services", "plugin", "plugins",  NULL };
  g_autofree char *rename = g_strdup_printf ("Rename the file to %s.so.", info->name);

  if (!plugin_check_is_name (info->name))
    plugin_check_complain (check, PLUGIN_FILE_AUTHOR,
                           "calls itself \"%s\", but a name must be made of a-z, 0-9 and '-'",
                           info->name != NULL ? info->name : "");
  else if (g_strv_contains (reserved, info->name))
    plugin_check_complain (check, PLUGIN_FILE_AUTHOR,
                           "calls itself \"%s\", a name of the host's own", info->name);
  else if (strcmp (info->name, check->source->name) != 0)
    plugin_check_complain (check, rename, "calls itself \"%s\" but its file is \"%s.so\"",
                           info->name, check->source->name);
  if (info->version == NULL || *info->version == '\0' || strlen (info->version) > 40)
    plugin_check_complain (check, PLUGIN_FILE_AUTHOR, "does not say its version");
  if (info->summary == NULL || *info->summary == '\0')
    plugin_check_complain (check, PLUGIN_FILE_AUTHOR, "does not say in one line what it does");
}

static void
plugin_check_services (PluginCheck *check, const DaePluginInfo *info)
{
  const char *const *lists[] = { info->needs, info->wants };

  for (guint i = 0; i < info->provides.n_rows; i++) {
    const DaeService *service = &info->provides.rows[i];

    if (!plugin_check_is_service (service->name))
      plugin_check_complain (check, PLUGIN_FILE_AUTHOR,
                             "provides service \"%s\", whose name must look like name/1",
                             service->name != NULL ? service->name : "");
    else if (service->vtable == NULL || *(const guint32 *)service->vtable < sizeof (guint32))
      plugin_check_complain (
          check, PLUGIN_FILE_AUTHOR,
          "provides service \"%s\" without functions, or they do not begin with their struct_size",
          service->name);
  }
  for (guint l = 0; l < G_N_ELEMENTS (lists); l++) {
    for (const char *const *name = lists[l]; name != NULL && *name != NULL; name++) {
      if (!plugin_check_is_service (*name))
        plugin_check_complain (check, PLUGIN_FILE_AUTHOR,
                               "asks for service \"%s\", whose name must look like name/1", *name);
    }
  }
}

/* A table of settings; PLACE says of which group. */
static void
plugin_check_settings (PluginCheck *check, const DaeSetting *rows, guint n_rows, const char *place)
{
  g_autoptr (GHashTable) seen = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, NULL);

  for (guint i = 0; i < n_rows; i++) {
    g_autofree char *why = setting_check_row (&rows[i]);

    if (why != NULL) {
      plugin_check_complain (check, PLUGIN_FILE_AUTHOR, "%s", why);
      continue;
    }
    if (strcmp (place, "plugin") == 0 && strcmp (rows[i].key, "enabled") == 0)
      plugin_check_complain (check, PLUGIN_FILE_AUTHOR,
                             "declares setting \"enabled\", which is the host's own");
    if (!g_hash_table_add (seen, g_strdup (rows[i].key)))
      plugin_check_complain (check, PLUGIN_FILE_AUTHOR, "declares setting \"%s\" of [%s] twice",
                             rows[i].key, place);
    if (rows[i].type == DAE_SETTING_SECRET &&
        !g_hash_table_add (seen, g_strconcat (rows[i].key, "-file", NULL)))
      plugin_check_complain (
          check, PLUGIN_FILE_AUTHOR,
          "declares setting \"%s-file\" of [%s], which belongs to the secret \"%s\"", rows[i].key,
          place, rows[i].key);
  }
}

static void
plugin_check_groups (PluginCheck *check, const DaePluginInfo *info)
{
  static const char *const reserved[] = { "host",     "http",   "database", "log",
                                          "services", "plugin", NULL };

  for (guint i = 0; i < info->groups.n_rows; i++) {
    const DaeGroup *group = &info->groups.rows[i];

    if (!plugin_check_is_name (group->prefix) || g_strv_contains (reserved, group->prefix))
      plugin_check_complain (check, PLUGIN_FILE_AUTHOR,
                             "declares group \"%s\", which is no name or the host's own",
                             group->prefix != NULL ? group->prefix : "");
    else
      plugin_check_settings (check, group->settings.rows, group->settings.n_rows, group->prefix);
  }
}

static void
plugin_check_metrics (PluginCheck *check, const DaePluginInfo *info)
{
  for (guint i = 0; i < info->metrics.n_rows; i++) {
    g_autoptr (GError) error = NULL;

    if (!metrics_check_row (&info->metrics.rows[i], &error))
      plugin_check_complain (check, PLUGIN_FILE_AUTHOR, "declares %s", error->message);
  }
}

static void
plugin_check_members (PluginCheck *check,
                      const DaeRoute *route,
                      const DaeMember *rows,
                      guint n_rows)
{
  const guint32 flags = DAE_MEMBER_REQUIRED | DAE_MEMBER_NULLABLE | DAE_MEMBER_MULTILINE;
  g_autoptr (GHashTable) seen = g_hash_table_new (g_str_hash, g_str_equal);

  for (guint i = 0; i < n_rows; i++) {
    const DaeMember *row = &rows[i];
    const char *name = row->name != NULL ? row->name : "";
    const char *fault = NULL;

    if (*name == '\0')
      fault = "has no name";
    else if (!g_hash_table_add (seen, (gpointer)name))
      fault = "is there twice";
    else if (row->type > DAE_MEMBER_JSON || (row->flags & ~flags) != 0)
      fault = "is of a kind that this daedalus does not know";
    else if (row->type == DAE_MEMBER_CHOICE && (row->choices == NULL || *row->choices == '\0'))
      fault = "is a choice without choices";
    else if (row->min > row->max)
      fault = "has a smallest value above its largest";
    if (fault != NULL)
      plugin_check_complain (check, PLUGIN_FILE_AUTHOR,
                             "declares route \"%s %s\", whose member \"%s\" %s", route->method,
                             route->pattern, name, fault);
  }
}

/* A router of this plugin's own knows the rules of rows and patterns. */
static void
plugin_check_routes (PluginCheck *check, const DaePluginInfo *info)
{
  const guint32 flags = (DAE_ROUTE_METRICS << 1) - 1;
  Router *router = router_new ();

  for (guint i = 0; i < info->routes.n_rows; i++) {
    const DaeRoute *row = &info->routes.rows[i];
    g_autoptr (GError) error = NULL;

    if (router_add (router, NULL, row, &error) == NULL) {
      if (g_error_matches (error, G_IO_ERROR, G_IO_ERROR_EXISTS))
        plugin_check_complain (check, PLUGIN_FILE_AUTHOR, "declares route \"%s %s\" twice",
                               row->method, row->pattern);
      else
        plugin_check_complain (check, PLUGIN_FILE_AUTHOR, "declares %s", error->message);
      continue;
    }
    if ((row->flags & ~flags) != 0 || row->body_max < 0)
      plugin_check_complain (
          check, PLUGIN_FILE_AUTHOR,
          "declares route \"%s %s\" with flags or a limit that this daedalus does not know",
          row->method, row->pattern);
    plugin_check_members (check, row, row->members.rows, row->members.n_rows);
    plugin_check_members (check, row, row->query.rows, row->query.n_rows);
  }
  router_free (router);
}

static void
plugin_check_jobs (PluginCheck *check, const DaePluginInfo *info)
{
  g_autoptr (GHashTable) seen = g_hash_table_new (g_str_hash, g_str_equal);

  for (guint i = 0; i < info->jobs.n_rows; i++) {
    const DaeJob *job = &info->jobs.rows[i];

    if (job->name == NULL || *job->name == '\0' ||
        strspn (job->name, PLUGIN_CHECK_NAME "_") != strlen (job->name)) {
      plugin_check_complain (
          check, PLUGIN_FILE_AUTHOR,
          "declares job \"%s\", whose name must be made of a-z, 0-9, '-' and '_'",
          job->name != NULL ? job->name : "");
      continue;
    }
    if (!g_hash_table_add (seen, (gpointer)job->name))
      plugin_check_complain (check, PLUGIN_FILE_AUTHOR, "declares job \"%s\" twice", job->name);
    if ((job->step == NULL) == (job->loop == NULL))
      plugin_check_complain (check, PLUGIN_FILE_AUTHOR,
                             "declares job \"%s\", which needs exactly one of step and loop",
                             job->name);
    if (job->every_ms == 0 || job->flags != 0)
      plugin_check_complain (
          check, PLUGIN_FILE_AUTHOR,
          "declares job \"%s\" without a pause, or with flags that this daedalus does not know",
          job->name);
  }
}

void
plugin_check (const PluginSource *source, const DaePluginInfo *info, Complaints *complaints)
{
  PluginCheck check = { source, complaints };

  plugin_check_identity (&check, info);
  plugin_check_services (&check, info);
  plugin_check_settings (&check, info->settings.rows, info->settings.n_rows, "plugin");
  plugin_check_groups (&check, info);
  plugin_check_metrics (&check, info);
  plugin_check_routes (&check, info);
  plugin_check_jobs (&check, info);
}
