/* SPDX-License-Identifier: Apache-2.0 */
/* check: the parent's side. */
#include "check.h"

#include "../paths.h"

#include <errno.h>
#include <fcntl.h>
#include <glib-unix.h>
#include <signal.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define HANG_MS     2000  /* a plugin that is loaded or configured */
#define SLOW_MS     30000 /* anything else but work in the database, which takes what it takes */
#define MAX_CRASHED 64

typedef struct {
  const Options *options; /* borrowed */
  const Instance *running;
  char *exe;
  void (*done) (CheckResult *result, gpointer data);
  gpointer data;
  CheckResult *result;
  GPtrArray *crashed; /* paths left out of further runs */
  GPid pid;
  int pipe;
  GByteArray *received;
  char *naming;       /* the plugin file that is at work, or NULL */
  gboolean preparing; /* the database is */
  guint read_source, hang_source;
} Check;

static void run_child (Check *check);

char *
check_own_exe (void)
{
  g_autofree char *path = g_file_read_link ("/proc/self/exe", NULL);

  if (path != NULL && g_str_has_suffix (path, " (deleted)"))
    path[strlen (path) - strlen (" (deleted)")] = '\0';
  return g_steal_pointer (&path);
}

static void
close_source (gpointer data)
{
  PluginSource *source = data;

  if (source->fd >= 0)
    close (source->fd);
  source->fd = -1;
}

void
check_result_free (CheckResult *result)
{
  complaints_free (result->complaints);
  g_clear_pointer (&result->facts, g_variant_unref);
  if (result->sources != NULL) {
    for (guint i = 0; i < result->sources->len; i++)
      close_source (result->sources->pdata[i]);
    g_ptr_array_unref (result->sources);
  }
  g_clear_pointer (&result->forks, fork_server_free);
  if (result->exe_fd >= 0)
    close (result->exe_fd);
  g_free (result);
}

static void
finish (Check *check)
{
  check->done (check->result, check->data);
  g_ptr_array_unref (check->crashed);
  g_byte_array_unref (check->received);
  g_free (check->naming);
  g_free (check->exe);
  g_free (check);
}

static void
give_up (Check *check, const char *why, const char *remedy)
{
  complaints_add (check->result->complaints, NULL, check->exe, 0, NULL, NULL, why, remedy);
  finish (check);
}

static void
complain_of_crash (Check *check, gboolean hung, int status)
{
  g_autofree char *name = g_path_get_basename (check->naming);
  g_autofree char *why = NULL;

  if (g_str_has_suffix (name, ".so"))
    name[strlen (name) - 3] = '\0';
  if (hung)
    why = g_strdup_printf ("does not come back while it is checked (%d s)", HANG_MS / 1000);
  else if (WIFSIGNALED (status))
    why = g_strdup_printf ("ends the process while it is checked (%s)",
                           strsignal (WTERMSIG (status)));
  else
    why = g_strdup_printf ("ends the process while it is checked (exit status %d)",
                           WEXITSTATUS (status));
  complaints_add (check->result->complaints, name, check->naming, 0, NULL, NULL, why,
                  "Remove the file, or install a build of it that works.");
  g_ptr_array_add (check->crashed, g_strdup (check->naming));
}

/* What ended the check is not served either, where the rest is. */
static void
drop_crashed (Check *check)
{
  GPtrArray *sources = check->result->sources;

  for (guint i = sources->len; i > 0; i--) {
    PluginSource *source = sources->pdata[i - 1];

    if (!g_ptr_array_find_with_equal_func (check->crashed, source->path, g_str_equal, NULL))
      continue;
    close_source (source);
    g_ptr_array_remove_index (sources, i - 1);
  }
}

/* The result is one frame: 'R' and a serialized a{sv}. */
static gboolean
take_result (Check *check)
{
  const guint8 *bytes = check->received->data;
  gsize length = check->received->len;
  g_autoptr (GBytes) data = NULL;
  g_autoptr (GVariant) facts = NULL, complaints = NULL;

  if (length < 2 || bytes[0] != 'R')
    return FALSE;
  data = g_bytes_new (bytes + 1, length - 1);
  facts = g_variant_ref_sink (g_variant_new_from_bytes (G_VARIANT_TYPE_VARDICT, data, FALSE));
  complaints = g_variant_lookup_value (facts, "complaints", NULL);
  if (!g_variant_is_normal_form (facts) || complaints == NULL)
    return FALSE;
  /* those of the crashed are among them: the child has been told */
  complaints_free (check->result->complaints);
  check->result->complaints = complaints_new ();
  complaints_add_variant (check->result->complaints, complaints);
  g_variant_lookup (facts, "ok", "b", &check->result->ok);
  check->result->facts = g_steal_pointer (&facts);
  drop_crashed (check);
  return TRUE;
}

/* Takes 'N' PATH '\0' and 'P' frames off the front of what has come; a result stays. */
static void
take_frames (Check *check)
{
  while (check->received->len > 0 && check->received->data[0] != 'R') {
    guint8 *end;

    if (check->received->data[0] == 'P') {
      check->preparing = TRUE;
      g_byte_array_remove_index (check->received, 0);
      continue;
    }
    end = memchr (check->received->data, '\0', check->received->len);
    if (end == NULL)
      return;
    g_free (check->naming);
    check->naming = g_strdup ((char *)check->received->data + 1);
    if (*check->naming == '\0')
      g_clear_pointer (&check->naming, g_free);
    g_byte_array_remove_range (check->received, 0, (guint)(end - check->received->data) + 1);
  }
}

static void
child_ended (Check *check, gboolean hung)
{
  g_autofree char *why = NULL;
  int status = 0;

  g_clear_handle_id (&check->hang_source, g_source_remove);
  /* one that has only closed its end must not keep us either; how the other kind ended is decided
   */
  kill (check->pid, SIGKILL);
  waitpid (check->pid, &status, 0);
  close (check->pipe);

  if (take_result (check)) {
    finish (check);
    return;
  }
  if (check->naming != NULL && check->crashed->len < MAX_CRASHED) {
    complain_of_crash (check, hung, status);
    run_child (check);
    return;
  }
  why = hung ? g_strdup ("the check does not end")
             : g_strdup_printf ("the check ended without a result (status %d)", status);
  give_up (check, why, "Run \"daedalus check\" with G_MESSAGES_DEBUG=all to see where.");
}

static gboolean
on_hang (gpointer data)
{
  Check *check = data;

  check->hang_source = 0;
  g_clear_handle_id (&check->read_source, g_source_remove);
  child_ended (check, TRUE);
  return G_SOURCE_REMOVE;
}

static void
watch_for_hang (Check *check)
{
  g_clear_handle_id (&check->hang_source, g_source_remove);
  if (!check->preparing)
    check->hang_source = g_timeout_add (check->naming != NULL ? HANG_MS : SLOW_MS, on_hang, check);
}

static gboolean
on_output (int fd, GIOCondition condition, gpointer data)
{
  Check *check = data;
  guint8 bytes[16384];
  ssize_t length = read (fd, bytes, sizeof bytes);

  if (length > 0) {
    g_byte_array_append (check->received, bytes, (guint)length);
    take_frames (check);
    watch_for_hang (check);
    return G_SOURCE_CONTINUE;
  }
  if (length < 0 && (errno == EINTR || errno == EAGAIN))
    return G_SOURCE_CONTINUE;
  check->read_source = 0;
  child_ended (check, FALSE);
  return G_SOURCE_REMOVE;
}

static char **
child_argv (Check *check, int brief, int output)
{
  g_auto (GStrv) options = options_to_argv (check->options, "check");
  GPtrArray *argv = g_ptr_array_new ();

  g_ptr_array_add (argv, g_strdup ("daedalus"));
  g_ptr_array_add (argv, g_strdup ("(check)"));
  g_ptr_array_add (argv, g_strdup_printf ("%d", brief));
  g_ptr_array_add (argv, g_strdup_printf ("%d", output));
  for (char **option = options; *option != NULL; option++)
    g_ptr_array_add (argv, g_strdup (*option));
  g_ptr_array_add (argv, NULL);
  return (char **)g_ptr_array_free (argv, FALSE);
}

static int
write_brief (Check *check)
{
  GVariantDict dict;

  g_variant_dict_init (&dict, NULL);
  g_variant_dict_insert_value (&dict, "sources", brief_sources_to_variant (check->result->sources));
  g_variant_dict_insert_value (&dict, "complaints",
                               complaints_to_variant (check->result->complaints));
  g_variant_dict_insert_value (
      &dict, "excluded",
      g_variant_new_strv ((const char *const *)check->crashed->pdata, check->crashed->len));
  if (check->running != NULL) {
    g_variant_dict_insert (&dict, "data-dir", "s", check->running->data_dir);
    g_variant_dict_insert (&dict, "runtime-dir", "s", check->running->runtime_dir);
  }
  return brief_write (g_variant_dict_end (&dict));
}

/* FALSE with errno. */
static gboolean
spawn (Check *check, int brief, int output)
{
  g_autoptr (GArray) keep = g_array_new (FALSE, FALSE, sizeof (int));
  g_auto (GStrv) argv = child_argv (check, brief, output);
  int pidfd, end = -1;

  g_array_append_val (keep, brief);
  g_array_append_val (keep, output);
  for (guint i = 0; i < check->result->sources->len; i++) {
    PluginSource *source = check->result->sources->pdata[i];

    if (source->fd >= 0)
      g_array_append_val (keep, source->fd);
  }
  g_array_append_val (keep, end);
  check->pid = fork_server_spawn (check->result->forks, argv, (const int *)keep->data, &pidfd);
  if (check->pid < 0)
    return FALSE;
  close (pidfd);
  return TRUE;
}

static void
run_child (Check *check)
{
  int brief = write_brief (check), ends[2] = { -1, -1 };
  gboolean runs = brief >= 0 && pipe2 (ends, O_CLOEXEC) == 0 && spawn (check, brief, ends[1]);
  int error = errno;

  if (ends[1] >= 0)
    close (ends[1]);
  if (brief >= 0)
    close (brief);
  if (!runs) {
    g_autofree char *why = g_strdup_printf ("cannot start the check: %s", g_strerror (error));

    if (ends[0] >= 0)
      close (ends[0]);
    give_up (check, why, "Give daedalus more processes, memory or descriptors.");
    return;
  }
  g_byte_array_set_size (check->received, 0);
  g_clear_pointer (&check->naming, g_free);
  check->preparing = FALSE;
  check->pipe = ends[0];
  check->read_source = g_unix_fd_add (check->pipe, G_IO_IN | G_IO_HUP, on_output, check);
  watch_for_hang (check);
}

/* The files of the plugin directory, each opened once: what is checked is what is served. */
static GPtrArray *
open_sources (const Options *options)
{
  g_autoptr (Complaints) ignored = complaints_new (); /* the child makes the same ones */
  g_autoptr (Config) config = options_read_config (options, ignored);
  const char *directory = options->plugin_dir;
  GPtrArray *sources;

  if (directory == NULL)
    directory = config_text (config, "host", "plugin-dir");
  if (directory == NULL || *directory == '\0')
    directory = DAEDALUS_PLUGIN_DIR;
  sources = plugin_sources (directory, (const char *const *)options->plugins);
  for (guint i = 0; i < sources->len; i++) {
    PluginSource *source = sources->pdata[i];

    source->fd = open (source->path, O_RDONLY | O_CLOEXEC);
  }
  return sources;
}

void
check_start (const Options *options,
             const char *exe,
             const Instance *running,
             ForkServer *forks,
             void (*done) (CheckResult *result, gpointer data),
             gpointer data)
{
  Check *check = g_new0 (Check, 1);

  check->options = options;
  check->running = running;
  check->exe = g_strdup (exe);
  check->done = done;
  check->data = data;
  check->crashed = g_ptr_array_new_with_free_func (g_free);
  check->received = g_byte_array_new ();
  check->result = g_new0 (CheckResult, 1);
  check->result->complaints = complaints_new ();
  check->result->sources = open_sources (options);
  check->result->exe_fd = open (exe, O_RDONLY | O_CLOEXEC);
  if (forks != NULL && !fork_server_runs (forks, check->result->exe_fd))
    g_clear_pointer (&forks, fork_server_free);
  if (forks == NULL && check->result->exe_fd >= 0)
    forks = fork_server_new (check->result->exe_fd);
  check->result->forks = forks;
  if (check->result->forks == NULL) {
    g_autofree char *why = g_strdup_printf ("cannot open the program: %s", g_strerror (errno));

    give_up (check, why, "Install daedalus again.");
    return;
  }
  run_child (check);
}

typedef struct {
  GMainLoop *loop;
  CheckResult *result;
} Wait;

static void
on_done (CheckResult *result, gpointer data)
{
  Wait *wait = data;

  wait->result = result;
  g_main_loop_quit (wait->loop);
}

CheckResult *
check_run (const Options *options, const char *exe)
{
  Wait wait = { g_main_loop_new (NULL, FALSE), NULL };

  check_start (options, exe, NULL, NULL, on_done, &wait);
  if (wait.result == NULL)
    g_main_loop_run (wait.loop);
  g_main_loop_unref (wait.loop);
  return wait.result;
}
