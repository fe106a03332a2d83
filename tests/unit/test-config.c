/* SPDX-License-Identifier: Apache-2.0 */
#include "config/config.h"

#include <glib/gstdio.h>
#include <string.h>

#include "config/config-file.h"

typedef struct {
  char *directory;
  GPtrArray *paths; /* in order of force, NULL-ended */
} Files;

static const DaeSetting files_rows[] = {
  { .key = "bucket", .help = "h" },
  { .key = "endpoint",
    .help = "h",
    .type = DAE_SETTING_URL,
    .environment = "DAEDALUS_S3_ENDPOINT" },
  { .key = "max-upload", .help = "h", .type = DAE_SETTING_SIZE, .fallback = "1G" },
  { .key = "secret-key", .help = "h", .type = DAE_SETTING_SECRET },
  { .key = "region", .help = "h", .flags = DAE_SETTING_REQUIRED },
  { .key = "from", .help = "h", .type = DAE_SETTING_NETWORKS, .fallback = "127.0.0.0/8" },
};

static const DaeSetting agent_rows[] = {
  { .key = "url", .help = "h", .type = DAE_SETTING_URL, .flags = DAE_SETTING_REQUIRED },
  { .key = "turn-limit", .help = "h", .type = DAE_SETTING_DURATION, .fallback = "330s" },
};

static const DaeGroup agent_group = { .prefix = "agent",
                                      .help = "h",
                                      .settings = DAE_TABLE (agent_rows) };

static Files *
files_new (void)
{
  Files *files = g_new0 (Files, 1);

  files->directory = g_dir_make_tmp ("config-XXXXXX", NULL);
  files->paths = g_ptr_array_new_with_free_func (g_free);
  return files;
}

static const char *
files_add (Files *files, const char *name, const char *text)
{
  char *path = g_build_filename (files->directory, name, NULL);

  g_assert_true (g_file_set_contents (path, text, -1, NULL));
  g_ptr_array_add (files->paths, path);
  return path;
}

static void
files_free (Files *files)
{
  for (guint i = 0; i < files->paths->len; i++)
    g_unlink (g_ptr_array_index (files->paths, i));
  g_rmdir (files->directory);
  g_ptr_array_unref (files->paths);
  g_free (files->directory);
  g_free (files);
}

G_DEFINE_AUTOPTR_CLEANUP_FUNC (Files, files_free)

static Config *
read_config (Files *files,
             const char *const *variables,
             const char *const *sets,
             Complaints *complaints)
{
  g_autoptr (GPtrArray) paths = g_ptr_array_new ();
  ConfigSources sources = { .environ = variables, .sets = sets };

  for (guint i = 0; i < files->paths->len; i++)
    g_ptr_array_add (paths, g_ptr_array_index (files->paths, i));
  g_ptr_array_add (paths, NULL);
  sources.files = (const char *const *)paths->pdata;
  return config_new (&sources, complaints);
}

static gboolean
declare_files (Config *config, Complaints *complaints, char ***ret_missing)
{
  return config_declare (config, "plugin files", "FILES", files_rows, G_N_ELEMENTS (files_rows),
                         "files", complaints, ret_missing);
}

static void
assert_complaints (Complaints *complaints, Files *files, const char *expected)
{
  g_autofree char *text = complaints_to_text (complaints);
  g_auto (GStrv) parts = g_strsplit (text, files->directory, -1);
  g_autofree char *short_text = g_strjoinv ("DIR", parts);

  g_assert_cmpstr (short_text, ==, expected);
}

static void
test_config_later_origin_wins (void)
{
  static const char *const variables[] = { "DAEDALUS_FILES_REGION=from-environment", "PATH=/bin",
                                           NULL };
  static const char *const sets[] = { "plugin files.max-upload=3M", NULL };
  g_autoptr (Files) files = files_new ();
  g_autoptr (Complaints) complaints = complaints_new ();
  g_autoptr (Config) config = NULL;
  const ConfigEntry *origin;

  files_add (files, "a.conf", "[plugin files]\nbucket = first\nregion = r\nmax-upload=1M\n");
  files_add (files, "b.conf", "# comment\n\n[plugin files]\nbucket = second\n");
  config = read_config (files, variables, sets, complaints);
  g_assert_true (declare_files (config, complaints, NULL));
  config_finish (config, complaints);
  g_assert_cmpuint (complaints_count (complaints), ==, 0);
  g_assert_cmpstr (config_text (config, "plugin files", "bucket"), ==, "second");
  g_assert_cmpstr (config_text (config, "plugin files", "region"), ==, "from-environment");
  g_assert_cmpint (config_int (config, "plugin files", "max-upload"), ==, 3 << 20);
  g_assert_true (config_has_address (config, "plugin files", "from", "127.0.0.1"));
  g_assert_false (config_is_set (config, "plugin files", "from"));
  g_assert_true (config_is_set (config, "plugin files", "bucket"));
  origin = config_origin (config, "plugin files", "bucket");
  g_assert_cmpuint (origin->line, ==, 4);
  g_assert_true (g_str_has_suffix (origin->file, "b.conf"));
  origin = config_origin (config, "plugin files", "region");
  g_assert_cmpstr (origin->variable, ==, "DAEDALUS_FILES_REGION");
  g_assert_cmpstr (config_origin (config, "plugin files", "max-upload")->file, ==, "command line");
  g_assert_null (config_origin (config, "plugin files", "endpoint"));
}

static void
test_config_directory_is_read_in_order_of_names (void)
{
  g_autoptr (Files) files = files_new ();
  g_autoptr (Complaints) complaints = complaints_new ();
  g_autoptr (Config) config = NULL;
  const char *paths[] = { files->directory, "/nonexistent/conf.d", NULL };
  ConfigSources sources = { .files = paths };

  files_add (files, "20.conf", "[plugin files]\nbucket = twenty\nregion = r\n");
  files_add (files, "10.conf", "[plugin files]\nbucket = ten\n");
  files_add (files, "30.conf.bak", "[nonsense\n");
  config = config_new (&sources, complaints);
  g_assert_true (declare_files (config, complaints, NULL));
  g_assert_cmpstr (config_text (config, "plugin files", "bucket"), ==, "twenty");
  g_assert_cmpuint (complaints_count (complaints), ==, 0);
}

static void
test_config_missing_file_is_a_complaint (void)
{
  g_autoptr (Files) files = files_new ();
  g_autoptr (Complaints) complaints = complaints_new ();
  g_autoptr (Config) config = NULL;

  g_ptr_array_add (files->paths, g_strdup ("/nonexistent/daedalus.conf"));
  config = read_config (files, NULL, NULL, complaints);
  g_assert_cmpuint (complaints_count (complaints), ==, 1);
  g_assert_cmpstr (complaints_get (complaints, 0)->file, ==, "/nonexistent/daedalus.conf");
}

static void
test_config_all_faults_of_syntax_show_at_once (void)
{
  g_autoptr (Files) files = files_new ();
  g_autoptr (Complaints) complaints = complaints_new ();
  g_autoptr (Config) config = NULL;

  files_add (files, "a.conf",
             "early = 1\n[plugin files\n[plugin files]\nno equals\nbucket = a\\qb\nregion = "
             "1\nregion = 2\n= x\n");
  config = read_config (files, NULL, NULL, complaints);
  assert_complaints (
      complaints, files,
      "DIR/a.conf:1: stands before the first group\n"
      "    Write the group that it belongs to above it, for example [host].\n"
      "DIR/a.conf:2: is not a group\n"
      "    Write the group's name between brackets, for example [plugin files].\n"
      "DIR/a.conf:4: [plugin files]: is not \"key = value\"\n"
      "    Write key = value, or begin the line with # as a comment.\n"
      "DIR/a.conf:5: [plugin files] bucket: holds a backslash that begins no known escape\n"
      "    Write \\\\ for a backslash; \\s, \\n, \\t and \\r are known too.\n"
      "DIR/a.conf:7: [plugin files] region: is set already in line 6\n"
      "    Delete one of the two lines.\n"
      "DIR/a.conf:8: [plugin files]: is not \"key = value\"\n"
      "    Write key = value, or begin the line with # as a comment.\n");
}

static void
test_config_escapes_are_those_of_gkeyfile (void)
{
  g_autoptr (Files) files = files_new ();
  g_autoptr (Complaints) complaints = complaints_new ();
  g_autoptr (Config) config = NULL;

  files_add (files, "a.conf", "[plugin files]\nbucket=a\\sb\\tc\\nd\\\\e\nregion=r\r\n");
  config = read_config (files, NULL, NULL, complaints);
  g_assert_true (declare_files (config, complaints, NULL));
  g_assert_cmpstr (config_text (config, "plugin files", "bucket"), ==, "a b\tc\nd\\e");
  g_assert_cmpstr (config_text (config, "plugin files", "region"), ==, "r");
}

static void
test_config_unknown_names_name_the_nearest (void)
{
  static const char *const variables[] = { "DAEDALUS_FILES_BUCKTE=x", "DAEDALUS_ZZZZZZZZ=1",
                                           "DAEDALUS_EMPTY=", "DAEDALUS_OLD_THING=1", NULL };
  g_autoptr (Files) files = files_new ();
  g_autoptr (Complaints) complaints = complaints_new ();
  g_autoptr (Config) config = NULL;

  files_add (
      files, "a.conf",
      "[plugin files]\nregion=r\nbuckett = x\n\n[plugin fils]\nbucket = 1\n[plugin off]\nx = 1\n"
      "[plugin nowhere-to-be-found]\nx = 1\n[zzzzzz]\n");
  config = read_config (files, variables, NULL, complaints);
  g_assert_true (declare_files (config, complaints, NULL));
  config_ignore_group (config, "plugin off");
  config_ignore_variable (config, "DAEDALUS_OLD_*");
  g_assert_true (config_has_unknown (config));
  config_finish (config, complaints);
  assert_complaints (
      complaints, files,
      "DIR/a.conf:3: [plugin files] buckett: unknown setting\n"
      "    Did you mean \"bucket\"? Known: bucket, endpoint, from, max-upload, "
      "region, secret-key.\n"
      "DIR/a.conf:5: [plugin fils]: unknown group\n"
      "    Did you mean [plugin files]?\n"
      "DIR/a.conf:9: [plugin nowhere-to-be-found]: unknown group\n"
      "    There is no nowhere-to-be-found.so: install that plugin, or delete the group.\n"
      "DIR/a.conf:11: [zzzzzz]: unknown group\n"
      "    Delete it.\n"
      "environment: DAEDALUS_FILES_BUCKTE: unknown variable\n"
      "    Did you mean DAEDALUS_FILES_BUCKET?\n"
      "environment: DAEDALUS_ZZZZZZZZ: unknown variable\n"
      "    Unset it; \"daedalus config --reference\" lists all names.\n");
}

static void
test_config_values_that_do_not_fit_name_their_origin (void)
{
  static const char *const variables[] = { "DAEDALUS_FILES_ENDPOINT=ftp://x",
                                           "DAEDALUS_FILES_REGION=a",
                                           "DAEDALUS_S3_ENDPOINT=ftp://x", NULL };
  g_autoptr (Files) files = files_new ();
  g_autoptr (Complaints) complaints = complaints_new ();
  g_autoptr (Config) config = NULL;

  files_add (files, "a.conf", "[plugin files]\nmax-upload = 10 gigs\n");
  config = read_config (files, variables, NULL, complaints);
  g_assert_false (declare_files (config, complaints, NULL));
  assert_complaints (
      complaints, files,
      "environment: [plugin files] endpoint: \"ftp://x\" is not an http or https URL (from "
      "DAEDALUS_S3_ENDPOINT)\n"
      "    Write a whole URL, for example https://name.example/.\n"
      "DIR/a.conf:2: [plugin files] max-upload: \"10 gigs\" is not a size\n"
      "    Write a number with K, M, G or T, for example 10G.\n");
  g_assert_cmpint (config_int (config, "plugin files", "max-upload"), ==, 1 << 30);
}

static void
test_config_two_variables_that_differ_are_a_complaint (void)
{
  static const char *const variables[] = { "DAEDALUS_FILES_ENDPOINT=http://a",
                                           "DAEDALUS_S3_ENDPOINT=http://b",
                                           "DAEDALUS_FILES_REGION=r", NULL };
  g_autoptr (Files) files = files_new ();
  g_autoptr (Complaints) complaints = complaints_new ();
  g_autoptr (Config) config = read_config (files, variables, NULL, complaints);

  g_assert_false (declare_files (config, complaints, NULL));
  assert_complaints (complaints, files,
                     "environment: [plugin files] endpoint: DAEDALUS_FILES_ENDPOINT and "
                     "DAEDALUS_S3_ENDPOINT say different things\n"
                     "    Set one of the two variables only.\n");
}

static void
test_config_missing_keys_are_given_back_or_complained_of (void)
{
  g_autoptr (Files) files = files_new ();
  g_autoptr (Complaints) complaints = complaints_new ();
  g_autoptr (Config) config = NULL;
  g_auto (GStrv) missing = NULL;

  files_add (files, "a.conf", "[plugin files]\nregion = \n");
  config = read_config (files, NULL, NULL, complaints);
  g_assert_true (declare_files (config, complaints, &missing));
  g_assert_cmpstr (missing[0], ==, "region");
  g_assert_null (missing[1]);
  g_assert_false (declare_files (config, complaints, NULL));
  assert_complaints (complaints, files,
                     "DIR/a.conf:1: [plugin files] region: is required\n"
                     "    Write region = ... in [plugin files], or set DAEDALUS_FILES_REGION.\n");
}

static void
test_config_secrets_come_from_files_and_are_not_shown (void)
{
  g_autoptr (Files) files = files_new ();
  g_autoptr (Complaints) complaints = complaints_new ();
  g_autoptr (Config) config = NULL;
  g_autofree char *variable = NULL;
  g_autofree char *text = NULL;
  const char *secret = files_add (files, "secret", "s3cret\n");
  const char *variables[] = { NULL, "DAEDALUS_FILES_REGION=r", NULL };

  g_chmod (secret, 0600);
  variable = g_strconcat ("DAEDALUS_FILES_SECRET_KEY_FILE=", secret, NULL);
  variables[0] = variable;
  g_ptr_array_steal_index (files->paths, 0);
  config = read_config (files, variables, NULL, complaints);
  g_assert_true (declare_files (config, complaints, NULL));
  config_finish (config, complaints);
  g_assert_cmpuint (complaints_count (complaints), ==, 0);
  g_assert_cmpstr (config_text (config, "plugin files", "secret-key"), ==, "s3cret");
  g_chmod (secret, 0644);
  g_assert_false (declare_files (config, complaints, NULL));
  text = complaints_to_text (complaints);
  g_assert_nonnull (strstr (text, "can be read by everybody"));
  g_assert_nonnull (strstr (text, "Run: chmod o-rwx"));
  g_assert_null (strstr (text, "s3cret"));
  g_unlink (secret);
  g_free ((char *)secret);
}

static void
test_config_secret_beside_its_file_is_a_complaint (void)
{
  g_autoptr (Files) files = files_new ();
  g_autoptr (Complaints) complaints = complaints_new ();
  g_autoptr (Config) config = NULL;

  files_add (files, "a.conf", "[plugin files]\nregion=r\nsecret-key = x\nsecret-key-file = /x\n");
  config = read_config (files, NULL, NULL, complaints);
  g_assert_false (declare_files (config, complaints, NULL));
  config_finish (config, complaints);
  assert_complaints (complaints, files,
                     "DIR/a.conf:3: [plugin files] secret-key: is set beside secret-key-file\n"
                     "    Delete one of the two.\n");
}

static void
test_config_instances_are_sorted_and_checked (void)
{
  g_autoptr (Files) files = files_new ();
  g_autoptr (Complaints) complaints = complaints_new ();
  g_autoptr (Config) config = NULL;
  g_autofree char *joined = NULL;
  const char *const *names;

  files_add (files, "a.conf",
             "[agent zeta]\nurl = http://z/\n[agent alpha]\nurl = http://a/\nturn-limit = 5s\n"
             "[agent Big]\nurl = http://b/\n[agent nourl]\nurll = http://b/\n");
  config = read_config (files, NULL, NULL, complaints);
  names = config_declare_group (config, &agent_group, "agents", complaints);
  joined = g_strjoinv (" ", (char **)names);
  g_assert_cmpstr (joined, ==, "alpha nourl zeta");
  g_assert_true (config_instances (config, "agent") == names);
  g_assert_null (config_instances (config, "registry")[0]);
  g_assert_cmpint (config_int (config, "agent alpha", "turn-limit"), ==, 5000);
  g_assert_cmpint (config_int (config, "agent zeta", "turn-limit"), ==, 330000);
  config_finish (config, complaints);
  assert_complaints (
      complaints, files,
      "DIR/a.conf:6: [agent Big]: \"Big\" is not a name\n"
      "    Write a name of a-z, 0-9, '.', '_' and '-' that begins with a letter or digit.\n"
      "DIR/a.conf:8: [agent nourl] url: is required\n"
      "    Write url = ... in [agent nourl].\n"
      "DIR/a.conf:9: [agent nourl] urll: unknown setting\n"
      "    Did you mean \"url\"? Known: turn-limit, url.\n");
}

static void
test_config_snapshot_keeps_values_and_origins (void)
{
  static const char *const variables[] = { "DAEDALUS_FILES_REGION=r", NULL };
  g_autoptr (Files) files = files_new ();
  g_autoptr (Complaints) complaints = complaints_new ();
  g_autoptr (Config) config = NULL;
  g_autoptr (Config) copy = NULL;
  g_autoptr (GVariant) variant = NULL;

  files_add (files, "a.conf",
             "[plugin files]\nsecret-key = s3cret\n[agent one]\nurl = http://o/\n[agent bare]\n");
  config = read_config (files, variables, NULL, complaints);
  declare_files (config, complaints, NULL);
  config_declare_group (config, &agent_group, "agents", complaints);
  g_assert_cmpuint (complaints_count (complaints), ==, 1);
  variant = g_variant_ref_sink (config_to_variant (config));
  copy = config_from_variant (variant);
  g_assert_true (declare_files (copy, complaints, NULL));
  g_assert_cmpstr (config_text (copy, "plugin files", "secret-key"), ==, "s3cret");
  g_assert_cmpstr (config_text (copy, "plugin files", "region"), ==, "r");
  g_assert_cmpstr (config_origin (copy, "plugin files", "region")->variable, ==,
                   "DAEDALUS_FILES_REGION");
  g_assert_cmpuint (config_origin (copy, "plugin files", "secret-key")->line, ==, 2);
  g_assert_false (config_is_set (copy, "plugin files", "max-upload"));
  g_assert_cmpstr (config_declare_group (copy, &agent_group, "agents", complaints)[0], ==, "bare");
  g_assert_cmpstr (config_text (copy, "agent one", "url"), ==, "http://o/");
}

static void
collect_entry (const ConfigEntry *entry, const DaeSetting *row, gpointer data)
{
  g_string_append_printf (data, "%s=%s ", entry->key, entry->value != NULL ? entry->value : "-");
}

static void
test_config_each_hides_secrets (void)
{
  g_autoptr (Files) files = files_new ();
  g_autoptr (Complaints) complaints = complaints_new ();
  g_autoptr (Config) config = NULL;
  g_autoptr (GString) text = g_string_new (NULL);

  files_add (files, "a.conf", "[plugin files]\nsecret-key = s3cret\nregion = r\n");
  config = read_config (files, NULL, NULL, complaints);
  declare_files (config, complaints, NULL);
  config_each (config, collect_entry, text);
  g_assert_cmpstr (
      text->str, ==,
      "bucket=- endpoint=- max-upload=1G secret-key=(secret) region=r from=127.0.0.0/8 ");
}

static void
test_config_host_has_its_defaults_and_names (void)
{
  static const char *const variables[] = {
    "DAEDALUS_LISTEN=127.0.0.1:9000;unix:/run/d.sock;[::1]:80",
    "DAEDALUS_DATABASE_URL=postgresql+asyncpg://u:p%40@h/d",
    "DAEDALUS_ENV=production",
    "DAEDALUS_BASE_URL=https://name.example",
    "DAEDALUS_LOG_LEVEL=debug",
    "DAEDALUS_LOG_FORMAT=json",
    "DAEDALUS_TRUSTED_PROXIES=unix",
    NULL
  };
  g_autoptr (Files) files = files_new ();
  g_autoptr (Complaints) complaints = complaints_new ();
  g_autoptr (Config) config = read_config (files, variables, NULL, complaints);

  config_declare_host (config, complaints);
  config_finish (config, complaints);
  assert_complaints (complaints, files, "");
  g_assert_cmpstr (config_text (config, "host", "environment"), ==, "production");
  g_assert_cmpint (config_int (config, "host", "workers"), ==, 0);
  g_assert_cmpint (config_int (config, "host", "drain-limit"), ==, 360000);
  g_assert_cmpint (config_int (config, "http", "keep-alive"), ==, 60000);
  g_assert_cmpstr (config_list (config, "http", "listen")[1], ==, "unix:/run/d.sock");
  g_assert_true (config_has_address (config, "http", "trusted-proxies", "unix"));
  g_assert_cmpstr (config_text (config, "database", "url"), ==, "postgresql+asyncpg://u:p%40@h/d");
}

static void
test_config_host_rules_are_complaints (void)
{
  static const char *const variables[] = { "DAEDALUS_ENV=production", NULL };
  g_autoptr (Files) files = files_new ();
  g_autoptr (Complaints) complaints = complaints_new ();
  g_autoptr (Config) config = NULL;

  files_add (files, "a.conf",
             "[http]\nlisten = 8000; localhost:99999; [::1]; unix:x; ok:1\n[host]\nworkers = 65\n");
  config = read_config (files, variables, NULL, complaints);
  config_declare_host (config, complaints);
#define LISTEN_REMEDY                                                                              \
  "    Write HOST:PORT, [IPV6]:PORT, unix:/path or systemd, for example 127.0.0.1:8000.\n"
  assert_complaints (
      complaints, files,
      "DIR/a.conf:4: [host] workers: \"65\" is out of range\n"
      "    Write a value from 0 to 64.\n"
      "DIR/a.conf:2: [http] listen: \"8000\" is not an address to listen on\n" LISTEN_REMEDY
      "DIR/a.conf:2: [http] listen: \"localhost:99999\" is not an address to listen "
      "on\n" LISTEN_REMEDY
      "DIR/a.conf:2: [http] listen: \"[::1]\" is not an address to listen on\n" LISTEN_REMEDY
      "DIR/a.conf:2: [http] listen: \"unix:x\" is not an address to listen on\n" LISTEN_REMEDY
      "[http] base-url: production needs the URL that browsers use\n"
      "    Write base-url = https://name.example in [http], or set DAEDALUS_BASE_URL.\n"
      "[http] trusted-proxies: production needs the proxy whose word is taken on who asks\n"
      "    Write trusted-proxies = ADDRESS in [http] (nothing after the = where clients connect "
      "directly), or set DAEDALUS_TRUSTED_PROXIES.\n");
}

static void
ignore_line (const char *group, const char *key, const char *value, guint line, gpointer data)
{
  guint *count = data;

  (*count)++;
}

/* whatever bytes a file holds, reading it ends in lines or complaints; no NUL is behind them */
static void
test_config_file_survives_every_cut (void)
{
  static const char text[] = "[a]\nb = \\s\\\\\n# c\n[d e]\nf=\xc3\xa4;g\n[x\n=\n\\";

  for (gsize start = 0; start < sizeof text; start++) {
    for (gsize end = start; end < sizeof text; end++) {
      g_autoptr (Complaints) complaints = complaints_new ();
      g_autofree char *copy = g_malloc (MAX (end - start, 1));
      guint count = 0;

      memcpy (copy, text + start, end - start);
      config_file_parse ("x", copy, end - start, ignore_line, &count, complaints);
      g_assert_cmpuint (count + complaints_count (complaints), <=, 10);
    }
  }
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
#define ADD(path, name) g_test_add_func ("/config/" path, test_config_##name)
  ADD ("later-origin-wins", later_origin_wins);
  ADD ("directory-is-read-in-order-of-names", directory_is_read_in_order_of_names);
  ADD ("missing-file-is-a-complaint", missing_file_is_a_complaint);
  ADD ("all-faults-of-syntax-show-at-once", all_faults_of_syntax_show_at_once);
  ADD ("escapes-are-those-of-gkeyfile", escapes_are_those_of_gkeyfile);
  ADD ("unknown-names-name-the-nearest", unknown_names_name_the_nearest);
  ADD ("values-that-do-not-fit-name-their-origin", values_that_do_not_fit_name_their_origin);
  ADD ("two-variables-that-differ-are-a-complaint", two_variables_that_differ_are_a_complaint);
  ADD ("missing-keys-are-given-back-or-complained-of",
       missing_keys_are_given_back_or_complained_of);
  ADD ("secrets-come-from-files-and-are-not-shown", secrets_come_from_files_and_are_not_shown);
  ADD ("secret-beside-its-file-is-a-complaint", secret_beside_its_file_is_a_complaint);
  ADD ("instances-are-sorted-and-checked", instances_are_sorted_and_checked);
  ADD ("snapshot-keeps-values-and-origins", snapshot_keeps_values_and_origins);
  ADD ("each-hides-secrets", each_hides_secrets);
  ADD ("host-has-its-defaults-and-names", host_has_its_defaults_and_names);
  ADD ("host-rules-are-complaints", host_rules_are_complaints);
  ADD ("file-survives-every-cut", file_survives_every_cut);
  return g_test_run ();
}
