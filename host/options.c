/* SPDX-License-Identifier: Apache-2.0 */
/* options: the command line, the same for the supervisor and the children that it starts. */
#include "options.h"

#include "paths.h"

static const char help_text[] =
    "Usage: daedalus [COMMAND] [OPTION...]\n"
    "\n"
    "Commands:\n"
    "  run        serve (default)\n"
    "  check      load all plugins and the configuration, print every complaint; exit 0 or 78\n"
    "  plugins    list the plugins and why one takes no part [--routes] [--json]\n"
    "  config     print the configuration in force and where each value came from [--reference]\n"
    "  migrate    bring the database up to date [--status | --dry-run]\n"
    "  reload     make the running daedalus take up new configuration, plugins and program\n"
    "  version    print version and plugin ABI\n"
    "  token, person, ...\n"
    "             what plugins of the running daedalus add, with words of their own; their "
    "READMEs tell\n"
    "\n"
    "Options:\n"
    "  --config FILE|DIR      read this instead of " DAEDALUS_SYSCONFDIR
    "/daedalus; may be repeated\n"
    "  --set GROUP.KEY=VALUE  override one setting, such as http.listen=127.0.0.1:8080 or\n"
    "                         \"agent research.url=http://127.0.0.1:8201/mcp\"; may be repeated\n"
    "  --listen ADDRESS:PORT  the same as --set http.listen=ADDRESS:PORT\n"
    "  --plugin FILE          load this plugin too; may be repeated\n"
    "  --plugin-dir DIR       look for plugins here\n"
    "  --ephemeral            run: a throw-away instance on a free loopback port; prints one line "
    "of\n"
    "                         JSON when it serves and leaves nothing behind\n"
    "  --print-link           run: print the link that signs in, also where output is no terminal\n"
    "  --json                 output for programs\n";

char *
options_help (void)
{
  return g_strdup (help_text);
}

void
options_clear (Options *options)
{
  g_free (options->command);
  g_strfreev (options->words);
  g_strfreev (options->configs);
  g_strfreev (options->sets);
  g_strfreev (options->plugins);
  g_free (options->plugin_dir);
  g_free (options->listen);
}

gboolean
options_parse (Options *options, int argc, char **argv, GError **error)
{
  g_auto (GStrv) rest = NULL;
  g_auto (GStrv) args = g_new0 (char *, argc + 1);
  const GOptionEntry entries[] = {
    { "config", 0, 0, G_OPTION_ARG_FILENAME_ARRAY, &options->configs, NULL, NULL },
    { "set", 0, 0, G_OPTION_ARG_STRING_ARRAY, &options->sets, NULL, NULL },
    { "plugin", 0, 0, G_OPTION_ARG_FILENAME_ARRAY, &options->plugins, NULL, NULL },
    { "plugin-dir", 0, 0, G_OPTION_ARG_FILENAME, &options->plugin_dir, NULL, NULL },
    { "listen", 0, 0, G_OPTION_ARG_STRING, &options->listen, NULL, NULL },
    { "ephemeral", 0, 0, G_OPTION_ARG_NONE, &options->ephemeral, NULL, NULL },
    { "json", 0, 0, G_OPTION_ARG_NONE, &options->json, NULL, NULL },
    { "status", 0, 0, G_OPTION_ARG_NONE, &options->status, NULL, NULL },
    { "dry-run", 0, 0, G_OPTION_ARG_NONE, &options->dry_run, NULL, NULL },
    { "routes", 0, 0, G_OPTION_ARG_NONE, &options->routes, NULL, NULL },
    { "reference", 0, 0, G_OPTION_ARG_NONE, &options->reference, NULL, NULL },
    { "print-link", 0, 0, G_OPTION_ARG_NONE, &options->print_link, NULL, NULL },
    { "handover", 0, G_OPTION_FLAG_HIDDEN, G_OPTION_ARG_INT, &options->handover, NULL, NULL },
    { "prepare", 0, G_OPTION_FLAG_HIDDEN, G_OPTION_ARG_NONE, &options->prepare, NULL, NULL },
    { G_OPTION_REMAINING, 0, 0, G_OPTION_ARG_STRING_ARRAY, &rest, NULL, NULL },
    { NULL },
  };
  g_autoptr (GOptionContext) context = g_option_context_new (NULL);

  for (int i = 0; i < argc; i++)
    args[i] = g_strdup (argv[i]);
  g_option_context_set_help_enabled (context, FALSE);
  g_option_context_add_main_entries (context, entries, NULL);
  if (!g_option_context_parse_strv (context, &args, error))
    return FALSE;
  options->command = g_strdup (rest != NULL ? rest[0] : "run");
  options->words = rest != NULL ? g_strdupv (rest + 1) : g_new0 (char *, 1);
  return TRUE;
}

static void
add_each (GPtrArray *argv, const char *name, char **values)
{
  for (; values != NULL && *values != NULL; values++) {
    g_ptr_array_add (argv, g_strdup (name));
    g_ptr_array_add (argv, g_strdup (*values));
  }
}

char **
options_to_argv (const Options *options, const char *command)
{
  GPtrArray *argv = g_ptr_array_new ();

  g_ptr_array_add (argv, g_strdup (command));
  add_each (argv, "--config", options->configs);
  add_each (argv, "--set", options->sets);
  add_each (argv, "--plugin", options->plugins);
  add_each (argv, "--plugin-dir", (char *[]){ options->plugin_dir, NULL });
  add_each (argv, "--listen", (char *[]){ options->listen, NULL });
  if (options->ephemeral)
    g_ptr_array_add (argv, g_strdup ("--ephemeral"));
  if (options->prepare)
    g_ptr_array_add (argv, g_strdup ("--prepare"));
  g_ptr_array_add (argv, NULL);
  return (char **)g_ptr_array_free (argv, FALSE);
}

Config *
options_read_config (const Options *options, Complaints *complaints)
{
  static const char *const installed[] = { DAEDALUS_CONF_FILE, DAEDALUS_CONF_DIR, NULL };
  const char *const *chosen =
      options->configs != NULL ? (const char *const *)options->configs : installed;
  g_autoptr (GPtrArray) files = g_ptr_array_new ();
  g_autoptr (GPtrArray) sets = g_ptr_array_new_with_free_func (g_free);
  g_auto (GStrv) environment = g_get_environ ();
  ConfigSources sources = { 0 };
  Config *config;

  g_ptr_array_add (files, (gpointer)DAEDALUS_VENDOR_CONF_DIR);
  /* an ephemeral host is not this machine's installation */
  for (; (!options->ephemeral || options->configs != NULL) && *chosen != NULL; chosen++) {
    /* the one main file need not be there */
    if (*chosen != installed[0] || g_file_test (*chosen, G_FILE_TEST_EXISTS))
      g_ptr_array_add (files, (gpointer)*chosen);
  }
  g_ptr_array_add (files, NULL);

  for (char **set = options->sets; set != NULL && *set != NULL; set++)
    g_ptr_array_add (sets, g_strdup (*set));
  if (options->listen != NULL)
    g_ptr_array_add (sets, g_strconcat ("http.listen=", options->listen, NULL));
  g_ptr_array_add (sets, NULL);

  sources.files = (const char *const *)files->pdata;
  sources.environ = (const char *const *)environment;
  sources.sets = (const char *const *)sets->pdata;
  config = config_new (&sources, complaints);
  config_declare_host (config, complaints);
  return config;
}
