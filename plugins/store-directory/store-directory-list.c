/* SPDX-License-Identifier: Apache-2.0 */
/* store-directory-list: objects in the order of their keys' bytes. A folder counts as its name and
 * a slash, which is where its objects' keys come in that order.
 */
#include "store-directory.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

typedef struct {
  char *key;
  gint64 size, modified_at;
} StoreListed;

typedef struct {
  char *prefix, *after; /* after: "" for none */
  guint max;
  DaeStoreItem item;
  DaeStoreDone done;
  gpointer data;
  GArray *found; /* of StoreListed */
  StoreOutcome outcome;
} StoreList;

static void
store_listed_clear (gpointer data)
{
  g_free (((StoreListed *)data)->key);
}

static int
store_list_compare (gconstpointer a, gconstpointer b)
{
  return strcmp (*(const char *const *)a, *(const char *const *)b);
}

/* Whether KEY, or if it ends in a slash any key below it, can be asked for. */
static gboolean
store_list_wants (const StoreList *list, const char *key)
{
  gboolean folder = g_str_has_suffix (key, "/");

  if (!g_str_has_prefix (key, list->prefix) && !(folder && g_str_has_prefix (list->prefix, key)))
    return FALSE;
  return strcmp (key, list->after) > 0 || (folder && g_str_has_prefix (list->after, key));
}

/* What NAME in FOLDER is: its name, with a slash if it is a folder; NULL if neither. */
static char *
store_list_name (int folder, const struct dirent *entry)
{
  guint type = entry->d_type;
  struct stat info;

  if (strcmp (entry->d_name, ".") == 0 || strcmp (entry->d_name, "..") == 0 ||
      !g_utf8_validate (entry->d_name, -1, NULL))
    return NULL;
  if (type == DT_UNKNOWN && fstatat (folder, entry->d_name, &info, AT_SYMLINK_NOFOLLOW) == 0)
    type = S_ISDIR (info.st_mode) ? DT_DIR : S_ISREG (info.st_mode) ? DT_REG : DT_UNKNOWN;
  if (type != DT_DIR && type != DT_REG)
    return NULL;
  return g_strconcat (entry->d_name, type == DT_DIR ? "/" : NULL, NULL);
}

/* The wanted names in FOLDER, whose keys begin with PATH, in order; FOLDER stays open. NULL with
 * errno. */
static GPtrArray *
store_list_names (const StoreList *list, int folder, GString *path)
{
  int copy = fcntl (folder, F_DUPFD_CLOEXEC, 0);
  DIR *directory = copy >= 0 ? fdopendir (copy) : NULL;
  GPtrArray *names = g_ptr_array_new_with_free_func (g_free);
  gsize length = path->len;
  const struct dirent *entry;

  if (directory == NULL) {
    if (copy >= 0)
      close (copy);
    g_ptr_array_unref (names);
    return NULL;
  }
  while ((entry = readdir (directory)) != NULL) {
    char *name = store_list_name (folder, entry);

    if (name == NULL)
      continue;
    g_string_append (path, name);
    if (store_list_wants (list, path->str))
      g_ptr_array_add (names, name);
    else
      g_free (name);
    g_string_truncate (path, length);
  }
  closedir (directory);
  g_ptr_array_sort (names, store_list_compare);
  return names;
}

static void
store_list_add (StoreList *list, int folder, const char *name, const char *key)
{
  StoreListed listed = { 0 };
  struct stat info;

  /* what is removed at this moment is not listed */
  if (fstatat (folder, name, &info, AT_SYMLINK_NOFOLLOW) != 0 || !S_ISREG (info.st_mode))
    return;
  listed.key = g_strdup (key);
  listed.size = info.st_size;
  listed.modified_at = (gint64)info.st_mtim.tv_sec * G_USEC_PER_SEC + info.st_mtim.tv_nsec / 1000;
  g_array_append_val (list->found, listed);
}

/* FOLDER is closed. */
static void
store_list_folder (StoreList *list, int folder, GString *path)
{
  g_autoptr (GPtrArray) names = store_list_names (list, folder, path);
  gsize length = path->len;

  if (names == NULL)
    store_path_fail (&list->outcome, errno, "cannot list a folder");
  for (guint i = 0; names != NULL && i < names->len && list->found->len < list->max &&
                    list->outcome.result == DAE_STORE_OK;
       i++) {
    char *name = g_ptr_array_index (names, i);

    g_string_append (path, name);
    if (!g_str_has_suffix (name, "/")) {
      store_list_add (list, folder, name, path->str);
    } else {
      int inner;

      name[strlen (name) - 1] = '\0';
      inner = openat (folder, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
      if (inner >= 0)
        store_list_folder (list, inner, path);
      else if (errno != ENOENT && errno != ENOTDIR)
        store_path_fail (&list->outcome, errno, "cannot open a folder");
    }
    g_string_truncate (path, length);
  }
  close (folder);
}

/* On a thread. */
static void
store_list_work (DaePlugin *self, gpointer data)
{
  StoreList *list = data;
  const StoreData *store = dae_data (self);
  int root = store_path_open_root (store->path, "objects", FALSE);
  g_autoptr (GString) path = g_string_new (NULL);

  if (root >= 0)
    store_list_folder (list, root, path);
  else if (errno != ENOENT || !g_file_test (store->path, G_FILE_TEST_IS_DIR))
    store_path_fail (&list->outcome, errno, "cannot open the folder of objects");
}

static void
store_list_done (DaePlugin *self, gpointer data)
{
  StoreList *list = data;

  store_told (self, STORE_LIST, &list->outcome);
  for (guint i = 0; list->outcome.result == DAE_STORE_OK && i < list->found->len; i++) {
    const StoreListed *listed = &g_array_index (list->found, StoreListed, i);

    list->item (listed->key, listed->size, listed->modified_at, list->data);
  }
  list->done (list->outcome.result, list->outcome.why, list->data);
  g_array_unref (list->found);
  g_free (list->outcome.why);
  g_free (list->prefix);
  g_free (list->after);
  g_free (list);
}

void
store_list (DaePlugin *self,
            const char *prefix,
            const char *after,
            guint max,
            DaeStoreItem item,
            DaeStoreDone done,
            gpointer data)
{
  StoreList *list = g_new0 (StoreList, 1);

  list->prefix = g_strdup (prefix != NULL ? prefix : "");
  list->after = g_strdup (after != NULL ? after : "");
  list->max = max;
  list->item = item;
  list->done = done;
  list->data = data;
  list->found = g_array_new (FALSE, FALSE, sizeof (StoreListed));
  g_array_set_clear_func (list->found, store_listed_clear);
  dae_block (self, store_list_work, store_list_done, list);
}
