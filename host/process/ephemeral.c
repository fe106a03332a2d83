/* SPDX-License-Identifier: Apache-2.0 */
/* ephemeral: a throw-away instance. */
#include "ephemeral.h"

#include "../http/json-write.h"

#include <dirent.h>
#include <fcntl.h>
#include <ftw.h>
#include <glib-unix.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#define PARENT_LOOK_MS 200
#define PREFIX         "daedalus-"
#define MARK           "ephemeral" /* in the directory; locked while the instance lives */

static char *directory;
static int mark_fd = -1;
static int answer_fd = -1; /* the real standard output */
static pid_t parent;
static void (*when_gone) (gpointer data);
static gpointer when_gone_data;

static gboolean
look_for_parent (gpointer data)
{
  if (getppid () == parent)
    return G_SOURCE_CONTINUE;
  when_gone (when_gone_data);
  return G_SOURCE_REMOVE;
}

static gboolean
on_input (int fd, GIOCondition condition, gpointer data)
{
  char bytes[256];

  if (read (fd, bytes, sizeof bytes) > 0)
    return G_SOURCE_CONTINUE;
  when_gone (when_gone_data);
  return G_SOURCE_REMOVE;
}

/* A port that was free a moment ago: the kernel hands out others before it comes back to this one.
 */
static guint
free_port (void)
{
  struct sockaddr_in address = { .sin_family = AF_INET, .sin_addr = { htonl (INADDR_LOOPBACK) } };
  socklen_t size = sizeof address;
  int fd = socket (AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  guint port = 0;

  if (bind (fd, (struct sockaddr *)&address, size) == 0 &&
      getsockname (fd, (struct sockaddr *)&address, &size) == 0)
    port = ntohs (address.sin_port);
  close (fd);
  return port;
}

static void
add_set (Options *options, char *set)
{
  guint n = options->sets != NULL ? g_strv_length (options->sets) : 0;

  /* first: what the command line says has the last word */
  options->sets = g_renew (char *, options->sets, n + 2);
  memmove (options->sets + 1, options->sets, sizeof (char *) * n);
  options->sets[0] = set;
  options->sets[n + 1] = NULL;
}

static void
add_listen (Options *options)
{
  if (options->listen == NULL)
    options->listen = g_strdup_printf ("127.0.0.1:%u", free_port ());
  else if (g_str_has_suffix (options->listen, ":0")) {
    g_autofree char *asked = options->listen;

    options->listen = g_strdup_printf ("%.*s:%u", (int)strlen (asked) - 2, asked, free_port ());
  }
}

static int
remove_one (const char *path, const struct stat *status, int type, struct FTW *where)
{
  return remove (path);
}

static void
remove_directory (const char *path)
{
  nftw (path, remove_one, 16, FTW_DEPTH | FTW_PHYS | FTW_MOUNT);
}

/* One that was killed could not remove its own. */
static void
remove_left_behind (void)
{
  g_autoptr (GDir) dir = g_dir_open (g_get_tmp_dir (), 0, NULL);
  const char *name;

  while (dir != NULL && (name = g_dir_read_name (dir)) != NULL) {
    g_autofree char *path = g_build_filename (g_get_tmp_dir (), name, NULL);
    g_autofree char *mark = g_build_filename (path, MARK, NULL);
    struct stat status;
    int fd;

    if (!g_str_has_prefix (name, PREFIX) || lstat (path, &status) != 0 ||
        !S_ISDIR (status.st_mode) || status.st_uid != geteuid ())
      continue;
    fd = open (mark, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    if (fd >= 0 && flock (fd, LOCK_EX | LOCK_NB) == 0)
      remove_directory (path);
    if (fd >= 0)
      close (fd);
  }
}

/* The mark gets its name when it is locked already: nobody takes it for one that was left behind.
 */
static gboolean
make_directory (void)
{
  g_autofree char *unnamed = NULL, *mark = NULL;

  directory = g_build_filename (g_get_tmp_dir (), PREFIX "XXXXXX", NULL);
  if (g_mkdtemp (directory) == NULL)
    return FALSE;
  unnamed = g_build_filename (directory, MARK ".new", NULL);
  mark = g_build_filename (directory, MARK, NULL);
  mark_fd = open (unnamed, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
  return mark_fd >= 0 && flock (mark_fd, LOCK_EX) == 0 && rename (unnamed, mark) == 0;
}

gboolean
ephemeral_begin (Options *options, void (*gone) (gpointer data), gpointer data)
{
  struct stat input;

  remove_left_behind ();
  if (!make_directory ()) {
    fprintf (stderr, "cannot make a temporary directory in \"%s\"\n", g_get_tmp_dir ());
    return FALSE;
  }
  answer_fd = fcntl (STDOUT_FILENO, F_DUPFD_CLOEXEC, 3);
  dup2 (STDERR_FILENO, STDOUT_FILENO);
  add_set (options, g_strconcat ("host.data-dir=", directory, NULL));
  add_set (options, g_strdup ("host.stop-limit=500ms"));
  add_listen (options);

  parent = getppid ();
  when_gone = gone;
  when_gone_data = data;
  prctl (PR_SET_PDEATHSIG, SIGTERM);
  g_timeout_add (PARENT_LOOK_MS, look_for_parent, NULL);
  if (fstat (STDIN_FILENO, &input) == 0 && (S_ISFIFO (input.st_mode) || S_ISSOCK (input.st_mode)))
    g_unix_fd_add (STDIN_FILENO, G_IO_IN | G_IO_HUP, on_input, NULL);
  return TRUE;
}

void
ephemeral_print (const char *url, const char *token, const char *start_link)
{
  JsonWriter *json = json_writer_new (NULL);
  g_autofree char *line = NULL;
  g_autofree char *text = NULL;
  gsize length;

  json_write_begin_object (json, NULL);
  json_write_text (json, "url", url);
  json_write_int (json, "pid", getpid ());
  json_write_text (json, "token", token);
  json_write_text (json, "start_link", start_link);
  json_write_text (json, "data_dir", directory);
  json_write_end (json);
  text = json_writer_finish (json, &length);
  line = g_strconcat (text, "\n", NULL);
  (void)!write (answer_fd, line, strlen (line));
}

void
ephemeral_end (void)
{
  if (directory != NULL)
    remove_directory (directory);
  if (mark_fd >= 0)
    close (mark_fd);
  g_clear_pointer (&directory, g_free);
}
