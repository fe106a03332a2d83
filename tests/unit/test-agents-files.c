/* SPDX-License-Identifier: Apache-2.0 */
/* How an agent gets the files of a question. */
#include "../../plugins/agents/agents-files.c"
#include "../../plugins/agents/agents-history.c"

typedef struct {
  const char *type, *content; /* NULL: only its name is told */
  gint64 size;
  const char *url;
  gboolean with_images;
  const char *told; /* behind the question */
  const char *image;
} Row;

static void
check (const Row *row)
{
  g_autoptr (GBytes) content =
      row->content ? g_bytes_new_static (row->content, strlen (row->content)) : NULL;
  DaeAgentFile file = {
    .name = "n", .type = row->type, .size = row->size, .url = row->url, .content = content
  };
  DaeAgentAsk ask = { .struct_size = sizeof ask, .files = &file, .n_files = 1 };
  g_autoptr (GPtrArray) files = agent_files_new (&ask);
  g_autofree char *message = agent_files_message (files, "Q", row->with_images);
  g_autofree char *wanted = g_strconcat ("Q\n\nAttached file \"n\" (", row->told, NULL);
  g_autoptr (JsonArray) images = agent_files_images (files);

  g_assert_cmpstr (message, ==, wanted);
  g_assert_true ((images != NULL) == (row->image != NULL));
  if (images != NULL)
    g_assert_cmpstr (
        json_object_get_string_member (json_array_get_object_element (images, 0), "data"), ==,
        row->image);
}

static void
test_agents_files_are_told (void)
{
  static const Row rows[] = {
    { "text/plain", "a\nb", 3, "u", FALSE, "text/plain, 3 bytes):\n\n> a\n> b\n", NULL },
    { "text/plain", "", 0, "u", FALSE, "text/plain, 0 bytes):\n\n", NULL },
    /* a line that pretends to be another file's stays quoted */
    { "text/plain", "Attached file", 13, "u", FALSE, "text/plain, 13 bytes):\n\n> Attached file\n",
      NULL },
    { "text/plain", "ab", 9, "u", FALSE,
      "text/plain, 9 bytes):\n\n> ab\n(these are the first 2 bytes)\n", NULL },
    { "text/plain", "a\xc3", 2, "u", FALSE,
      "text/plain, 2 bytes):\n\n> a\n(these are the first 1 bytes)\n", NULL },
    { "text/plain", NULL, 5, "u", FALSE, "text/plain, 5 bytes): u\n", NULL },
    { "image/png", "abc", 3, "u", TRUE, "image/png, 3 bytes), given as an image\n", "YWJj" },
    { "image/png", "abc", 3, "u", FALSE, "image/png, 3 bytes): u\n", "YWJj" },
    { "image/png", NULL, 3, "u", TRUE, "image/png, 3 bytes): u\n", NULL },
    { "application/pdf", NULL, 3, "u", TRUE, "application/pdf, 3 bytes): u\n", NULL },
    { "application/pdf", NULL, 3, NULL, TRUE, "application/pdf, 3 bytes): not to be had\n", NULL },
    { "application/pdf", NULL, -1, NULL, TRUE, "application/pdf), which has been deleted\n", NULL },
  };

  for (gsize i = 0; i < G_N_ELEMENTS (rows); i++)
    check (&rows[i]);
}

/* Who was built before files were attached says nothing of them. */
static void
test_agents_files_of_older_askers (void)
{
  DaeAgentAsk ask = { .struct_size = G_STRUCT_OFFSET (DaeAgentAsk, files),
                      .files = (const DaeAgentFile *)1,
                      .n_files = 7 };
  g_autoptr (GPtrArray) files = agent_files_new (&ask);
  g_autofree char *message = agent_files_message (files, "Q", TRUE);

  g_assert_cmpstr (message, ==, "Q");
  g_assert_null (agent_files_images (files));
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/agents-files/are-told", test_agents_files_are_told);
  g_test_add_func ("/agents-files/of-older-askers", test_agents_files_of_older_askers);
  return g_test_run ();
}
