/* SPDX-License-Identifier: Apache-2.0 */
/* The plugins are those of tests/plugin-api/parts, below TEST_BUILD. What is
 * wrong with the bad ones is tests/plugin-api/test-bad-plugins.c's. */
#include "plugin/plugin-file.h"

#include <fcntl.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static char *
plugin_path (const char *name)
{
  const char *directory = g_getenv ("TEST_BUILD");

  if (directory == NULL)
    g_error ("TEST_BUILD must name the build folder");
  return g_strdup_printf ("%s/tests/plugin-api/parts/%s.so", directory, name);
}

static PluginFile *
load (const char *name, int fd, Complaints *complaints)
{
  g_autofree char *path = plugin_path (name);
  PluginSource source = { (char *)name, path, fd };

  return plugin_file_load (&source, complaints);
}

static void
test_plugin_file_descriptor_is_copied (void)
{
  g_autoptr (Complaints) complaints = complaints_new ();
  PluginFile *file = load ("good", -1, complaints);

  g_assert_nonnull (file);
  g_assert_cmpstr (file->info.name, ==, "good");
  g_assert_cmpuint (file->info.settings.n_rows, ==, 2);
  g_assert_cmpstr (file->info.groups.rows[0].settings.rows[0].key, ==, "url");
  g_assert_cmpstr (file->info.routes.rows[1].members.rows[0].name, ==, "text");
  g_assert_cmpuint (file->info.jobs.rows[0].every_ms, ==, 60000);
  g_assert_null (file->info.configure);
  g_assert_cmpuint (complaints_count (complaints), ==, 0);
  plugin_file_free (file);
}

static void
test_plugin_file_of_a_descriptor_needs_no_path (void)
{
  g_autoptr (Complaints) complaints = complaints_new ();
  g_autofree char *path = plugin_path ("store-plain");
  int fd = open (path, O_RDONLY | O_CLOEXEC);
  PluginSource source = { (char *)"store-plain", (char *)"/replaced/store-plain.so", fd };
  PluginFile *file = plugin_file_load (&source, complaints);

  g_assert_nonnull (file);
  g_assert_cmpstr (file->info.provides.rows[0].name, ==, "store/1");
  plugin_file_free (file);
  close (fd);
}

static void
test_plugin_file_error_names_the_path_not_the_descriptor (void)
{
  g_autoptr (Complaints) complaints = complaints_new ();
  int fd = open ("/dev/null", O_RDONLY | O_CLOEXEC);
  PluginSource source = { (char *)"null", (char *)"/somewhere/null.so", fd };

  g_assert_null (plugin_file_load (&source, complaints));
  g_test_message ("%s", complaints_get (complaints, 0)->why);
  g_assert_true (g_str_has_prefix (complaints_get (complaints, 0)->why,
                                   "cannot be loaded: /somewhere/null.so: "));
  g_assert_null (strstr (complaints_get (complaints, 0)->why, "/proc/"));
  close (fd);
}

static void
test_plugin_file_longer_rows_are_cut_to_ours (void)
{
  g_autoptr (Complaints) complaints = complaints_new ();
  PluginFile *file = load ("longer-rows", -1, complaints);

  g_assert_nonnull (file);
  g_assert_cmpuint (file->info.settings.row_size, ==, sizeof (DaeSetting));
  g_assert_cmpstr (file->info.settings.rows[1].key, ==, "two");
  g_assert_cmpstr (file->info.routes.rows[0].members.rows[1].name, ==, "second");
  g_assert_cmpuint (file->info.routes.rows[0].members.row_size, ==, sizeof (DaeMember));
  plugin_file_free (file);
}

/* The loader of the system may fall over a cut file; a child that loads it is then the one that
 * dies, as the check's child is. It must not take such a file for a plugin. */
static void
test_plugin_file_cut_anywhere_is_no_plugin (void)
{
  g_autofree char *path = plugin_path ("store-plain");
  g_autofree char *directory = g_dir_make_tmp ("plugin-file-XXXXXX", NULL);
  g_autofree char *cut_path = g_build_filename (directory, "store-plain.so", NULL);
  g_autofree char *content = NULL;
  gsize length;

  g_assert_true (g_file_get_contents (path, &content, &length, NULL));
  for (guint i = 0; i < 8; i++) {
    /* the descriptor lies beyond; debugging information at the end may be missing */
    pid_t child;
    int status;

    g_assert_true (
        g_file_set_contents (cut_path, content, (gssize)(MIN (length / 2, 8192) * i / 8), NULL));
    child = fork ();
    if (child == 0) {
      g_autoptr (Complaints) complaints = complaints_new ();
      PluginSource source = { (char *)"store-plain", cut_path, -1 };
      PluginFile *file;

      close (STDERR_FILENO);
      file = plugin_file_load (&source, complaints);
      _exit (file != NULL ? 77 : complaints_count (complaints) == 1 ? 0 : 78);
    }
    g_assert_cmpint (waitpid (child, &status, 0), ==, child);
    g_assert_false (WIFEXITED (status) &&
                    (WEXITSTATUS (status) == 77 || WEXITSTATUS (status) == 78));
  }
  unlink (cut_path);
  rmdir (directory);
}

static void
test_plugin_file_names_are_words (void)
{
  static const struct {
    const char *name;
    gboolean ok;
  } cases[] = { { "files", TRUE },  { "store-s3", TRUE }, { "", FALSE },    { "3d", FALSE },
                { "Files", FALSE }, { "a_b", FALSE },     { "a.b", FALSE }, { NULL, FALSE } };

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    g_assert_cmpint (plugin_check_is_name (cases[i].name), ==, cases[i].ok);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/plugin-file/descriptor-is-copied", test_plugin_file_descriptor_is_copied);
  g_test_add_func ("/plugin-file/of-a-descriptor-needs-no-path",
                   test_plugin_file_of_a_descriptor_needs_no_path);
  g_test_add_func ("/plugin-file/error-names-the-path-not-the-descriptor",
                   test_plugin_file_error_names_the_path_not_the_descriptor);
  g_test_add_func ("/plugin-file/longer-rows-are-cut-to-ours",
                   test_plugin_file_longer_rows_are_cut_to_ours);
  g_test_add_func ("/plugin-file/cut-anywhere-is-no-plugin",
                   test_plugin_file_cut_anywhere_is_no_plugin);
  g_test_add_func ("/plugin-file/names-are-words", test_plugin_file_names_are_words);
  return g_test_run ();
}
