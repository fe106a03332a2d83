/* SPDX-License-Identifier: Apache-2.0 */
/* test-listen: addresses that are taken, refused with a remedy, or opened. */
#include "process/listen.h"

#include <glib/gstdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static void
test_listen_refuses_what_is_no_address (void)
{
  static const char *const bad[] = {
    "somewhere", "127.0.0.1", "127.0.0.1:", "127.0.0.1:99999", "name:80", "unix:relative", ""
  };

  for (guint i = 0; i < G_N_ELEMENTS (bad); i++) {
    g_autoptr (Complaints) complaints = complaints_new ();

    g_assert_null (listen_open (bad[i], FALSE, complaints));
    g_assert_cmpuint (complaints_count (complaints), ==, 1);
    g_assert_nonnull (strstr (complaints_get (complaints, 0)->remedy, "127.0.0.1:8000"));
  }
}

static void
test_listen_says_who_has_the_port (void)
{
  g_autoptr (Complaints) complaints = complaints_new ();
  ListenSocket *first = listen_open ("127.0.0.1:0", FALSE, complaints);
  g_autofree char *address = listen_actual (first);

  g_assert_true (g_str_has_prefix (address, "127.0.0.1:"));
  g_assert_false (g_str_has_suffix (address, ":0"));
  g_assert_null (listen_open (address, FALSE, complaints));
  g_assert_nonnull (strstr (complaints_get (complaints, 0)->why, address));
  g_assert_nonnull (strstr (complaints_get (complaints, 0)->remedy, "Stop the program"));
  listen_free (first);
}

static gpointer
listen_let_go (gpointer data)
{
  g_usleep (300000);
  listen_free (data);
  return NULL;
}

static void
test_listen_waits_for_one_that_is_going (void)
{
  g_autoptr (Complaints) complaints = complaints_new ();
  ListenSocket *first = listen_open ("127.0.0.1:0", FALSE, complaints), *second;
  g_autofree char *address = listen_actual (first);
  GThread *going = g_thread_new ("going", listen_let_go, first);

  second = listen_open (address, FALSE, complaints);
  g_thread_join (going);
  g_assert_nonnull (second);
  g_assert_cmpuint (complaints_count (complaints), ==, 0);
  listen_free (second);
}

static void
test_listen_unix_socket_is_private_and_replaces_a_stale_one (void)
{
  g_autoptr (Complaints) complaints = complaints_new ();
  g_autofree char *dir = g_dir_make_tmp ("listen-XXXXXX", NULL);
  g_autofree char *address = g_strdup_printf ("unix:%s/s", dir);
  struct stat status;

  for (guint i = 0; i < 2; i++) {
    ListenSocket *opened = listen_open (address, TRUE, complaints);

    g_assert_nonnull (opened);
    g_assert_cmpint (stat (address + 5, &status), ==, 0);
    g_assert_cmpuint (status.st_mode & 077, ==, 0);
    listen_free (opened); /* the file stays, as after a kill */
  }
  g_unlink (address + 5);
  g_rmdir (dir);
}

static void
test_listen_takes_no_unix_socket_from_others (void)
{
  g_autoptr (Complaints) complaints = complaints_new ();
  g_autofree char *dir = g_dir_make_tmp ("listen-XXXXXX", NULL);
  g_autofree char *address = g_strdup_printf ("unix:%s/s", dir);
  g_autofree char *file = g_strdup_printf ("unix:%s/f", dir);
  ListenSocket *first = listen_open (address, FALSE, complaints), *second;

  g_assert_null (listen_open (address, FALSE, complaints));
  g_assert_nonnull (strstr (complaints_get (complaints, 0)->remedy, "Stop the program"));
  g_assert_true (g_file_set_contents (file + 5, "precious", -1, NULL));
  g_assert_null (listen_open (file, FALSE, complaints));
  g_assert_true (g_file_test (file + 5, G_FILE_TEST_IS_REGULAR));
  /* one that listens no more is one that was left behind */
  listen_end (first);
  second = listen_open (address, FALSE, complaints);
  g_assert_nonnull (second);
  listen_free (first);
  listen_free (second);
  g_unlink (address + 5);
  g_unlink (file + 5);
  g_rmdir (dir);
}

static void
test_listen_takes_what_is_passed_to_this_process_alone (void)
{
  g_autoptr (Complaints) complaints = complaints_new ();
  g_autofree char *parent = g_strdup_printf ("%d", getppid ());
  g_autoptr (GPtrArray) passed = NULL;

  g_setenv ("LISTEN_PID", parent, TRUE);
  g_setenv ("LISTEN_FDS", "1", TRUE);
  passed = listen_take_passed (complaints);
  g_assert_cmpuint (passed->len, ==, 0);
  g_assert_cmpuint (complaints_count (complaints), ==, 0);
  g_assert_null (g_getenv ("LISTEN_PID"));
  g_assert_null (g_getenv ("LISTEN_FDS"));
}

static void
test_listen_knows_which_address_means_a_passed_socket (void)
{
  static const struct {
    const char *address, *bound;
    gboolean means;
  } rows[] = {
    { "systemd", "127.0.0.1:80", TRUE },      { "systemd:web", "127.0.0.1:80", TRUE },
    { "systemd:we", "127.0.0.1:80", FALSE },  { "127.0.0.1:80", "127.0.0.1:80", TRUE },
    { "localhost:80", "127.0.0.1:80", TRUE }, { "*:80", "0.0.0.0:80", TRUE },
    { "*:80", "127.0.0.1:80", FALSE },        { "[0:0::1]:80", "[::1]:80", TRUE },
    { "unix:/a", "unix:/a", TRUE },           { "unix:/a", "unix:/b", FALSE },
  };

  for (guint i = 0; i < G_N_ELEMENTS (rows); i++) {
    ListenSocket passed = { .address = (char *)rows[i].bound, .passed = (char *)"web" };

    g_test_message ("%s %s", rows[i].address, rows[i].bound);
    g_assert_cmpint (listen_means (rows[i].address, &passed), ==, rows[i].means);
  }
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/listen/refuses-what-is-no-address", test_listen_refuses_what_is_no_address);
  g_test_add_func ("/listen/says-who-has-the-port", test_listen_says_who_has_the_port);
  g_test_add_func ("/listen/waits-for-one-that-is-going", test_listen_waits_for_one_that_is_going);
  g_test_add_func ("/listen/unix-socket-is-private-and-replaces-a-stale-one",
                   test_listen_unix_socket_is_private_and_replaces_a_stale_one);
  g_test_add_func ("/listen/takes-what-is-passed-to-this-process-alone",
                   test_listen_takes_what_is_passed_to_this_process_alone);
  g_test_add_func ("/listen/knows-which-address-means-a-passed-socket",
                   test_listen_knows_which_address_means_a_passed_socket);
  g_test_add_func ("/listen/takes-no-unix-socket-from-others",
                   test_listen_takes_no_unix_socket_from_others);
  return g_test_run ();
}
