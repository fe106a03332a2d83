/* SPDX-License-Identifier: Apache-2.0 */
/* test-bad-plugins: each way in which a plugin can be wrong, with the exact
 * words an admin gets. The plugins of bad/ and parts/ lie in the build folder, TEST_BUILD.
 */
#include <string.h>

#include "http/router.h"
#include "observe/log.h"
#include "observe/metrics.h"
#include "plugin/plugin.h"
#include <unistd.h>

#define AUTHOR "    Ask the plugin's author for a repaired version, or remove the file.\n"

#define PRODUCTION                                                                                 \
  "[host]\nenvironment = production\n[http]\nbase-url = https://d.example\ntrusted-proxies =\n"

#define CYCLE                                                                                      \
  "plugins need each other in a circle: cycle-first needs second/1 from cycle-second, "            \
  "cycle-second needs first/1 from cycle-first\n"                                                  \
  "    Disable one of them, or install versions that do not need each other.\n"

typedef struct {
  const char *name;
  const char *plugins; /* files, separated by spaces */
  const char *config;
  const char *expected; /* complaints as text, the directory as DIR */
  const char *states;   /* "name=state", where they matter */
} BadCase;

static const BadCase bad_cases[] = {
  { "good", "good", "[thing one]\nurl = http://x/\n", "", "good=started" },
  { "undefined-symbol", "undefined-symbol", "",
    "plugin \"undefined-symbol\": cannot be loaded: undefined symbol: some_helper\n"
    "    This build of the plugin is incomplete; ask its packager to link with --no-undefined.\n",
    "undefined-symbol=failed" },
  { "no-descriptor", "no-descriptor", "",
    "plugin \"no-descriptor\": is not a daedalus plugin: it exports no daedalus_plugin_1\n"
    "    Remove the file from the plugin directory.\n",
    NULL },
  { "other-major", "other-major", "",
    "plugin \"other-major\": is built for plugin ABI 2; this daedalus offers ABI 1\n"
    "    Install the build of this plugin for ABI 1, or a daedalus that offers ABI 2.\n",
    NULL },
  { "newer-minor", "newer-minor", "",
    "plugin \"newer-minor\": needs plugin API 1.3; this daedalus offers 1.0\n"
    "    Upgrade daedalus, or install an older version of the plugin.\n",
    NULL },
  { "misnamed", "misnamed", "",
    "plugin \"misnamed\": calls itself \"other\" but its file is \"misnamed.so\"\n"
    "    Rename the file to other.so.\n",
    NULL },
  { "short-struct", "short-struct", "",
    "plugin \"short-struct\": has a descriptor of 16 bytes; plugin ABI 1 needs 192\n"
    "    Ask the plugin's author to define it with DAE_PLUGIN_DEFINE.\n",
    NULL },
  { "short-rows", "short-rows", "",
    "plugin \"short-rows\": has a table of routes with 1 rows of 16 bytes; plugin ABI 1 needs rows "
    "of 88\n"
    "    Ask the plugin's author to write its tables with DAE_TABLE.\n",
    NULL },
  { "nameless", "nameless", "",
    "plugin \"nameless\": calls itself \"\", but a name must be made of a-z, 0-9 and '-'\n" AUTHOR
    "plugin \"nameless\": does not say its version\n" AUTHOR
    "plugin \"nameless\": does not say in one line what it does\n" AUTHOR,
    NULL },
  { "metric-rule", "counter-name", "",
    "plugin \"counter-name\": declares counter \"requests\", whose name must end in "
    "_total\n" AUTHOR,
    NULL },
  { "metric-clash", "metric-clash good", "",
    "plugin \"metric-clash\": declares metric \"plugin_faults_total\", which \"host\" declares "
    "already\n"
    "    Disable one of the two plugins.\n",
    "metric-clash=failed good=started" },
  { "route-clash", "clash-twin route-clash", "",
    "plugin \"route-clash\": cannot serve its routes: route \"GET /api/clash/{id}\" and route "
    "\"GET "
    "/api/clash/{name}\" of \"clash-twin\" fit the same path\n"
    "    Disable one of the two plugins.\n",
    "clash-twin=started route-clash=failed" },
  { "missing-service", "missing-service", "",
    "plugin \"missing-service\": needs service \"nobody/1\", which no enabled plugin provides\n"
    "    Install and enable a plugin that provides it.\n",
    NULL },
  { "configure-fails", "configure-fails", "",
    "plugin \"configure-fails\": refused its configuration: bucket and directory cannot both be "
    "set\n"
    "    Change its settings, or set enabled = false in [plugin configure-fails].\n",
    NULL },
  { "configure-silent", "configure-silent", "",
    "plugin \"configure-silent\": refused its configuration: it gave no reason (a bug in the "
    "plugin)\n"
    "    Change its settings, or set enabled = false in [plugin configure-silent].\n",
    NULL },
  { "start-fails", "start-fails", "",
    "plugin \"start-fails\": cannot start: the lamp is broken\n"
    "    Repair what it names, or set enabled = false in [plugin start-fails].\n",
    "start-fails=failed" },
  { "both-handlers", "both-handlers", "",
    "plugin \"both-handlers\": declares route \"GET /api/both\": it needs exactly one of answer "
    "and loop\n" AUTHOR,
    NULL },
  { "no-handler", "no-handler", "",
    "plugin \"no-handler\": declares route \"GET /api/neither\": it needs exactly one of answer "
    "and loop\n" AUTHOR,
    NULL },
  { "stream-answer", "stream-answer", "",
    "plugin \"stream-answer\": declares route \"POST /api/stream\": a body as a stream needs a "
    "loop handler\n" AUTHOR,
    NULL },
  { "bad-pattern", "bad-pattern", "", NULL, NULL },
  { "double-setting", "double-setting", "",
    "plugin \"double-setting\": declares setting \"size\" of [plugin] twice\n" AUTHOR
    "plugin \"double-setting\": declares setting \"enabled\", which is the host's own\n" AUTHOR
    "plugin \"double-setting\": declares setting \"wait\", whose fallback does not fit: \"5\" is "
    "not a duration\n" AUTHOR,
    NULL },
  { "bad-member", "bad-member", "",
    "plugin \"bad-member\": declares route \"POST /api/member\", whose member \"kind\" is a choice "
    "without choices\n" AUTHOR "plugin \"bad-member\": declares route \"POST /api/member\", whose "
    "member \"new\" is of a kind that this daedalus "
    "does not know\n" AUTHOR,
    NULL },
  { "bad-job", "bad-job", "",
    "plugin \"bad-job\": declares job \"sweep\", which needs exactly one of step and loop\n" AUTHOR,
    NULL },
  { "cycle", "cycle-first cycle-second good", "",
    "plugin \"cycle-first\": " CYCLE "plugin \"cycle-second\": " CYCLE,
    "cycle-first=failed cycle-second=failed good=started" },
  { "unconfigured-is-left-out", "store-fancy store-plain store-user", "", "",
    "store-fancy=not-configured store-plain=started store-user=started" },
  { "unconfigured-but-demanded", "store-fancy store-plain",
    "[plugin store-fancy]\nenabled = true\n",
    "plugin \"store-fancy\": lacks the required setting \"bucket\"\n"
    "    Write bucket = ... in [plugin store-fancy].\n",
    "store-fancy=failed store-plain=started" },
  { "two-providers", "store-fancy store-plain store-user", "[plugin store-fancy]\nbucket = b\n",
    "[services] store: \"store-fancy\" and \"store-plain\" both provide store/1\n"
    "    Write store = store-fancy (or store-plain) in [services].\n",
    NULL },
  { "chosen-provider", "store-fancy store-plain store-user",
    "[plugin store-fancy]\nbucket = b\n[services]\nstore = store-plain\n", "",
    "store-fancy=not-configured store-plain=started" },
  { "alone-there-is-none-to-give-way-to", "store-modest store-user", "", "",
    "store-modest=started store-user=started" },
  { "gives-way", "store-modest store-plain store-user", "", "",
    "store-modest=not-configured store-plain=started store-user=started" },
  { "gives-way-to-none-that-is-unconfigured", "store-fancy store-modest store-user", "", "",
    "store-fancy=not-configured store-modest=started store-user=started" },
  { "gives-way-unless-chosen", "store-modest store-plain store-user",
    "[services]\nstore = store-modest\n", "",
    "store-modest=started store-plain=not-configured store-user=started" },
  { "gives-way-in-production", "store-modest store-user", PRODUCTION,
    "plugin \"store-user\": needs service \"store/1\" of plugin \"store-modest\", which provides "
    "store/1 in production only where it is chosen\n"
    "    Write store = store-modest in [services], or configure another provider.\n",
    "store-modest=not-configured store-user=failed" },
  { "chosen-in-production", "store-modest store-user",
    PRODUCTION "[services]\nstore = store-modest\n", "",
    "store-modest=started store-user=started" },
  { "chosen-against-demand", "store-fancy store-plain",
    "[plugin store-fancy]\nbucket = b\nenabled = true\n[services]\nstore = store-plain\n",
    "plugin \"store-fancy\": provides store/1, for which [services] chooses \"store-plain\"\n"
    "    Write store = store-fancy in [services] to use it.\n",
    NULL },
  { "chosen-is-unconfigured", "store-fancy store-plain", "[services]\nstore = store-fancy\n",
    "CONF:2: [services] store: plugin \"store-fancy\" is not configured: it lacks the required "
    "setting \"bucket\"\n"
    "    Write bucket = ... in [plugin store-fancy].\n",
    NULL },
  { "chosen-is-nobody", "store-plain", "[services]\nstore = store-golden\n",
    "CONF:2: [services] store: there is no plugin \"store-golden\"\n"
    "    Write the name of a plugin that provides store/1.\n",
    NULL },
  { "need-of-unconfigured", "store-fancy store-user", "",
    "plugin \"store-user\": needs service \"store/1\" of plugin \"store-fancy\", which lacks the "
    "required setting "
    "\"bucket\"\n"
    "    Write bucket = ... in [plugin store-fancy].\n",
    "store-user=failed" },
  { "need-of-disabled", "store-plain store-user",
    "[plugin store-plain]\nenabled = false\nwhatever = 1\n",
    "plugin \"store-user\": needs service \"store/1\", which no enabled plugin provides\n"
    "    Set enabled = true in [plugin store-plain].\n",
    "store-plain=disabled store-user=failed" },
  { "disabled-is-not-opened", "constructor-aborts good",
    "[plugin constructor-aborts]\nenabled = no\n", "", "good=started constructor-aborts=disabled" },
  { "disabled-keeps-its-groups", "good",
    "[plugin good]\nenabled = no\nany = 1\n[thing one]\nurll = x\n", "", "good=disabled" },
  { "unknown-plugin-group", "good", "[plugin goood]\nx = 1\n",
    "CONF:1: [plugin goood]: unknown group\n"
    "    Did you mean [plugin good]?\n",
    "good=started" },
  { "wrong-setting", "good", "[thing one]\nurl = nonsense\n",
    "CONF:2: [thing one] url: \"nonsense\" is not an http or https URL\n"
    "    Write a whole URL, for example https://name.example/.\n",
    "good=failed" },
};

/* A bad plugin, or one of the parts that tests need beside them: owned. */
static char *
plugin_path (const char *name)
{
  const char *build = g_getenv ("TEST_BUILD");
  char *path;

  if (build == NULL)
    g_error ("TEST_BUILD must name the build folder");
  path = g_strdup_printf ("%s/tests/plugin-api/bad/%s.so", build, name);
  if (g_file_test (path, G_FILE_TEST_EXISTS))
    return path;
  g_free (path);
  return g_strdup_printf ("%s/tests/plugin-api/parts/%s.so", build, name);
}

/* A host that has just enough to configure and start plugins. */
typedef struct {
  Host host;
  Complaints *complaints;
  char *config_path;
  int metrics_fd;
} Stage;

static void
ignore_naming (const char *path)
{
}

static void
stage_open (Stage *stage, const char *config, GPtrArray *sources)
{
  const char *files[] = { NULL, NULL };
  ConfigSources from = { .files = files };

  *stage = (Stage){ .complaints = complaints_new () };
  close (g_file_open_tmp ("bad-plugins-XXXXXX.conf", &stage->config_path, NULL));
  g_assert_true (g_file_set_contents (stage->config_path, config, -1, NULL));
  files[0] = stage->config_path;
  stage->host.config = config_new (&from, stage->complaints);
  config_declare_host (stage->host.config, stage->complaints);
  stage->metrics_fd = metrics_create_memory ();
  stage->host.metrics = metrics_new (stage->metrics_fd, 1);
  stage->host.router = router_new ();
  stage->host.plugins = plugin_set_new (&stage->host, sources, ignore_naming, stage->complaints);
  plugin_set_configure (stage->host.plugins, stage->complaints);
  config_finish (stage->host.config, stage->complaints);
  plugin_set_start (stage->host.plugins, stage->complaints);
}

static void
stage_close (Stage *stage)
{
  plugin_set_drain (stage->host.plugins);
  plugin_set_stop (stage->host.plugins);
  plugin_set_free (stage->host.plugins);
  router_free (stage->host.router);
  metrics_free (stage->host.metrics);
  close (stage->metrics_fd);
  config_free (stage->host.config);
  complaints_free (stage->complaints);
  unlink (stage->config_path);
  g_free (stage->config_path);
}

static GPtrArray *
sources_of (const char *names)
{
  g_auto (GStrv) words = g_strsplit (names, " ", -1);
  g_autoptr (GPtrArray) paths = g_ptr_array_new_with_free_func (g_free);

  for (char **word = words; *word != NULL; word++)
    g_ptr_array_add (paths, plugin_path (*word));
  g_ptr_array_add (paths, NULL);
  return plugin_sources (NULL, (const char *const *)paths->pdata);
}

static char *
text_with (const char *text, const char *from, const char *to)
{
  g_auto (GStrv) parts = g_strsplit (text, from, -1);

  return g_strjoinv (to, parts);
}

static void
assert_state (Stage *stage, const char *name, const char *state)
{
  static const char *const states[] = { "found",   "loaded",         "configured",
                                        "started", "draining",       "stopped",
                                        "failed",  "not-configured", "disabled" };
  Plugin *plugin = plugin_set_find (stage->host.plugins, name);

  g_assert_nonnull (plugin);
  g_assert_cmpstr (states[plugin->state], ==, state);
  if (plugin->state == PLUGIN_FAILED || plugin->state == PLUGIN_NOT_CONFIGURED)
    g_assert_nonnull (plugin->remedy);
}

static void
test_bad_plugin_is_refused_in_these_words (gconstpointer data)
{
  const BadCase *c = data;
  g_autoptr (GPtrArray) sources = sources_of (c->plugins);
  g_autofree char *text = NULL;
  g_autofree char *short_text = NULL;
  g_auto (GStrv) states = g_strsplit (c->states != NULL ? c->states : "", " ", -1);
  Stage stage;

  stage_open (&stage, c->config, sources);
  text = complaints_to_text (stage.complaints);
  short_text = text_with (text, stage.config_path, "CONF");
  if (c->expected != NULL)
    g_assert_cmpstr (short_text, ==, c->expected);
  else
    g_assert_cmpuint (complaints_count (stage.complaints), >=, 1);
  for (char **state = states; *state != NULL && **state != '\0'; state++) {
    g_auto (GStrv) parts = g_strsplit (*state, "=", 2);

    assert_state (&stage, parts[0], parts[1]);
  }
  stage_close (&stage);
}

/* A good file in which another library is asked for than there is. */
static void
test_bad_plugin_missing_library_is_named (void)
{
  g_autofree char *directory = g_dir_make_tmp ("bad-plugins-XXXXXX", NULL);
  g_autofree char *from = plugin_path ("configure-fails");
  g_autofree char *to = g_build_filename (directory, "configure-fails.so", NULL);
  const char *extra[] = { to, NULL };
  g_autoptr (GPtrArray) sources = plugin_sources (NULL, extra);
  g_autofree char *content = NULL;
  g_autofree char *text = NULL;
  char *at;
  gsize length;
  Stage stage;

  g_assert_true (g_file_get_contents (from, &content, &length, NULL));
  at = memmem (content, length, "libglib-2.0.so.0", 17);
  g_assert_nonnull (at);
  memcpy (at, "libgone-2.0.so.0", 16);
  g_assert_true (g_file_set_contents (to, content, (gssize)length, NULL));
  stage_open (&stage, "", sources);
  text = complaints_to_text (stage.complaints);
  g_assert_cmpstr (text, ==,
                   "plugin \"configure-fails\": cannot be loaded: libgone-2.0.so.0: cannot open "
                   "shared object file: "
                   "No such file or "
                   "directory\n"
                   "    Install the package that ships libgone-2.0.so.0.\n");
  stage_close (&stage);
  unlink (to);
  rmdir (directory);
}

static void
test_bad_plugin_file_that_is_no_library_is_refused (void)
{
  static const char *const contents[] = {
    "", "short", "this is a text, longer than the head of an ELF file is, and that is all"
  };
  static const char *const reasons[] = { "file too short", "file too short", "invalid ELF header" };

  for (guint i = 0; i < G_N_ELEMENTS (contents); i++) {
    g_autofree char *directory = g_dir_make_tmp ("bad-plugins-XXXXXX", NULL);
    g_autofree char *path = g_build_filename (directory, "notelf.so", NULL);
    g_autofree char *expected = g_strdup_printf (
        "plugin \"notelf\": cannot be loaded: %s: %s\n"
        "    Install the plugin again, or remove the file from the plugin directory.\n",
        path, reasons[i]);
    g_autoptr (GPtrArray) sources = NULL;
    g_autofree char *text = NULL;
    Stage stage;

    g_assert_true (g_file_set_contents (path, contents[i], -1, NULL));
    sources = plugin_sources (directory, NULL);
    g_assert_cmpuint (sources->len, ==, 1);
    stage_open (&stage, "", sources);
    text = complaints_to_text (stage.complaints);
    g_assert_cmpstr (text, ==, expected);
    stage_close (&stage);
    unlink (path);
    rmdir (directory);
  }
}

static void
test_bad_plugin_twelve_are_refused_at_once (void)
{
  g_autoptr (GPtrArray) sources =
      sources_of ("undefined-symbol no-descriptor other-major newer-minor misnamed short-struct "
                  "short-rows nameless "
                  "counter-name missing-service configure-fails configure-silent both-handlers "
                  "stream-answer good");
  g_autoptr (GHashTable) seen = g_hash_table_new (g_str_hash, g_str_equal);
  Stage stage;

  stage_open (&stage, "", sources);
  for (guint i = 0; i < complaints_count (stage.complaints); i++) {
    const Complaint *complaint = complaints_get (stage.complaints, i);

    g_hash_table_add (seen, complaint->plugin);
    g_assert_nonnull (complaint->remedy);
  }
  g_assert_cmpuint (g_hash_table_size (seen), ==, 14);
  assert_state (&stage, "good", "started");
  stage_close (&stage);
}

static void
test_bad_plugin_leak_is_its_fault (void)
{
  g_autoptr (GPtrArray) sources = sources_of ("leaves-timer");
  const char *const labels[] = { "leaves-timer", "leak" };
  MetricsFamily *family;
  Stage stage;

  stage_open (&stage, "", sources);
  family = metrics_find_family (stage.host.metrics, "plugin_faults_total");
  g_assert_cmpuint (plugin_set_stop (stage.host.plugins), ==, 1);
  g_assert_cmpfloat (metrics_value (metrics_series (family, labels, 2)), ==, 1);
  g_assert_cmpuint (plugin_set_stop (stage.host.plugins), ==, 0);
  stage_close (&stage);
}

static void
test_bad_plugin_two_files_of_one_name_are_refused (void)
{
  g_autofree char *first = plugin_path ("good");
  g_autofree char *directory = g_path_get_dirname (first);
  g_autofree char *second = g_strdup_printf ("%s/./good.so", directory);
  const char *extra[] = { first, second, NULL };
  g_autoptr (GPtrArray) sources = plugin_sources (NULL, extra);
  g_autoptr (GPtrArray) standing_in = plugin_sources (directory, (const char *[]){ second, NULL });
  guint count = 0;
  Stage stage;

  stage_open (&stage, "", sources);
  g_assert_cmpuint (complaints_count (stage.complaints), ==, 1);
  g_assert_true (g_str_has_prefix (complaints_get (stage.complaints, 0)->why, "is there twice: "));
  stage_close (&stage);
  for (guint i = 0; i < standing_in->len; i++) {
    const PluginSource *source = g_ptr_array_index (standing_in, i);

    if (strcmp (source->name, "good") == 0)
      g_assert_cmpstr (source->path, ==, second);
    count += strcmp (source->name, "good") == 0;
  }
  g_assert_cmpuint (count, ==, 1);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  log_set_level ("error"); /* standard output belongs to the test protocol */
  for (guint i = 0; i < G_N_ELEMENTS (bad_cases); i++) {
    g_autofree char *path = g_strconcat ("/bad-plugin/", bad_cases[i].name, NULL);

    g_test_add_data_func (path, &bad_cases[i], test_bad_plugin_is_refused_in_these_words);
  }
  g_test_add_func ("/bad-plugin/missing-library-is-named",
                   test_bad_plugin_missing_library_is_named);
  g_test_add_func ("/bad-plugin/file-that-is-no-library-is-refused",
                   test_bad_plugin_file_that_is_no_library_is_refused);
  g_test_add_func ("/bad-plugin/twelve-are-refused-at-once",
                   test_bad_plugin_twelve_are_refused_at_once);
  g_test_add_func ("/bad-plugin/leak-is-its-fault", test_bad_plugin_leak_is_its_fault);
  g_test_add_func ("/bad-plugin/two-files-of-one-name-are-refused",
                   test_bad_plugin_two_files_of_one_name_are_refused);
  return g_test_run ();
}
