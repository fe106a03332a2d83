/* SPDX-License-Identifier: Apache-2.0 */
#include "process/instance.h"

#include <fcntl.h>
#include <glib/gstdio.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

static int
hold (const char *dir)
{
  g_autofree char *path = g_build_filename (dir, "lock", NULL);
  int fd = open (path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);

  g_assert_cmpint (flock (fd, LOCK_EX | LOCK_NB), ==, 0);
  return fd;
}

static void
remove_all (char *dir)
{
  g_autofree char *path = g_build_filename (dir, "lock", NULL);

  g_unlink (path);
  g_rmdir (dir);
  g_free (dir);
}

static void
test_instance_refuses_a_directory_that_is_in_use (void)
{
  char *dir = g_dir_make_tmp ("instance-XXXXXX", NULL);
  g_autoptr (Complaints) complaints = complaints_new ();
  Instance instance = { .data_dir = dir };
  int other = hold (dir);

  g_assert_false (instance_lock (&instance, complaints));
  g_assert_cmpint (instance.lock, ==, -1);
  g_assert_cmpuint (complaints_count (complaints), ==, 1);
  close (other);
  remove_all (dir);
}

static gpointer
let_go (gpointer data)
{
  g_usleep (300000);
  close (GPOINTER_TO_INT (data));
  return NULL;
}

static void
test_instance_waits_for_one_that_is_going (void)
{
  char *dir = g_dir_make_tmp ("instance-XXXXXX", NULL);
  g_autoptr (Complaints) complaints = complaints_new ();
  Instance instance = { .data_dir = dir };
  GThread *going = g_thread_new ("going", let_go, GINT_TO_POINTER (hold (dir)));

  g_assert_true (instance_lock (&instance, complaints));
  g_thread_join (going);
  g_assert_cmpuint (complaints_count (complaints), ==, 0);
  close (instance.lock);
  remove_all (dir);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/instance/refuses-a-directory-that-is-in-use",
                   test_instance_refuses_a_directory_that_is_in_use);
  g_test_add_func ("/instance/waits-for-one-that-is-going",
                   test_instance_waits_for_one_that_is_going);
  return g_test_run ();
}
