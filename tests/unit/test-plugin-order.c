/* SPDX-License-Identifier: Apache-2.0 */
#include "plugin/plugin-order.h"

typedef struct {
  const char *name;
  const char *nodes; /* "name needs wants provides; ...", lists with commas, '-' for none */
  const char *order; /* names, or NULL */
  const char *cycle;
} OrderCase;

static const OrderCase order_cases[] = {
  { "nothing", "", "", NULL },
  { "ties-by-name", "c - - -; a - - -; b - - -", "a b c", NULL },
  { "providers-first", "a z/1 - -; m - - -; z - - z/1", "m z a", NULL },
  { "chain", "a b/1 - a/1; b c/1 - b/1; c - - c/1", "c b a", NULL },
  { "wishes-count-too", "a - z/1 -; z - - z/1", "z a", NULL },
  { "wishes-of-what-is-not-there", "a - gone/1 -; b - - -", "a b", NULL },
  { "wish-gives-way-to-need", "a - b/1 a/1; b a/1 - b/1", "a b", NULL },
  { "wishes-in-a-circle", "a - b/1 a/1; b - a/1 b/1", "a b", NULL },
  { "own-service", "a a/1 - a/1", "a", NULL },
  { "several-services", "a x/1,y/2 - -; b - - y/2; c - - x/1", "b c a", NULL },
  { "cycle-of-two", "a y/1 - x/1; b x/1 - y/1", NULL, "a needs y/1 from b, b needs x/1 from a" },
  { "cycle-of-three-with-a-tail", "a c/1 - -; b d/1 - b/1; c b/1 - c/1; d c/1 - d/1; e - - -", NULL,
    "c needs b/1 from b, b needs d/1 from d, d needs c/1 from c" },
};

static char **
split_list (const char *word)
{
  return g_strcmp0 (word, "-") == 0 ? NULL : g_strsplit (word, ",", -1);
}

static void
test_plugin_order_is_as_told (gconstpointer data)
{
  const OrderCase *c = data;
  g_auto (GStrv) rows = g_strsplit (c->nodes, "; ", -1);
  guint n = *c->nodes != '\0' ? g_strv_length (rows) : 0;
  g_autofree PluginNode *nodes = g_new0 (PluginNode, n + 1);
  g_autofree guint *order = g_new0 (guint, n + 1);
  g_autoptr (GPtrArray) memory = g_ptr_array_new_with_free_func ((GDestroyNotify)g_strfreev);
  g_autoptr (GString) names = g_string_new (NULL);
  g_autofree char *cycle = NULL;
  g_auto (GStrv) members = NULL;

  for (guint i = 0; i < n; i++) {
    char **words = g_strsplit (rows[i], " ", -1);
    char **lists[] = { split_list (words[1]), split_list (words[2]), split_list (words[3]) };

    g_ptr_array_add (memory, words);
    for (guint k = 0; k < 3; k++)
      g_ptr_array_add (memory, lists[k]);
    nodes[i] = (PluginNode){ words[0], (const char *const *)lists[0], (const char *const *)lists[1],
                             (const char *const *)lists[2] };
  }
  g_assert_cmpint (plugin_order (nodes, n, order, &cycle, &members), ==, c->order != NULL);
  g_assert_cmpstr (cycle, ==, c->cycle);
  for (guint i = 0; i < n && c->order != NULL; i++)
    g_string_append_printf (names, "%s%s", i > 0 ? " " : "", nodes[order[i]].name);
  if (c->order != NULL)
    g_assert_cmpstr (names->str, ==, c->order);
  else
    g_assert_cmpuint (g_strv_length (members), >=, 2);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  for (guint i = 0; i < G_N_ELEMENTS (order_cases); i++) {
    g_autofree char *path = g_strconcat ("/plugin-order/", order_cases[i].name, NULL);

    g_test_add_data_func (path, &order_cases[i], test_plugin_order_is_as_told);
  }
  return g_test_run ();
}
