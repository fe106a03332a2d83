/* SPDX-License-Identifier: Apache-2.0 */
/* agents-files: texts are quoted behind the question, images go as images where the agent takes
 * some, and of everything else the agent learns the name and where it is.
 */
#include "agents-files.h"

#include "agents-history.h"

#include <string.h>

struct AgentFile {
  char *name, *type, *url;
  gint64 size;
  GBytes *content; /* NULL: only the name is told */
};

static void
agent_file_free (gpointer data)
{
  AgentFile *file = data;

  g_free (file->name);
  g_free (file->type);
  g_free (file->url);
  g_clear_pointer (&file->content, g_bytes_unref);
  g_free (file);
}

GPtrArray *
agent_files_new (const DaeAgentAsk *ask)
{
  GPtrArray *files = g_ptr_array_new_with_free_func (agent_file_free);

  if (ask->struct_size < G_STRUCT_OFFSET (DaeAgentAsk, n_files) + sizeof ask->n_files)
    return files;
  for (guint i = 0; i < ask->n_files; i++) {
    const DaeAgentFile *given = &ask->files[i];
    AgentFile *file = g_new0 (AgentFile, 1);

    file->name = g_strdup (given->name);
    file->type = g_strdup (given->type);
    file->url = g_strdup (given->url);
    file->size = given->size;
    file->content = given->content ? g_bytes_ref (given->content) : NULL;
    g_ptr_array_add (files, file);
  }
  return files;
}

static gboolean
agent_file_is_image (const AgentFile *file)
{
  return file->content != NULL && g_str_has_prefix (file->type, "image/");
}

/* Up to the first byte that is no text, or the character that was cut. */
static void
agent_file_quote (GString *out, const AgentFile *file)
{
  gsize length;
  const char *bytes = g_bytes_get_data (file->content, &length), *end = bytes;
  g_autofree char *text = NULL;

  if (length > 0)
    g_utf8_validate_len (bytes, length, &end);
  text = g_strndup (bytes, (gsize)(end - bytes));
  g_string_append (out, ":\n\n");
  history_quote (out, text);
  if ((gint64)(end - bytes) < file->size)
    g_string_append_printf (out, "(these are the first %" G_GSIZE_FORMAT " bytes)\n",
                            (gsize)(end - bytes));
}

static void
agent_file_tell (GString *out, const AgentFile *file, gboolean with_images)
{
  gboolean is_image = agent_file_is_image (file);

  g_string_append_printf (out, "\nAttached file \"%s\" (%s", file->name, file->type);
  if (file->size < 0) {
    g_string_append (out, "), which has been deleted\n");
    return;
  }
  g_string_append_printf (out, ", %" G_GINT64_FORMAT " bytes)", file->size);
  if (file->content != NULL && !is_image)
    agent_file_quote (out, file);
  else if (is_image && with_images)
    g_string_append (out, ", given as an image\n");
  else
    g_string_append_printf (out, ": %s\n", file->url != NULL ? file->url : "not to be had");
}

char *
agent_files_message (const GPtrArray *files, const char *message, gboolean with_images)
{
  GString *out = g_string_new (message);

  if (files->len > 0)
    g_string_append_c (out, '\n');
  for (guint i = 0; i < files->len; i++)
    agent_file_tell (out, files->pdata[i], with_images);
  return g_string_free (out, FALSE);
}

JsonArray *
agent_files_images (const GPtrArray *files)
{
  JsonArray *images = NULL;

  for (guint i = 0; i < files->len; i++) {
    const AgentFile *file = files->pdata[i];
    g_autofree char *data = NULL;
    JsonObject *image;
    gsize length;
    const guchar *bytes;

    if (!agent_file_is_image (file))
      continue;
    bytes = g_bytes_get_data (file->content, &length);
    data = g_base64_encode (bytes, length);
    image = json_object_new ();
    json_object_set_string_member (image, "data", data);
    json_object_set_string_member (image, "mime_type", file->type);
    if (images == NULL)
      images = json_array_new ();
    json_array_add_object_element (images, image);
  }
  return images;
}
