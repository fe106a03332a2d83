/* SPDX-License-Identifier: Apache-2.0 */
/* The table's own slots, called as a plugin calls them. The plugin is
 * tests/plugin-api/parts/good.c, below TEST_BUILD. */
#include "plugin/plugin.h"

#include <string.h>
#include <unistd.h>

#include "http/router.h"
#include "observe/log.h"
#include "observe/metrics.h"

typedef struct {
  Host host;
  Complaints *complaints;
  int metrics_fd;
  DaePlugin *good;
} Stage;

static void
stage_open (Stage *stage)
{
  static const char *const sets[] = { "plugin good.token=s3cret", "thing one.url=http://one/",
                                      NULL };
  const char *directory = g_getenv ("TEST_BUILD");
  g_autofree char *path = NULL;
  const char *extra[] = { NULL, NULL };
  ConfigSources from = { .sets = sets };
  g_autoptr (GPtrArray) sources = NULL;

  if (directory == NULL)
    g_error ("TEST_BUILD must name the build folder");
  path = g_strdup_printf ("%s/tests/plugin-api/parts/good.so", directory);
  extra[0] = path;
  sources = plugin_sources (NULL, extra);
  *stage = (Stage){ .complaints = complaints_new () };
  stage->host.config = config_new (&from, stage->complaints);
  config_declare_host (stage->host.config, stage->complaints);
  stage->metrics_fd = metrics_create_memory ();
  stage->host.metrics = metrics_new (stage->metrics_fd, 1);
  stage->host.router = router_new ();
  stage->host.internal_socket = (char *)"/run/a b/internal.sock";
  memset (stage->host.secret, 7, sizeof stage->host.secret);
  stage->host.plugins = plugin_set_new (&stage->host, sources, NULL, stage->complaints);
  plugin_set_configure (stage->host.plugins, stage->complaints);
  stage->good = &plugin_set_find (stage->host.plugins, "good")->base;
}

static void
stage_start (Stage *stage)
{
  plugin_set_start (stage->host.plugins, stage->complaints);
  g_assert_cmpuint (complaints_count (stage->complaints), ==, 0);
}

static void
stage_close (Stage *stage)
{
  plugin_set_stop (stage->host.plugins);
  plugin_set_free (stage->host.plugins);
  router_free (stage->host.router);
  metrics_free (stage->host.metrics);
  close (stage->metrics_fd);
  config_free (stage->host.config);
  complaints_free (stage->complaints);
}

static void
test_plugin_settings_are_read_by_their_types (void)
{
  Stage stage;

  stage_open (&stage);
  g_assert_cmpstr (dae_plugin_name (stage.good), ==, "good");
  g_assert_cmpstr (dae_setting_text (stage.good, "greeting"), ==, "Hello");
  g_assert_cmpstr (dae_setting_text (stage.good, "token"), ==, "s3cret");
  g_assert_cmpstr (dae_instances (stage.good, "thing")[0], ==, "one");
  g_assert_cmpstr (dae_instance_text (stage.good, "thing", "one", "url"), ==, "http://one/");
  stage_close (&stage);
}

static void
test_plugin_undeclared_names_abort (void)
{
  Stage stage;

  if (g_test_subprocess ()) {
    stage_open (&stage);
    dae_setting_text (stage.good, "undeclared");
    return;
  }
  g_test_trap_subprocess (NULL, 0, 0);
  g_test_trap_assert_failed ();
  g_test_trap_assert_stderr ("*undeclared is read, but nobody has declared it*");
}

static void
test_plugin_secrets_differ_by_label_and_installation (void)
{
  guint8 first[32], second[32], third[32], fourth[32];
  Stage stage;

  stage_open (&stage);
  dae_derive_secret (stage.good, "cookie", first);
  dae_derive_secret (stage.good, "token", second);
  dae_derive_secret (stage.good, "cookie", third);
  stage.host.secret[0]++;
  dae_derive_secret (stage.good, "cookie", fourth);
  g_assert_cmpmem (first, 32, third, 32);
  g_assert_cmpint (memcmp (first, second, 32), !=, 0);
  g_assert_cmpint (memcmp (first, fourth, 32), !=, 0);
  stage_close (&stage);
}

static gpointer
make_uuids (gpointer data)
{
  GPtrArray *made = g_ptr_array_new_with_free_func (g_free);

  for (guint i = 0; i < 20000; i++) {
    char *uuid = g_malloc (37);

    dae_uuid7 (data, uuid);
    g_ptr_array_add (made, uuid);
  }
  return made;
}

static void
test_plugin_uuids_rise_and_never_repeat (void)
{
  g_autoptr (GHashTable) seen = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, NULL);
  GThread *threads[3];
  Stage stage;

  stage_open (&stage);
  for (guint i = 0; i < 3; i++)
    threads[i] = g_thread_new ("uuid", make_uuids, stage.good);
  for (guint i = 0; i < 3; i++) {
    g_autoptr (GPtrArray) made = g_thread_join (threads[i]);

    for (guint k = 0; k < made->len; k++) {
      const char *uuid = g_ptr_array_index (made, k);

      g_assert_true (g_uuid_string_is_valid (uuid));
      g_assert_true (uuid[14] == '7' && strchr ("89ab", uuid[19]) != NULL);
      g_assert_true (k == 0 || strcmp (g_ptr_array_index (made, k - 1), uuid) < 0);
      g_assert_true (g_hash_table_add (seen, g_strdup (uuid)));
    }
  }
  stage_close (&stage);
}

static void
test_plugin_internal_url_encodes_the_socket (void)
{
  g_autofree char *url = NULL;
  Stage stage;

  stage_open (&stage);
  url = dae_internal_url (stage.good, "/mcp/x");
  g_assert_cmpstr (url, ==, "http+unix://%2Frun%2Fa%20b%2Finternal.sock/mcp/x");
  stage_close (&stage);
}

typedef struct {
  guint ticks, handle;
  gboolean cancel;
} Ticks;

static gboolean
tick (DaePlugin *self, gpointer data)
{
  Ticks *ticks = data;

  ticks->ticks++;
  if (ticks->cancel)
    dae_timer_cancel (self, ticks->handle);
  return ticks->ticks < 3;
}

static void
test_plugin_timers_end_by_result_cancel_and_stop (void)
{
  Ticks by_result = { 0 }, by_cancel = { .cancel = TRUE }, by_stop = { 0 };
  Stage stage;

  stage_open (&stage);
  stage_start (&stage);
  by_result.handle = dae_timer (stage.good, 1, tick, &by_result);
  by_cancel.handle = dae_timer (stage.good, 1, tick, &by_cancel);
  by_stop.handle = dae_timer (stage.good, 3600 * 1000, tick, &by_stop);
  g_assert_true (by_result.handle != 0 && by_result.handle != by_cancel.handle);
  for (gint64 end = g_get_monotonic_time () + 200 * 1000; g_get_monotonic_time () < end;)
    g_main_context_iteration (NULL, FALSE);
  g_assert_cmpuint (by_result.ticks, ==, 3);
  g_assert_cmpuint (by_cancel.ticks, ==, 1);
  g_assert_cmpuint (plugin_set_stop (stage.host.plugins), ==, 0);
  g_assert_cmpuint (by_stop.ticks, ==, 0);
  stage_close (&stage);
}

typedef struct {
  gint ran;       /* on other threads */
  guint finished; /* on the loop */
  GThread *loop;
  gint slow_ms;
} Blocks;

static void
block_work (DaePlugin *self, gpointer data)
{
  Blocks *blocks = data;

  g_assert_true (g_thread_self () != blocks->loop);
  g_usleep ((gulong)blocks->slow_ms * 1000);
  g_atomic_int_inc (&blocks->ran);
}

static void
block_done (DaePlugin *self, gpointer data)
{
  Blocks *blocks = data;

  g_assert_true (g_thread_self () == blocks->loop);
  g_assert_cmpint (((Plugin *)self)->in_flight, >, 0);
  blocks->finished++;
}

static void
test_plugin_blocking_work_runs_beside_the_loop (void)
{
  Blocks blocks = { .loop = g_thread_self (), .slow_ms = 5 };
  guint turns = 0;
  Stage stage;

  stage_open (&stage);
  stage_start (&stage);
  for (guint i = 0; i < 40; i++)
    dae_block (stage.good, block_work, block_done, &blocks);
  g_assert_cmpuint (blocks.finished, ==, 0);
  g_assert_cmpuint (plugin_set_blocks (stage.host.plugins), ==, 40);
  g_assert_cmpint (((Plugin *)stage.good)->in_flight, ==, 40);
  while (blocks.finished < 40) {
    g_main_context_iteration (NULL, TRUE);
    turns++;
  }
  g_assert_cmpuint (turns, >=, 3);
  g_assert_cmpint (blocks.ran, ==, 40);
  g_assert_cmpint (((Plugin *)stage.good)->in_flight, ==, 0);
  g_assert_cmpuint (plugin_set_blocks (stage.host.plugins), ==, 0);
  stage_close (&stage);
}

static void
test_plugin_blocking_work_left_at_the_end_has_run (void)
{
  Blocks blocks = { .loop = g_thread_self (), .slow_ms = 20 };
  Stage stage;

  stage_open (&stage);
  stage_start (&stage);
  for (guint i = 0; i < 6; i++)
    dae_block (stage.good, block_work, block_done, &blocks);
  g_assert_cmpuint (plugin_set_stop (stage.host.plugins), ==, 6);
  stage_close (&stage);
  while (g_main_context_iteration (NULL, FALSE))
    ;
  g_assert_cmpint (blocks.ran, ==, 6);
  g_assert_cmpuint (blocks.finished, ==, 0);
}

static void
count_free (gpointer data)
{
  (*(guint *)data)++;
}

static void
test_plugin_data_and_state_are_freed_after_stop (void)
{
  guint data = 0, state = 0, before = 0;
  Stage stage;

  stage_open (&stage);
  dae_set_state (stage.good, &before, count_free);
  dae_set_state (stage.good, &state, count_free);
  g_assert_cmpuint (before, ==, 1);
  stage_start (&stage);
  g_assert_true (dae_state (stage.good) == &state);
  ((Plugin *)stage.good)->data = &data;
  ((Plugin *)stage.good)->free_data = count_free;
  g_assert_true (dae_data (stage.good) == &data);
  plugin_set_drain (stage.host.plugins);
  g_assert_cmpuint (data + state, ==, 0);
  plugin_set_stop (stage.host.plugins);
  g_assert_cmpuint (data, ==, 1);
  g_assert_cmpuint (state, ==, 1);
  stage_close (&stage);
}

static void
test_plugin_work_in_flight_at_stop_is_a_fault (void)
{
  guint data = 0;
  Stage stage;

  stage_open (&stage);
  dae_set_data (stage.good, &data, count_free);
  stage_start (&stage);
  ((Plugin *)stage.good)->in_flight = 2;
  g_assert_cmpuint (plugin_set_stop (stage.host.plugins), ==, 2);
  g_assert_cmpuint (data, ==, 0);
  stage_close (&stage);
}

static void
test_plugin_series_are_counted_and_told (void)
{
  const char *type;
  g_autofree char *text = NULL;
  g_autoptr (GBytes) bytes = NULL;
  gsize length;
  Stage stage;

  stage_open (&stage);
  stage_start (&stage);
  dae_series_add (dae_series (stage.good, "good_things_total", "b"), 2);
  dae_series_observe (dae_series (stage.good, "good_seconds"), 0.5);
  bytes = dae_metrics_text (stage.good, NULL, &type);
  text = g_strndup (g_bytes_get_data (bytes, &length), g_bytes_get_size (bytes));
  g_assert_nonnull (strstr (text, "daedalus_good_things_total{kind=\"a\"} 0\n"));
  g_assert_nonnull (strstr (text, "daedalus_good_things_total{kind=\"b\"} 2\n"));
  g_assert_nonnull (strstr (text, "daedalus_good_seconds_bucket{le=\"1\"} 1\n"));
  g_assert_nonnull (strstr (text, "# TYPE daedalus_plugin_faults_total counter\n"));
  g_assert_nonnull (strstr (text, "process_resident_memory_bytes "));
  g_assert_true (g_str_has_prefix (type, "text/plain"));
  stage_close (&stage);
}

static void
test_plugin_services_are_found_by_name (void)
{
  Plugin *provider = NULL;
  Stage stage;

  stage_open (&stage);
  g_assert_nonnull (plugin_set_service (stage.host.plugins, "good/1", &provider));
  g_assert_true (&provider->base == stage.good);
  g_assert_null (plugin_set_service (stage.host.plugins, "good/2", &provider));
  plugin_set_stop (stage.host.plugins);
  g_assert_null (plugin_set_service (stage.host.plugins, "good/1", NULL));
  stage_close (&stage);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  log_set_level ("error"); /* standard output belongs to the test protocol */
#define ADD(path, name) g_test_add_func ("/plugin/" path, test_plugin_##name)
  ADD ("settings-are-read-by-their-types", settings_are_read_by_their_types);
  ADD ("undeclared-names-abort", undeclared_names_abort);
  ADD ("secrets-differ-by-label-and-installation", secrets_differ_by_label_and_installation);
  ADD ("uuids-rise-and-never-repeat", uuids_rise_and_never_repeat);
  ADD ("internal-url-encodes-the-socket", internal_url_encodes_the_socket);
  ADD ("timers-end-by-result-cancel-and-stop", timers_end_by_result_cancel_and_stop);
  ADD ("blocking-work-runs-beside-the-loop", blocking_work_runs_beside_the_loop);
  ADD ("blocking-work-left-at-the-end-has-run", blocking_work_left_at_the_end_has_run);
  ADD ("data-and-state-are-freed-after-stop", data_and_state_are_freed_after_stop);
  ADD ("work-in-flight-at-stop-is-a-fault", work_in_flight_at_stop_is_a_fault);
  ADD ("series-are-counted-and-told", series_are_counted_and_told);
  ADD ("services-are-found-by-name", services_are_found_by_name);
  return g_test_run ();
}
