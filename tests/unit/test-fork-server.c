/* SPDX-License-Identifier: Apache-2.0 */
/* test-fork-server: what is started has its words and descriptors, and is a child of who asked. */
#include "process/fork-server.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

/* "x" FD TEXT FD TEXT ...: 7 if each descriptor holds its text and no other below 400 is open;
 * "wait": until it is ended. */
static int
play (int argc, char **argv)
{
  gboolean named[400] = { TRUE, TRUE, TRUE };

  if (strcmp (argv[1], "wait") == 0)
    for (;;)
      pause ();
  for (int i = 1; i + 1 < argc; i += 2) {
    char text[32] = "";
    int fd = atoi (argv[i]);

    named[fd] = TRUE;
    if (pread (fd, text, sizeof text - 1, 0) < 0 || strcmp (text, argv[i + 1]) != 0)
      return 8;
  }
  for (int fd = 0; fd < 400; fd++)
    if (!named[fd] && fcntl (fd, F_GETFD) >= 0)
      return 9;
  return read (STDIN_FILENO, named, 1) == 0 ? 7 : 10;
}

static int
memory_with (const char *text, int number)
{
  int fd = memfd_create ("test", MFD_CLOEXEC);

  g_assert_cmpint (write (fd, text, strlen (text)), ==, (gssize)strlen (text));
  g_assert_cmpint (dup3 (fd, number, O_CLOEXEC), ==, number);
  close (fd);
  return number;
}

static int
status_of (GPid pid, int pidfd)
{
  int status = 0;

  g_assert_cmpint (pid, >, 0);
  g_assert_cmpint (waitpid (pid, &status, 0), ==, pid); /* it is this process's own child */
  close (pidfd);
  return status;
}

/* Numbers that the other process uses itself on the way are among them, in an order that crosses.
 */
static void
test_fork_server_descriptors_keep_their_numbers (void)
{
  static const guint counts[] = { 0, 1, 2, 30, 200, 201, 300 };
  ForkServer *server = fork_server_fork (play);

  g_assert_nonnull (server);
  for (guint c = 0; c < G_N_ELEMENTS (counts); c++) {
    guint n = counts[c];
    g_autofree int *keep = g_new0 (int, n + 1);
    g_autoptr (GPtrArray) argv = g_ptr_array_new_with_free_func (g_free);
    int pidfd = -1;

    g_ptr_array_add (argv, g_strdup ("test"));
    if (n == 0)
      g_ptr_array_add (argv, g_strdup ("x"));
    for (guint i = 0; i < n; i++) {
      g_autofree char *text = g_strdup_printf ("text %u", i);

      keep[i] = memory_with (text, (int)(30 + (i * 7 + 3) % n)); /* no N is a multiple of 7 */
      g_ptr_array_add (argv, g_strdup_printf ("%d", keep[i]));
      g_ptr_array_add (argv, g_steal_pointer (&text));
    }
    keep[n] = -1;
    g_ptr_array_add (argv, NULL);
    g_assert_cmpint (WEXITSTATUS (status_of (
                         fork_server_spawn (server, (char **)argv->pdata, keep, &pidfd), pidfd)),
                     ==, 7);
    for (guint i = 0; i < n; i++)
      close (keep[i]);
  }
  fork_server_free (server);
}

static void
test_fork_server_many_run_at_once (void)
{
  ForkServer *server = fork_server_fork (play);
  char *argv[] = { "test", "wait", NULL };
  const int none[] = { -1 };
  GPid pids[20];
  int pidfds[20];

  for (guint i = 0; i < G_N_ELEMENTS (pids); i++)
    pids[i] = fork_server_spawn (server, argv, none, &pidfds[i]);
  fork_server_free (server); /* which ends none of them */
  for (guint i = 0; i < G_N_ELEMENTS (pids); i++) {
    g_assert_cmpint (waitpid (pids[i], NULL, WNOHANG), ==, 0);
    kill (pids[i], SIGTERM);
    g_assert_cmpint (WTERMSIG (status_of (pids[i], pidfds[i])), ==, SIGTERM);
  }
}

static void
test_fork_server_what_is_too_long_is_refused (void)
{
  ForkServer *server = fork_server_fork (play);
  g_autofree char *word = g_strnfill (400 * 1024, 'x');
  char *argv[] = { "test", word, NULL };
  const int none[] = { -1 };
  int pidfd;

  g_assert_cmpint (fork_server_spawn (server, argv, none, &pidfd), ==, -1);
  g_assert_true (errno == EMSGSIZE || errno == E2BIG);
  fork_server_free (server);
}

static void
test_fork_server_knows_its_program (void)
{
  ForkServer *server = fork_server_fork (play);
  int own = open ("/proc/self/exe", O_RDONLY | O_CLOEXEC);
  int other = open ("/bin/sh", O_RDONLY | O_CLOEXEC);

  g_assert_true (fork_server_runs (server, own));
  g_assert_false (fork_server_runs (server, other));
  fork_server_free (server);
  close (own);
  close (other);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/fork-server/descriptors-keep-their-numbers",
                   test_fork_server_descriptors_keep_their_numbers);
  g_test_add_func ("/fork-server/many-run-at-once", test_fork_server_many_run_at_once);
  g_test_add_func ("/fork-server/what-is-too-long-is-refused",
                   test_fork_server_what_is_too_long_is_refused);
  g_test_add_func ("/fork-server/knows-its-program", test_fork_server_knows_its_program);
  return g_test_run ();
}
