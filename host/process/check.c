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

#define HANG_MS 2000

typedef struct {
  const Options *options; /* borrowed */
  char *exe;
  void (*done) (CheckResult *result, gpointer data);
  gpointer data;
  CheckResult *result;
  GPtrArray *crashed; /* paths left out of further runs */
  GPid pid;
  int pidfd, pipe;
  GByteArray *received;
  char *naming;       /* the plugin file that is being loaded, or NULL */
  gboolean preparing; /* the database may take its time */
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
close_sources (GPtrArray *sources)
{
  for (guint i = 0; i < sources->len; i++) {
    PluginSource *source = sources->pdata[i];

    if (source->fd >= 0)
      close (source->fd);
  }
}

void
check_result_free (CheckResult *result)
{
  complaints_free (result->complaints);
  g_clear_pointer (&result->facts, g_variant_unref);
  if (result->sources != NULL) {
    close_sources (result->sources);
    g_ptr_array_unref (result->sources);
  }
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
complain_of_crash (Check *check, gboolean hung, int status)
{
  g_autofree char *name = g_path_get_basename (check->naming);
  g_autofree char *why = NULL;

  if (g_str_has_suffix (name, ".so"))
    name[strlen (name) - 3] = '\0';
  if (hung)
    why = g_strdup_printf ("does not come back from being loaded (%d s)", HANG_MS / 1000);
  else if (WIFSIGNALED (status))
    why =
        g_strdup_printf ("ends the process while being loaded (%s)", strsignal (WTERMSIG (status)));
  else
    why = g_strdup_printf ("ends the process while being loaded (exit status %d)",
                           WEXITSTATUS (status));
  complaints_add (check->result->complaints, name, check->naming, 0, NULL, NULL, why,
                  "Remove the file, or install a build of it that works.");
  g_ptr_array_add (check->crashed, g_strdup (check->naming));
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
  if (!g_variant_is_normal_form (facts))
    return FALSE;
  complaints = g_variant_lookup_value (facts, "complaints", NULL);
  if (complaints != NULL)
    complaints_add_variant (check->result->complaints, complaints);
  check->result->ok = FALSE;
  g_variant_lookup (facts, "ok", "b", &check->result->ok);
  check->result->facts = g_steal_pointer (&facts);
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
  int status = 0;

  g_clear_handle_id (&check->hang_source, g_source_remove);
  if (hung)
    kill (check->pid, SIGKILL);
  waitpid (check->pid, &status, 0);
  close (check->pidfd);
  close (check->pipe);

  if (take_result (check)) {
    /* what crashed is left out of the check, but it is not well for all that */
    if (check->crashed->len > 0 && complaints_count (check->result->complaints) > 0)
      check->result->ok = FALSE;
    finish (check);
  } else if (check->naming != NULL && check->crashed->len < 64) {
    complain_of_crash (check, hung, status);
    run_child (check);
  } else {
    g_autofree char *why =
        hung ? g_strdup ("the check does not end")
             : g_strdup_printf ("the check ended without a result (status %d)", status);

    complaints_add (check->result->complaints, NULL, check->exe, 0, NULL, NULL, why,
                    "Run \"daedalus check\" with G_MESSAGES_DEBUG=all to see where.");
    finish (check);
  }
}

static gboolean
on_hang (gpointer data)
{
  Check *check = data;

  if (check->preparing)
    return G_SOURCE_CONTINUE;
  check->hang_source = 0;
  g_clear_handle_id (&check->read_source, g_source_remove);
  child_ended (check, TRUE);
  return G_SOURCE_REMOVE;
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
    g_source_remove (check->hang_source);
    check->hang_source = g_timeout_add (HANG_MS, on_hang, check);
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
  for (guint i = 0; i < check->crashed->len; i++) {
    g_ptr_array_add (argv, g_strdup ("--exclude"));
    g_ptr_array_add (argv, g_strdup (check->crashed->pdata[i]));
  }
  g_ptr_array_add (argv, NULL);
  return (char **)g_ptr_array_free (argv, FALSE);
}

static void
run_child (Check *check)
{
  GVariantDict dict;
  g_auto (GStrv) argv = NULL;
  g_autoptr (GArray) keep = g_array_new (FALSE, FALSE, sizeof (int));
  int brief, ends[2], end = -1;

  g_variant_dict_init (&dict, NULL);
  g_variant_dict_insert_value (&dict, "sources", brief_sources_to_variant (check->result->sources));
  brief = brief_write (g_variant_dict_end (&dict));
  g_assert (brief >= 0 && pipe2 (ends, O_CLOEXEC) == 0);

  g_array_append_val (keep, brief);
  g_array_append_val (keep, ends[1]);
  for (guint i = 0; i < check->result->sources->len; i++) {
    PluginSource *source = check->result->sources->pdata[i];

    if (source->fd >= 0)
      g_array_append_val (keep, source->fd);
  }
  g_array_append_val (keep, end);

  argv = child_argv (check, brief, ends[1]);
  g_byte_array_set_size (check->received, 0);
  g_clear_pointer (&check->naming, g_free);
  check->preparing = FALSE;
  check->pid = brief_spawn (check->result->exe_fd, argv, (const int *)keep->data, &check->pidfd);
  g_assert (check->pid > 0);
  close (ends[1]);
  close (brief);
  check->pipe = ends[0];
  check->read_source = g_unix_fd_add (check->pipe, G_IO_IN | G_IO_HUP, on_output, check);
  check->hang_source = g_timeout_add (HANG_MS, on_hang, check);
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
             void (*done) (CheckResult *result, gpointer data),
             gpointer data)
{
  Check *check = g_new0 (Check, 1);

  check->options = options;
  check->exe = g_strdup (exe);
  check->done = done;
  check->data = data;
  check->crashed = g_ptr_array_new_with_free_func (g_free);
  check->received = g_byte_array_new ();
  check->result = g_new0 (CheckResult, 1);
  check->result->complaints = complaints_new ();
  check->result->sources = open_sources (options);
  check->result->exe_fd = open (exe, O_RDONLY | O_CLOEXEC);
  if (check->result->exe_fd < 0) {
    g_autofree char *why = g_strdup_printf ("cannot open the program: %s", g_strerror (errno));

    complaints_add (check->result->complaints, NULL, exe, 0, NULL, NULL, why,
                    "Install daedalus again.");
    finish (check);
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

  check_start (options, exe, on_done, &wait);
  if (wait.result == NULL)
    g_main_loop_run (wait.loop);
  g_main_loop_unref (wait.loop);
  return wait.result;
}
