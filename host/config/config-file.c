/* SPDX-License-Identifier: Apache-2.0 */
/* config-file: groups, keys, comments and the escapes of GKeyFile. A line that
 * makes no sense is a complaint and is passed over, so that all faults of a file show at once.
 */
#include "config-file.h"

#include <string.h>

#define CONFIG_FILE_MAX (1024 * 1024)

typedef struct {
  const char *path;
  guint line;
  char *group;      /* owned; NULL before the first head or after one that makes no sense */
  gboolean outside; /* a complaint of keys outside of any group was made */
  ConfigFileFunc func;
  gpointer data;
  Complaints *complaints;
} ConfigFile;

static void
config_file_complain (ConfigFile *file, const char *why, const char *remedy)
{
  complaints_add (file->complaints, NULL, file->path, file->line, file->group, NULL, why, remedy);
}

static void
config_file_head (ConfigFile *file, char *text)
{
  gsize length = strlen (text);

  g_clear_pointer (&file->group, g_free);
  if (length < 3 || text[length - 1] != ']' || strcspn (text + 1, "[]") != length - 2) {
    config_file_complain (file, "is not a group",
                          "Write the group's name between brackets, for example [plugin files].");
    file->outside = TRUE;
    return;
  }
  text[length - 1] = '\0';
  file->group = g_strdup (text + 1);
  file->func (file->group, NULL, NULL, file->line, file->data);
}

/* \s \n \t \r and \\ as GKeyFile has them; in place. */
static gboolean
config_file_unescape (char *text)
{
  static const char names[] = "sntr\\", values[] = " \n\t\r\\";
  char *out = text;

  for (const char *in = text; *in != '\0'; in++) {
    const char *name;

    if (*in != '\\') {
      *out++ = *in;
      continue;
    }
    in++;
    name = *in != '\0' ? strchr (names, *in) : NULL;
    if (name == NULL)
      return FALSE;
    *out++ = values[name - names];
  }
  *out = '\0';
  return TRUE;
}

static void
config_file_key (ConfigFile *file, char *text)
{
  char *equals = strchr (text, '=');
  char *value;

  if (file->group == NULL) {
    if (!file->outside)
      config_file_complain (file, "stands before the first group",
                            "Write the group that it belongs to above it, for example [host].");
    file->outside = TRUE;
    return;
  }
  if (equals == NULL || equals == text) {
    config_file_complain (file, "is not \"key = value\"",
                          "Write key = value, or begin the line with # as a comment.");
    return;
  }
  *equals = '\0';
  value = g_strchug (equals + 1);
  g_strchomp (text);
  if (!config_file_unescape (value)) {
    complaints_add (file->complaints, NULL, file->path, file->line, file->group, text,
                    "holds a backslash that begins no known escape",
                    "Write \\\\ for a backslash; \\s, \\n, \\t and \\r are known too.");
    return;
  }
  file->func (file->group, text, value, file->line, file->data);
}

void
config_file_parse (const char *path,
                   const char *text,
                   gsize length,
                   ConfigFileFunc func,
                   gpointer data,
                   Complaints *complaints)
{
  ConfigFile file = { .path = path, .func = func, .data = data, .complaints = complaints };
  g_autofree char *copy = NULL;
  g_auto (GStrv) lines = NULL;

  if (memchr (text, '\0', length) != NULL || !g_utf8_validate (text, (gssize)length, NULL)) {
    config_file_complain (&file, "is not UTF-8 text", "Save the file as UTF-8.");
    return;
  }
  copy = g_strndup (text, length);
  lines = g_strsplit (copy, "\n", -1);
  for (char **line = lines; *line != NULL; line++) {
    char *stripped = g_strstrip (*line);

    file.line++;
    if (*stripped == '\0' || *stripped == '#')
      continue;
    if (*stripped == '[')
      config_file_head (&file, stripped);
    else
      config_file_key (&file, stripped);
  }
  g_free (file.group);
}

void
config_file_read (const char *path, ConfigFileFunc func, gpointer data, Complaints *complaints)
{
  g_autoptr (GError) error = NULL;
  g_autofree char *text = NULL;
  gsize length;

  if (!g_file_get_contents (path, &text, &length, &error)) {
    g_autofree char *why = g_strdup_printf ("cannot be read: %s", error->message);

    complaints_add (complaints, NULL, path, 0, NULL, NULL, why,
                    "Make the file readable for the user that runs daedalus.");
    return;
  }
  if (length > CONFIG_FILE_MAX) {
    complaints_add (complaints, NULL, path, 0, NULL, NULL, "is larger than 1 MiB",
                    "Check that it is a keyfile.");
    return;
  }
  config_file_parse (path, text, length, func, data, complaints);
}
