/* SPDX-License-Identifier: Apache-2.0 */
/* object-store/1 as plugins/store-directory provides it. */
#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "http/router.h"
#include "observe/log.h"
#include "observe/metrics.h"
#include "plugin/plugin.h"

#include <glib/gstdio.h>
#include <services/object-store.h>

typedef struct {
  Host host;
  Complaints *complaints;
  int metrics_fd;
  char *dir;
  const DaeObjectStore1 *store;
  DaePlugin *provider;

  /* of the call that runs */
  gboolean over, room;
  DaeStoreResult result;
  GByteArray *got;
  gint64 head;
  GString *listed;
  DaeStoreGet *get;
  guint pauses;
} Stage;

static void
settle (Stage *stage)
{
  while (plugin_set_blocks (stage->host.plugins) > 0)
    g_main_context_iteration (NULL, TRUE);
}

static void
stage_open (Stage *stage, gconstpointer unused)
{
  g_autofree char *path =
      g_build_filename (g_getenv ("TEST_BUILD"), "plugins", "store-directory.so", NULL);
  const char *extra[] = { path, NULL };
  ConfigSources from = { 0 };
  g_autoptr (GPtrArray) sources = plugin_sources (NULL, extra);
  Plugin *provider = NULL;

  stage->complaints = complaints_new ();
  stage->dir = g_dir_make_tmp ("store-XXXXXX", NULL);
  stage->host.info.data_dir = stage->dir;
  stage->host.config = config_new (&from, stage->complaints);
  config_declare_host (stage->host.config, stage->complaints);
  stage->metrics_fd = metrics_create_memory ();
  stage->host.metrics = metrics_new (stage->metrics_fd, 1);
  stage->host.router = router_new ();
  stage->host.plugins = plugin_set_new (&stage->host, sources, NULL, stage->complaints);
  plugin_set_configure (stage->host.plugins, stage->complaints);
  plugin_set_start (stage->host.plugins, stage->complaints);
  g_assert_cmpuint (complaints_count (stage->complaints), ==, 0);
  stage->store = plugin_set_service (stage->host.plugins, "object-store/1", &provider);
  stage->provider = &provider->base;
  stage->got = g_byte_array_new ();
  stage->listed = g_string_new (NULL);
  settle (stage); /* the first look at the folder makes it */
}

static void
stage_close (Stage *stage, gconstpointer unused)
{
  g_autofree char *command = g_strdup_printf ("rm -rf '%s'", stage->dir);

  settle (stage);
  g_assert_cmpuint (plugin_set_stop (stage->host.plugins), ==, 0);
  plugin_set_free (stage->host.plugins);
  router_free (stage->host.router);
  metrics_free (stage->host.metrics);
  close (stage->metrics_fd);
  config_free (stage->host.config);
  complaints_free (stage->complaints);
  g_byte_array_unref (stage->got);
  g_string_free (stage->listed, TRUE);
  g_assert_cmpint (system (command), ==, 0);
  g_free (stage->dir);
}

static DaeStoreResult
wait (Stage *stage)
{
  while (!stage->over)
    g_main_context_iteration (NULL, TRUE);
  stage->over = FALSE;
  return stage->result;
}

static void
note (DaeStoreResult result, const char *why, gpointer data)
{
  Stage *stage = data;

  g_assert_false (stage->over);
  g_assert_true ((result == DAE_STORE_OK) == (why == NULL));
  stage->over = TRUE;
  stage->result = result;
}

static void
put_drained (DaeStorePut *put, gpointer data)
{
  ((Stage *)data)->room = TRUE;
}

static void
put_done (DaeStorePut *put, DaeStoreResult result, const char *why, gpointer data)
{
  note (result, why, data);
}

static const DaeStorePutHooks put_hooks = { sizeof put_hooks, put_drained, put_done };

static DaeStoreResult
put (Stage *stage, const char *key, const char *bytes, gssize length)
{
  gsize size = length < 0 ? strlen (bytes) : (gsize)length;
  DaeStorePut *one =
      stage->store->put (stage->provider, key, "text/plain", (gint64)size, &put_hooks, stage);

  for (gsize at = 0; at < size && !stage->over;) {
    gsize n = MIN (size - at, 65536);
    g_autoptr (GBytes) piece = g_bytes_new (bytes + at, n);

    at += n;
    stage->room = stage->store->put_write (one, piece);
    while (!stage->room && !stage->over)
      g_main_context_iteration (NULL, TRUE);
  }
  if (!stage->over)
    stage->store->put_finish (one);
  return wait (stage);
}

static void
get_head (DaeStoreGet *get, gint64 length, gpointer data)
{
  ((Stage *)data)->head = length;
}

static gboolean
get_go_on (gpointer data)
{
  Stage *stage = data;

  stage->store->get_pause (stage->get, FALSE);
  return G_SOURCE_REMOVE;
}

static void
get_body (DaeStoreGet *get, const char *bytes, gsize length, gpointer data)
{
  Stage *stage = data;

  g_byte_array_append (stage->got, (const guint8 *)bytes, (guint)length);
  if (stage->pauses == 0)
    return;
  stage->pauses--;
  stage->get = get;
  stage->store->get_pause (get, TRUE);
  g_timeout_add (5, get_go_on, stage);
}

static void
get_end (DaeStoreGet *get, DaeStoreResult result, const char *why, gpointer data)
{
  note (result, why, data);
}

static const DaeStoreGetHooks get_hooks = { sizeof get_hooks, get_head, get_body, get_end };

static DaeStoreResult
get (Stage *stage, const char *key, gint64 offset, gint64 length)
{
  g_byte_array_set_size (stage->got, 0);
  stage->head = -1;
  stage->store->get (stage->provider, key, offset, length, &get_hooks, stage);
  return wait (stage);
}

static DaeStoreResult
take_away (Stage *stage, const char *key)
{
  stage->store->remove (stage->provider, key, note, stage);
  return wait (stage);
}

static void
list_item (const char *key, gint64 size, gint64 modified_at, gpointer data)
{
  Stage *stage = data;

  g_assert_cmpint (ABS (modified_at - g_get_real_time ()), <, 600 * G_USEC_PER_SEC);
  g_string_append_printf (stage->listed, "%s%s:%d", stage->listed->len > 0 ? " " : "", key,
                          (int)size);
}

static const char *
list (Stage *stage, const char *prefix, const char *after, guint max)
{
  g_string_truncate (stage->listed, 0);
  stage->store->list (stage->provider, prefix, after, max, list_item, note, stage);
  g_assert_cmpint (wait (stage), ==, DAE_STORE_OK);
  return stage->listed->str;
}

static char *
inside (Stage *stage, const char *path)
{
  return g_build_filename (stage->dir, "files", path, NULL);
}

static guint
unfinished (Stage *stage)
{
  g_autofree char *path = inside (stage, "unfinished");
  g_autoptr (GDir) dir = g_dir_open (path, 0, NULL);
  guint n = 0;

  while (dir != NULL && g_dir_read_name (dir) != NULL)
    n++;
  return n;
}

static void
test_store_gives_what_it_took (Stage *stage, gconstpointer unused)
{
  const gssize size = 5 * 1024 * 1024 + 77;
  g_autofree char *bytes = g_malloc ((gsize)size);
  g_autofree char *path = inside (stage, "objects/workspaces/w/files/f/n\xc3\xa4 \n.txt");
  g_autofree char *folder = g_path_get_dirname (path);
  const char *key = "workspaces/w/files/f/n\xc3\xa4 \n.txt";
  struct stat info;

  for (gssize i = 0; i < size; i++)
    bytes[i] = (char)(i * 31 + i / 997);
  g_assert_cmpint (put (stage, key, bytes, size), ==, DAE_STORE_OK);
  stage->pauses = 3;
  g_assert_cmpint (get (stage, key, 0, -1), ==, DAE_STORE_OK);
  g_assert_cmpint (stage->head, ==, size);
  g_assert_cmpmem (stage->got->data, stage->got->len, bytes, size);
  g_assert_cmpint (get (stage, key, 300000, 400000), ==, DAE_STORE_OK);
  g_assert_cmpmem (stage->got->data, stage->got->len, bytes + 300000, 400000);
  g_assert_cmpint (get (stage, key, size - 5, 400000), ==, DAE_STORE_OK);
  g_assert_cmpmem (stage->got->data, stage->got->len, bytes + size - 5, 5);
  g_assert_cmpint (get (stage, key, size + 5, -1), ==, DAE_STORE_OK);
  g_assert_cmpint (stage->head, ==, 0);
  g_assert_cmpint (stat (path, &info), ==, 0);
  g_assert_cmpuint (info.st_mode & 07777, ==, 0600);
  g_assert_cmpint (stat (folder, &info), ==, 0);
  g_assert_cmpuint (info.st_mode & 07777, ==, 0700);
  g_assert_cmpuint (unfinished (stage), ==, 0);
  g_assert_cmpint (put (stage, key, "", 0), ==, DAE_STORE_OK); /* replaced */
  g_assert_cmpint (get (stage, key, 0, -1), ==, DAE_STORE_OK);
  g_assert_cmpint (stage->head, ==, 0);
}

static void
test_store_refuses_what_is_no_key (Stage *stage, gconstpointer unused)
{
  g_autofree char *longest = g_strnfill (1025, 'a');
  g_autofree char *long_name = g_strnfill (300, 'a');
  const char *keys[] = { "",     "/",    "/a",    "a/",     "a//b",  ".",     "..",
                         "a/..", "../a", "a/./b", "a/../b", "a\xff", longest, long_name };

  for (guint i = 0; i < G_N_ELEMENTS (keys); i++) {
    g_assert_cmpint (put (stage, keys[i], "x", 1), ==, DAE_STORE_REFUSED);
    g_assert_cmpint (get (stage, keys[i], 0, -1), ==, DAE_STORE_REFUSED);
    g_assert_cmpint (take_away (stage, keys[i]), ==, DAE_STORE_REFUSED);
  }
  g_assert_cmpstr (list (stage, "", NULL, 10), ==, "");
  g_assert_cmpuint (unfinished (stage), ==, 0);
}

static void
test_store_never_follows_links (Stage *stage, gconstpointer unused)
{
  g_autofree char *folder = inside (stage, "objects/out");
  g_autofree char *file = inside (stage, "objects/a/link");
  g_autofree char *victim = g_build_filename (stage->dir, "victim", NULL);

  g_assert_cmpint (put (stage, "a/real", "x", 1), ==, DAE_STORE_OK);
  g_assert_true (g_file_set_contents (victim, "mine", -1, NULL));
  g_assert_cmpint (symlink (stage->dir, folder), ==, 0);
  g_assert_cmpint (symlink (victim, file), ==, 0);
  g_assert_cmpint (get (stage, "a/link", 0, -1), ==, DAE_STORE_REFUSED);
  g_assert_cmpint (get (stage, "out/victim", 0, -1), !=, DAE_STORE_OK);
  g_assert_cmpint (put (stage, "out/victim", "x", 1), ==, DAE_STORE_REFUSED);
  take_away (stage, "out/victim");
  g_assert_cmpstr (list (stage, "", NULL, 10), ==, "a/real:1");
  g_assert_cmpint (put (stage, "a/link", "x", 1), ==, DAE_STORE_OK); /* the link is replaced */
  g_assert_true (g_file_test (victim, G_FILE_TEST_IS_REGULAR));
  g_assert_cmpuint (unfinished (stage), ==, 0);
}

static void
test_store_lists_in_order_of_bytes (Stage *stage, gconstpointer unused)
{
  const char *keys[] = { "a/z", "a-b/c", "a/b/c", "a0", "b", "a/b.d", "B" };

  for (guint i = 0; i < G_N_ELEMENTS (keys); i++)
    g_assert_cmpint (put (stage, keys[i], "123", i % 4), ==, DAE_STORE_OK);
  g_assert_cmpstr (list (stage, "", NULL, 100), ==, "B:2 a-b/c:1 a/b.d:1 a/b/c:2 a/z:0 a0:3 b:0");
  g_assert_cmpstr (list (stage, "a/", NULL, 100), ==, "a/b.d:1 a/b/c:2 a/z:0");
  g_assert_cmpstr (list (stage, "a/b", NULL, 100), ==, "a/b.d:1 a/b/c:2");
  g_assert_cmpstr (list (stage, "", "a/b.d", 2), ==, "a/b/c:2 a/z:0");
  g_assert_cmpstr (list (stage, "", "a/b/c", 2), ==, "a/z:0 a0:3");
  g_assert_cmpstr (list (stage, "none/", NULL, 2), ==, "");
}

static void
test_store_removes_and_prunes (Stage *stage, gconstpointer unused)
{
  g_autofree char *folder = inside (stage, "objects/a");

  g_assert_cmpint (get (stage, "a/b/c", 0, -1), ==, DAE_STORE_NOT_FOUND);
  g_assert_cmpint (put (stage, "a/b/c", "x", 1), ==, DAE_STORE_OK);
  g_assert_cmpint (put (stage, "a/d", "x", 1), ==, DAE_STORE_OK);
  g_assert_cmpint (get (stage, "a/b", 0, -1), ==, DAE_STORE_NOT_FOUND);
  g_assert_cmpint (get (stage, "a/d/e", 0, -1), ==, DAE_STORE_NOT_FOUND);
  g_assert_cmpint (put (stage, "a/d/e", "x", 1), ==, DAE_STORE_REFUSED);
  g_assert_cmpint (put (stage, "a/b", "x", 1), ==, DAE_STORE_REFUSED);
  g_assert_cmpint (take_away (stage, "a/b/c"), ==, DAE_STORE_OK);
  g_assert_cmpint (take_away (stage, "a/b/c"), ==, DAE_STORE_OK);
  g_assert_cmpint (get (stage, "a/b/c", 0, -1), ==, DAE_STORE_NOT_FOUND);
  g_assert_true (g_file_test (folder, G_FILE_TEST_IS_DIR));
  g_assert_cmpint (take_away (stage, "a/d"), ==, DAE_STORE_OK);
  g_assert_false (g_file_test (folder, G_FILE_TEST_EXISTS));
}

static void
test_store_shows_nothing_unfinished (Stage *stage, gconstpointer unused)
{
  g_autoptr (GBytes) bytes = g_bytes_new_static ("half", 4);
  DaeStorePut *one, *other;

  one = stage->store->put (stage->provider, "a/b", "text/plain", 8, &put_hooks, stage);
  g_assert_true (stage->store->put_write (one, bytes));
  settle (stage);
  g_assert_cmpuint (unfinished (stage), ==, 1);
  g_assert_cmpstr (list (stage, "", NULL, 10), ==, "");
  stage->store->tidy (stage->provider, G_MAXINT64, note, stage); /* this one lives */
  g_assert_cmpint (wait (stage), ==, DAE_STORE_OK);
  g_assert_cmpuint (unfinished (stage), ==, 1);
  stage->store->put_cancel (one);
  other = stage->store->put (stage->provider, "a/b", "text/plain", 8, &put_hooks, stage);
  stage->store->put_write (other, bytes);
  stage->store->put_cancel (other); /* while it is being written */
  settle (stage);
  g_assert_false (stage->over);
  other = stage->store->put (stage->provider, "a/b", "text/plain", 8, &put_hooks, stage);
  stage->store->put_write (other, bytes);
  stage->store->put_finish (other);
  g_assert_cmpint (wait (stage), ==, DAE_STORE_CUT);
  g_assert_cmpuint (unfinished (stage), ==, 0);
  g_assert_cmpstr (list (stage, "", NULL, 10), ==, "");
}

static void
test_store_tidies_what_was_left (Stage *stage, gconstpointer unused)
{
  g_autofree char *path = inside (stage, "unfinished/left");

  settle (stage);
  g_assert_true (g_file_set_contents (path, "x", 1, NULL));
  stage->store->tidy (stage->provider, g_get_real_time () - 60 * G_USEC_PER_SEC, note, stage);
  g_assert_cmpint (wait (stage), ==, DAE_STORE_OK);
  g_assert_cmpuint (unfinished (stage), ==, 1);
  stage->store->tidy (stage->provider, g_get_real_time () + 60 * G_USEC_PER_SEC, note, stage);
  g_assert_cmpint (wait (stage), ==, DAE_STORE_OK);
  g_assert_cmpuint (unfinished (stage), ==, 0);
}

static void
test_store_full_leaves_nothing (Stage *stage, gconstpointer unused)
{
  const gsize size = 3 * 1024 * 1024;
  g_autofree char *bytes = g_malloc0 (size);
  struct rlimit before, small;

  signal (SIGXFSZ, SIG_IGN);
  g_assert_cmpint (getrlimit (RLIMIT_FSIZE, &before), ==, 0);
  small = (struct rlimit){ 1024 * 1024, before.rlim_max };
  g_assert_cmpint (setrlimit (RLIMIT_FSIZE, &small), ==, 0);
  g_assert_cmpint (put (stage, "a/b", bytes, (gssize)size), ==, DAE_STORE_FULL);
  g_assert_cmpint (setrlimit (RLIMIT_FSIZE, &before), ==, 0);
  g_assert_cmpuint (unfinished (stage), ==, 0);
  g_assert_cmpstr (list (stage, "", NULL, 10), ==, "");
  g_assert_cmpint (put (stage, "a/b", bytes, (gssize)size), ==, DAE_STORE_OK);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  log_set_level ("error"); /* standard output belongs to the test protocol */
#define ADD(path, name)                                                                            \
  g_test_add ("/store-directory/" path, Stage, NULL, stage_open, test_store_##name, stage_close)
  ADD ("gives-what-it-took", gives_what_it_took);
  ADD ("refuses-what-is-no-key", refuses_what_is_no_key);
  ADD ("never-follows-links", never_follows_links);
  ADD ("lists-in-order-of-bytes", lists_in_order_of_bytes);
  ADD ("removes-and-prunes", removes_and_prunes);
  ADD ("shows-nothing-unfinished", shows_nothing_unfinished);
  ADD ("tidies-what-was-left", tidies_what_was_left);
  ADD ("full-leaves-nothing", full_leaves_nothing);
  return g_test_run ();
}
