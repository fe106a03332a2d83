/* SPDX-License-Identifier: Apache-2.0 */
/* frontend-files: the table of the page's files, made when the process starts.
 *
 * What is immutable is mapped, so that all workers share its memory; a file that
 * is replaced stays as it was as long as it is mapped, and no descriptor is held.
 * This process never reads a mapping itself, only the kernel does when it sends:
 * who writes over such a file in place cuts answers, and takes no process down.
 * The rest is small and may be written over by the next build: it is copied.
 */
#include "frontend.h"

#include <fcntl.h>
#include <glib/gstdio.h>
#include <string.h>
#include <unistd.h>

#define MAX_DEPTH 16
#define MAX_FILE  (64 * 1024 * 1024)

static const struct {
  const char *extension, *type;
} types[] = {
  { ".html", "text/html; charset=utf-8" },
  { ".js", "text/javascript; charset=utf-8" },
  { ".mjs", "text/javascript; charset=utf-8" },
  { ".css", "text/css; charset=utf-8" },
  { ".json", "application/json" },
  { ".map", "application/json" },
  { ".webmanifest", "application/manifest+json" },
  { ".txt", "text/plain; charset=utf-8" },
  { ".xml", "application/xml" },
  { ".svg", "image/svg+xml" },
  { ".png", "image/png" },
  { ".jpg", "image/jpeg" },
  { ".jpeg", "image/jpeg" },
  { ".gif", "image/gif" },
  { ".webp", "image/webp" },
  { ".avif", "image/avif" },
  { ".ico", "image/x-icon" },
  { ".woff", "font/woff" },
  { ".woff2", "font/woff2" },
  { ".wasm", "application/wasm" },
};

static const char *
file_type (const char *path)
{
  for (guint i = 0; i < G_N_ELEMENTS (types); i++) {
    if (g_str_has_suffix (path, types[i].extension))
      return types[i].type;
  }
  return "application/octet-stream";
}

static void
file_free (gpointer pointer)
{
  FrontendFile *file = pointer;

  for (guint i = 0; i < FRONTEND_N_CODINGS; i++)
    g_clear_pointer (&file->variants[i].bytes, g_bytes_unref);
  g_free (file->path);
  g_free (file);
}

/* The file that PATH is a variant of is made at its first variant. SUM is of BYTES. */
static void
files_add (
    FrontendFiles *files, const char *path, FrontendCoding coding, GBytes *bytes, const char *sum)
{
  FrontendFile *file = g_hash_table_lookup (files->files, path);
  FrontendVariant *variant;

  if (!file) {
    file = g_new0 (FrontendFile, 1);
    file->path = g_strdup (path);
    file->type = file_type (path);
    file->is_immutable = g_str_has_prefix (path, IMMUTABLE);
    g_hash_table_replace (files->files, file->path, file);
  }
  variant = &file->variants[coding];
  variant->bytes = g_bytes_ref (bytes);
  g_snprintf (variant->tag, sizeof variant->tag, "\"%.32s\"", sum);
}

/* Reads all of FD: adds it to SUM, and to CONTENTS unless that is NULL. */
static gboolean
file_read (int fd, GChecksum *sum, GByteArray *contents)
{
  guint8 buffer[32 * 1024];
  gsize all = 0;
  gssize n;

  while ((n = read (fd, buffer, sizeof buffer)) > 0) {
    all += (gsize)n;
    if (all > MAX_FILE)
      return FALSE;
    g_checksum_update (sum, buffer, n);
    if (contents)
      g_byte_array_append (contents, buffer, (guint)n);
  }
  return n == 0;
}

/* The bytes of the file FULL, and their SUM. NULL and an error: it cannot be read. */
static GBytes *
file_open (const char *full, gboolean is_immutable, GChecksum *sum, GError **error)
{
  g_autoptr (GByteArray) contents = is_immutable ? NULL : g_byte_array_new ();
  g_autoptr (GMappedFile) mapped = NULL;
  GBytes *bytes = NULL;
  int fd = g_open (full, O_RDONLY | O_CLOEXEC, 0);

  if (fd < 0 || !file_read (fd, sum, contents)) {
    g_set_error_literal (error, G_FILE_ERROR, G_FILE_ERROR_FAILED, g_strerror (errno));
  } else if (!is_immutable) {
    bytes = g_byte_array_free_to_bytes (g_steal_pointer (&contents));
  } else {
    mapped = g_mapped_file_new_from_fd (fd, FALSE, error);
    bytes = mapped ? g_mapped_file_get_bytes (mapped) : NULL;
  }
  if (fd >= 0)
    close (fd);
  return bytes;
}

static void
files_read_one (DaePlugin *self, FrontendFiles *files, const char *path, gint64 size)
{
  g_autofree char *full = g_build_filename (files->directory, path, NULL);
  g_autofree char *name = g_strdup (path);
  g_autoptr (GChecksum) sum = g_checksum_new (G_CHECKSUM_SHA256);
  g_autoptr (GError) error = NULL;
  g_autoptr (GBytes) bytes = NULL;
  FrontendCoding coding = FRONTEND_PLAIN;

  if (size > MAX_FILE) {
    dae_log (self, G_LOG_LEVEL_WARNING, "file of the page is too large, left out",
             DAE_S ("file", path), DAE_I ("bytes", size));
    return;
  }
  bytes = file_open (full, g_str_has_prefix (path, IMMUTABLE), sum, &error);
  if (!bytes) {
    dae_log (self, G_LOG_LEVEL_WARNING, "file of the page cannot be read, left out",
             DAE_S ("file", path), DAE_S ("error", error->message));
    return;
  }
  if (g_str_has_suffix (name, ".br"))
    coding = FRONTEND_BROTLI;
  else if (g_str_has_suffix (name, ".gz"))
    coding = FRONTEND_GZIP;
  if (coding != FRONTEND_PLAIN)
    *strrchr (name, '.') = 0;
  files_add (files, name, coding, bytes, g_checksum_get_string (sum));
}

static void
files_read (DaePlugin *self, FrontendFiles *files, const char *below, guint depth)
{
  g_autofree char *full = g_build_filename (files->directory, below, NULL);
  g_autoptr (GFile) directory = g_file_new_for_path (full);
  g_autoptr (GFileEnumerator) entries =
      g_file_enumerate_children (directory,
                                 G_FILE_ATTRIBUTE_STANDARD_NAME "," G_FILE_ATTRIBUTE_STANDARD_TYPE
                                                                "," G_FILE_ATTRIBUTE_STANDARD_SIZE,
                                 G_FILE_QUERY_INFO_NONE, NULL, NULL);
  GFileInfo *info;

  while (entries && g_file_enumerator_iterate (entries, &info, NULL, NULL, NULL) && info) {
    const char *name = g_file_info_get_name (info);
    g_autofree char *path = *below ? g_strconcat (below, "/", name, NULL) : g_strdup (name);

    if (!g_utf8_validate (name, -1, NULL))
      continue;
    if (g_file_info_get_file_type (info) == G_FILE_TYPE_REGULAR)
      files_read_one (self, files, path, g_file_info_get_size (info));
    else if (g_file_info_get_file_type (info) == G_FILE_TYPE_DIRECTORY && depth < MAX_DEPTH)
      files_read (self, files, path, depth + 1);
  }
}

static gboolean
file_is_only_compressed (gpointer key, gpointer value, gpointer data)
{
  return ((FrontendFile *)value)->variants[FRONTEND_PLAIN].bytes == NULL;
}

FrontendFiles *
frontend_read (DaePlugin *self, const char *directory)
{
  FrontendFiles *files = g_new0 (FrontendFiles, 1);

  files->directory = g_strdup (directory);
  files->files = g_hash_table_new_full (g_str_hash, g_str_equal, NULL, file_free);
  files_read (self, files, "", 0);
  /* a client that takes no compression must get every file, too */
  g_hash_table_foreach_remove (files->files, file_is_only_compressed, NULL);
  files->index = g_hash_table_lookup (files->files, "200.html");
  if (!files->index)
    files->index = g_hash_table_lookup (files->files, "index.html");
  return files;
}

void
frontend_files_free (gpointer pointer)
{
  FrontendFiles *files = pointer;

  g_hash_table_unref (files->files);
  g_free (files->directory);
  g_free (files);
}

const FrontendFile *
frontend_find (const FrontendFiles *files, const char *path)
{
  const FrontendFile *file = g_hash_table_lookup (files->files, path);
  g_autofree char *page = file ? NULL : g_strconcat (*path ? path : "index", ".html", NULL);

  return file ? file : g_hash_table_lookup (files->files, page);
}
