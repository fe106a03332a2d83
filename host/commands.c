/* SPDX-License-Identifier: Apache-2.0 */
/* commands: what an admin types besides `run`. */
#include "commands.h"

#include "data/migrate.h"
#include "host.h"
#include "http/json-write.h"
#include "http/router.h"
#include "observe/log.h"
#include "paths.h"
#include "process/check.h"
#include "process/control.h"
#include "process/instance.h"

#include <stdio.h>
#include <string.h>

static CheckResult *
run_check (Options *options)
{
  g_autofree char *exe = check_own_exe ();

  return check_run (options, exe);
}

static void
print_complaints (FILE *to, Complaints *complaints)
{
  g_autofree char *text = complaints_to_text (complaints);

  fputs (text, to);
}

static void
print_json (JsonWriter *json)
{
  g_autofree char *text = json_writer_finish (json, NULL);

  puts (text);
}

static void
write_complaints (JsonWriter *json, Complaints *complaints)
{
  json_write_begin_array (json, "complaints");
  for (guint i = 0; i < complaints_count (complaints); i++) {
    const Complaint *complaint = complaints_get (complaints, i);

    json_write_begin_object (json, NULL);
    json_write_text (json, "plugin", complaint->plugin);
    json_write_text (json, "file", complaint->file);
    json_write_int (json, "line", complaint->line);
    json_write_text (json, "group", complaint->group);
    json_write_text (json, "key", complaint->key);
    json_write_text (json, "why", complaint->why);
    json_write_text (json, "remedy", complaint->remedy);
    json_write_end (json);
  }
  json_write_end (json);
}

int
command_check (Options *options)
{
  CheckResult *result = run_check (options);
  gboolean ok = result->ok;

  if (options->json) {
    JsonWriter *json = json_writer_new (NULL);

    json_write_begin_object (json, NULL);
    json_write_bool (json, "ok", ok);
    write_complaints (json, result->complaints);
    json_write_end (json);
    print_json (json);
  } else {
    guint n = complaints_count (result->complaints);

    print_complaints (stdout, result->complaints);
    if (ok)
      puts (n == 0 ? "all is well" : "can be served, without what is named above");
    else
      printf ("%u complaint%s\n", n, n == 1 ? "" : "s");
  }
  check_result_free (result);
  return ok ? 0 : EXIT_CONFIG;
}

/* As it is held against each request. */
static const char *
commands_scope (const char *method, const char *auth, guint32 flags)
{
  return router_scope (g_str_equal (auth, "none") ? DAE_AUTH_NONE : DAE_AUTH_USER, flags,
                       g_str_equal (method, "GET"), NULL);
}

static void
write_routes (JsonWriter *json, GVariant *facts)
{
  g_autoptr (GVariant) routes = g_variant_lookup_value (facts, "routes", NULL);
  const char *plugin, *method, *pattern, *auth;
  GVariantIter iter;
  guint32 flags;

  json_write_begin_array (json, "routes");
  g_variant_iter_init (&iter, routes);
  while (g_variant_iter_next (&iter, "(&s&s&s&su)", &plugin, &method, &pattern, &auth, &flags)) {
    json_write_begin_object (json, NULL);
    json_write_text (json, "plugin", plugin);
    json_write_text (json, "method", method);
    json_write_text (json, "pattern", pattern);
    json_write_text (json, "auth", auth);
    json_write_text (json, "scope", commands_scope (method, auth, flags));
    json_write_bool (json, "internal", (flags & DAE_ROUTE_INTERNAL) != 0);
    json_write_bool (json, "streams", (flags & DAE_ROUTE_STREAMS) != 0);
    json_write_bool (json, "idempotent", (flags & DAE_ROUTE_IDEMPOTENT) != 0);
    json_write_end (json);
  }
  json_write_end (json);
}

static void
write_plugins (JsonWriter *json, GVariant *facts)
{
  g_autoptr (GVariant) plugins = g_variant_lookup_value (facts, "plugins", NULL);
  const char *name, *path, *version, *state, *why, *remedy;
  GVariantIter iter;
  guint32 minor;

  json_write_begin_array (json, "plugins");
  g_variant_iter_init (&iter, plugins);
  while (g_variant_iter_next (&iter, "(&s&s&s&s&s&su)", &name, &path, &version, &state, &why,
                              &remedy, &minor)) {
    json_write_begin_object (json, NULL);
    json_write_text (json, "name", name);
    json_write_text (json, "file", path);
    json_write_text (json, "version", version);
    json_write_int (json, "abi_minor", minor);
    json_write_text (json, "state", state);
    json_write_text (json, "why", why);
    json_write_text (json, "remedy", remedy);
    json_write_end (json);
  }
  json_write_end (json);
}

static void
print_plugins (GVariant *facts)
{
  g_autoptr (GVariant) plugins = g_variant_lookup_value (facts, "plugins", NULL);
  const char *name, *path, *version, *state, *why, *remedy;
  GVariantIter iter;
  guint32 minor;

  printf ("%-18s %-10s %-5s %-15s %s\n", "NAME", "VERSION", "ABI", "STATE", "WHY");
  g_variant_iter_init (&iter, plugins);
  while (g_variant_iter_next (&iter, "(&s&s&s&s&s&su)", &name, &path, &version, &state, &why,
                              &remedy, &minor)) {
    g_autofree char *abi = g_strdup_printf ("%d.%u", DAE_ABI_MAJOR, minor);

    printf ("%-18s %-10s %-5s %-15s %s\n", name, version, *version != '\0' ? abi : "", state, why);
  }
}

static void
print_routes (GVariant *facts)
{
  g_autoptr (GVariant) routes = g_variant_lookup_value (facts, "routes", NULL);
  const char *plugin, *method, *pattern, *auth;
  GVariantIter iter;
  guint32 flags;

  g_variant_iter_init (&iter, routes);
  while (g_variant_iter_next (&iter, "(&s&s&s&su)", &plugin, &method, &pattern, &auth, &flags))
    printf ("%-7s %-70s %-6s %s%s\n", method, pattern, auth, plugin,
            flags & DAE_ROUTE_INTERNAL ? " (internal)" : "");
}

int
command_plugins (Options *options)
{
  CheckResult *result = run_check (options);

  if (result->facts == NULL)
    print_complaints (stderr, result->complaints);
  else if (options->json) {
    JsonWriter *json = json_writer_new (NULL);

    json_write_begin_object (json, NULL);
    if (options->routes)
      write_routes (json, result->facts);
    else
      write_plugins (json, result->facts);
    json_write_end (json);
    print_json (json);
  } else if (options->routes)
    print_routes (result->facts);
  else
    print_plugins (result->facts);
  check_result_free (result);
  return 0;
}

int
command_config (Options *options)
{
  CheckResult *result = run_check (options);
  const char *text = "";
  int status;

  if (result->facts != NULL)
    g_variant_lookup (result->facts, options->reference ? "reference" : "config-text", "&s", &text);
  fputs (text, stdout);
  print_complaints (stderr, result->complaints);
  status = *text != '\0' ? 0 : EXIT_CONFIG;
  check_result_free (result);
  return status;
}

static char **
migration_owners (GVariant *facts)
{
  GPtrArray *owners = g_ptr_array_new ();
  g_autoptr (GVariant) plugins = g_variant_lookup_value (facts, "plugins", NULL);
  const char *name, *path, *version, *state, *why, *remedy;
  GVariantIter iter;
  guint32 minor;

  g_ptr_array_add (owners, g_strdup ("host"));
  g_variant_iter_init (&iter, plugins);
  while (g_variant_iter_next (&iter, "(&s&s&s&s&s&su)", &name, &path, &version, &state, &why,
                              &remedy, &minor))
    if (strcmp (state, "active") == 0)
      g_ptr_array_add (owners, g_strdup (name));
  g_ptr_array_add (owners, NULL);
  return (char **)g_ptr_array_free (owners, FALSE);
}

static void
print_migration (const Migration *migration, gpointer data)
{
  printf ("%-10s %s/%04u-%s\n", (const char *)data, migration->owner, migration->number,
          migration->name);
}

static void
migrate (Options *options, Host *host, GVariant *facts, Complaints *complaints)
{
  g_auto (GStrv) owners = migration_owners (facts);
  const char *const *names = (const char *const *)owners;
  g_autoptr (GPtrArray) migrations =
      migrate_status (host->database, host->info.schema_dir, names, complaints);
  guint pending = 0;

  if (migrations == NULL) /* the complaints say why nothing is known */
    return;
  for (guint i = 0; i < migrations->len; i++) {
    const Migration *migration = migrations->pdata[i];

    pending += migration->applied_at == 0;
    if (options->status || (options->dry_run && migration->applied_at == 0))
      print_migration (migration, migration->applied_at == 0 ? "pending" : "applied");
  }
  if (options->status || options->dry_run || complaints_count (complaints) > 0)
    printf ("%u pending\n", pending);
  else if (migrate_run (host->database, host->info.schema_dir, names, print_migration, "applied",
                        complaints))
    puts ("the database is up to date");
}

int
command_migrate (Options *options)
{
  CheckResult *result = run_check (options);
  g_autoptr (Complaints) complaints = complaints_new ();
  Instance instance = { 0 };
  Host host = { 0 };
  guint faults;

  if (!result->ok) {
    print_complaints (stderr, result->complaints);
    check_result_free (result);
    return EXIT_CONFIG;
  }
  log_open (LOG_JSON, "warning", "migrate");
  host.config = options_read_config (options, complaints);
  if (instance_open (&instance, host.config, complaints)) {
    host_describe (&host, instance.data_dir, instance.runtime_dir, "");
    host.database = database_new (&host, complaints);
  }
  if (host.database != NULL) {
    migrate (options, &host, result->facts, complaints);
    database_free (host.database);
  }
  print_complaints (stderr, complaints);
  faults = complaints_count (complaints);
  config_free (host.config);
  instance_clear (&instance);
  check_result_free (result);
  return faults == 0 ? 0 : EXIT_CONFIG;
}

int
command_reload (Options *options)
{
  g_autoptr (Complaints) ignored = complaints_new (); /* the running one complains better */
  g_autoptr (Config) config = options_read_config (options, ignored);
  g_autoptr (GError) error = NULL;
  g_autofree char *text = NULL;
  Instance instance = { 0 };
  int status;

  instance_locate (&instance, config);
  status = control_ask (instance.control_socket, "reload", &text, &error);
  if (status < 0) {
    fprintf (stderr,
             "%s\n    Start it with \"daedalus run\", or name its configuration with --config.\n",
             error->message);
    status = 1;
  } else
    fputs (text, status == 0 ? stdout : stderr);
  instance_clear (&instance);
  return status;
}

int
command_version (Options *options)
{
  printf ("daedalus %s (%s), plugin ABI %d.%d\n", DAEDALUS_VERSION, DAEDALUS_REVISION,
          DAE_ABI_MAJOR, DAE_ABI_MINOR);
  return 0;
}
