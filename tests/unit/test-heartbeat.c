/* SPDX-License-Identifier: Apache-2.0 */
/* test-heartbeat: what one process writes another one sees. */
#include "process/heartbeat.h"

#include <string.h>
#include <unistd.h>

static void
test_heartbeat_shows_what_a_thread_is_at (void)
{
  int fd = heartbeat_create_memory ();
  Heartbeat *worker = heartbeat_new (fd, 3), *supervisor = heartbeat_new (fd, 0);
  HeartbeatView view;

  heartbeat_look (supervisor, 3, HEARTBEAT_POOL, &view);
  g_assert_cmpint (view.stamp, ==, 0);
  heartbeat_enter (worker, HEARTBEAT_POOL, "files", "/api/files/{file_id}", "request-1", 42);
  heartbeat_look (supervisor, 3, HEARTBEAT_POOL, &view);
  g_assert_cmpuint (view.active, ==, 1);
  g_assert_cmpint (view.deadline, ==, 42);
  g_assert_cmpstr (view.plugin, ==, "files");
  g_assert_cmpstr (view.route, ==, "/api/files/{file_id}");
  g_assert_cmpstr (view.request_id, ==, "request-1");
  heartbeat_leave (worker, HEARTBEAT_POOL);
  heartbeat_look (supervisor, 3, HEARTBEAT_POOL, &view);
  g_assert_cmpuint (view.active, ==, 0);
  heartbeat_clear (supervisor, 3);
  heartbeat_look (worker, 3, HEARTBEAT_POOL, &view);
  g_assert_cmpint (view.stamp, ==, 0);
  heartbeat_free (worker);
  heartbeat_free (supervisor);
  close (fd);
}

static void
test_heartbeat_remembers_whose_code_failed_first (void)
{
  int fd = heartbeat_create_memory ();
  Heartbeat *worker = heartbeat_new (fd, 3), *supervisor = heartbeat_new (fd, 0);
  g_autofree char *none = heartbeat_blamed (supervisor, 3), *first = NULL, *cleared = NULL;

  g_assert_cmpstr (none, ==, "");
  heartbeat_blame (worker, "files");
  heartbeat_blame (worker, "agents"); /* on its way out */
  first = heartbeat_blamed (supervisor, 3);
  g_assert_cmpstr (first, ==, "files");
  heartbeat_clear (supervisor, 3);
  cleared = heartbeat_blamed (supervisor, 3);
  g_assert_cmpstr (cleared, ==, "");
  heartbeat_free (worker);
  heartbeat_free (supervisor);
  close (fd);
}

static void
test_heartbeat_cuts_long_names (void)
{
  int fd = heartbeat_create_memory ();
  Heartbeat *heartbeat = heartbeat_new (fd, 1);
  g_autofree char *longest = g_strnfill (1000, 'x');
  HeartbeatView view;

  heartbeat_enter (heartbeat, HEARTBEAT_LOOP, longest, longest, longest, 0);
  heartbeat_look (heartbeat, 1, HEARTBEAT_LOOP, &view);
  g_assert_cmpuint (strlen (view.plugin), ==, sizeof view.plugin - 1);
  g_assert_cmpuint (strlen (view.route), ==, sizeof view.route - 1);
  heartbeat_look (heartbeat, 1, HEARTBEAT_KEEPER, &view);
  g_assert_cmpstr (view.plugin, ==, "");
  heartbeat_free (heartbeat);
  close (fd);
}

static void
test_heartbeat_goes_back_to_what_it_was_at (void)
{
  static const char *const plugins[] = { "a", "b", "c", "d", "e", "f", "g" };
  int fd = heartbeat_create_memory ();
  Heartbeat *heartbeat = heartbeat_new (fd, 1);
  HeartbeatView view;

  for (guint i = 0; i < G_N_ELEMENTS (plugins); i++)
    heartbeat_enter (heartbeat, HEARTBEAT_LOOP, plugins[i], "x", NULL, 0);
  for (guint i = G_N_ELEMENTS (plugins); i > 0; i--) {
    heartbeat_look (heartbeat, 1, HEARTBEAT_LOOP, &view);
    g_assert_cmpuint (view.active, ==, 1);
    if (i <= 4) /* as deep as is kept */
      g_assert_cmpstr (view.plugin, ==, plugins[i - 1]);
    heartbeat_leave (heartbeat, HEARTBEAT_LOOP);
  }
  heartbeat_look (heartbeat, 1, HEARTBEAT_LOOP, &view);
  g_assert_cmpuint (view.active, ==, 0);
  heartbeat_free (heartbeat);
  close (fd);
}

static void
test_heartbeat_marks_the_thread_that_ends_the_process (void)
{
  int fd = heartbeat_create_memory ();
  Heartbeat *worker = heartbeat_new (fd, 3), *supervisor = heartbeat_new (fd, 0);
  HeartbeatView view;

  g_assert_null (heartbeat_fault (worker));
  heartbeat_enter (worker, HEARTBEAT_POOL, "files", "/api/files", NULL, 0);
  g_assert_cmpstr (heartbeat_fault (worker)->plugin, ==, "files");
  heartbeat_look (supervisor, 3, HEARTBEAT_POOL, &view);
  g_assert_cmpuint (view.faulted, ==, 1);
  g_assert_cmpint (view.tid, ==, gettid ());
  heartbeat_look (supervisor, 3, HEARTBEAT_LOOP, &view);
  g_assert_cmpuint (view.faulted, ==, 0);
  heartbeat_free (worker);
  heartbeat_free (supervisor);
  close (fd);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/heartbeat/remembers-whose-code-failed-first",
                   test_heartbeat_remembers_whose_code_failed_first);
  g_test_add_func ("/heartbeat/shows-what-a-thread-is-at",
                   test_heartbeat_shows_what_a_thread_is_at);
  g_test_add_func ("/heartbeat/cuts-long-names", test_heartbeat_cuts_long_names);
  g_test_add_func ("/heartbeat/goes-back-to-what-it-was-at",
                   test_heartbeat_goes_back_to_what_it_was_at);
  g_test_add_func ("/heartbeat/marks-the-thread-that-ends-the-process",
                   test_heartbeat_marks_the_thread_that_ends_the_process);
  return g_test_run ();
}
