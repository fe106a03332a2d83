/* SPDX-License-Identifier: Apache-2.0 */
/* complaint: a list of copies, its text and its way through a GVariant. What is
 * wrong, and what to write instead, is decided by those who complain.
 */
#include "complaint.h"

#define COMPLAINTS_VARIANT "a(msmsumsmssms)"

struct Complaints {
  GPtrArray *items; /* (element-type Complaint) owned */
};

static void
complaint_free (gpointer data)
{
  Complaint *complaint = data;

  g_free (complaint->plugin);
  g_free (complaint->file);
  g_free (complaint->group);
  g_free (complaint->key);
  g_free (complaint->why);
  g_free (complaint->remedy);
  g_free (complaint);
}

Complaints *
complaints_new (void)
{
  Complaints *complaints = g_new0 (Complaints, 1);

  complaints->items = g_ptr_array_new_with_free_func (complaint_free);
  return complaints;
}

void
complaints_free (Complaints *complaints)
{
  if (complaints == NULL)
    return;
  g_ptr_array_unref (complaints->items);
  g_free (complaints);
}

void
complaints_add (Complaints *complaints,
                const char *plugin,
                const char *file,
                guint line,
                const char *group,
                const char *key,
                const char *why,
                const char *remedy)
{
  Complaint *complaint = g_new0 (Complaint, 1);

  complaint->plugin = g_strdup (plugin);
  complaint->file = g_strdup (file);
  complaint->line = line;
  complaint->group = g_strdup (group);
  complaint->key = g_strdup (key);
  complaint->why = g_strdup (why);
  complaint->remedy = g_strdup (remedy);
  g_ptr_array_add (complaints->items, complaint);
}

guint
complaints_count (const Complaints *complaints)
{
  return complaints->items->len;
}

const Complaint *
complaints_get (const Complaints *complaints, guint index)
{
  g_assert (index < complaints->items->len);
  return g_ptr_array_index (complaints->items, index);
}

/* The place: a setting is found by its file and line, everything else of a plugin by its name. */
static void
complaint_write_place (const Complaint *complaint, GString *text)
{
  gboolean is_setting = complaint->group != NULL;

  if (complaint->plugin != NULL && !is_setting) {
    g_string_append_printf (text, "plugin \"%s\": ", complaint->plugin);
    return;
  }
  if (complaint->file != NULL)
    g_string_append (text, complaint->file);
  if (complaint->file != NULL && complaint->line > 0)
    g_string_append_printf (text, ":%u", complaint->line);
  if (complaint->file != NULL)
    g_string_append (text, ": ");
  if (is_setting)
    g_string_append_printf (text, "[%s]", complaint->group);
  if (is_setting && complaint->key != NULL)
    g_string_append_c (text, ' ');
  if (complaint->key != NULL)
    g_string_append (text, complaint->key);
  if (is_setting || complaint->key != NULL)
    g_string_append (text, ": ");
}

char *
complaints_to_text (const Complaints *complaints)
{
  GString *text = g_string_new (NULL);

  for (guint i = 0; i < complaints->items->len; i++) {
    const Complaint *complaint = g_ptr_array_index (complaints->items, i);

    complaint_write_place (complaint, text);
    g_string_append_printf (text, "%s\n", complaint->why);
    if (complaint->remedy != NULL)
      g_string_append_printf (text, "    %s\n", complaint->remedy);
  }
  return g_string_free (text, FALSE);
}

/* Texts quote what a stranger wrote, which need not be UTF-8; a GVariant's strings must be. */
static GVariant *
complaint_maybe (const char *text)
{
  g_autofree char *valid = text != NULL ? g_utf8_make_valid (text, -1) : NULL;

  return g_variant_new ("ms", valid);
}

GVariant *
complaints_to_variant (const Complaints *complaints)
{
  GVariantBuilder builder;

  g_variant_builder_init (&builder, G_VARIANT_TYPE (COMPLAINTS_VARIANT));
  for (guint i = 0; i < complaints->items->len; i++) {
    const Complaint *complaint = g_ptr_array_index (complaints->items, i);
    g_autofree char *why = g_utf8_make_valid (complaint->why, -1);

    g_variant_builder_add (&builder, "(@ms@msu@ms@mss@ms)", complaint_maybe (complaint->plugin),
                           complaint_maybe (complaint->file), complaint->line,
                           complaint_maybe (complaint->group), complaint_maybe (complaint->key),
                           why, complaint_maybe (complaint->remedy));
  }
  return g_variant_builder_end (&builder);
}

void
complaints_add_variant (Complaints *complaints, GVariant *variant)
{
  GVariantIter iter;
  const char *plugin, *file, *group, *key, *why, *remedy;
  guint32 line;

  if (!g_variant_is_of_type (variant, G_VARIANT_TYPE (COMPLAINTS_VARIANT)))
    return;
  g_variant_iter_init (&iter, variant);
  while (g_variant_iter_next (&iter, "(m&sm&sum&sm&s&sm&s)", &plugin, &file, &line, &group, &key,
                              &why, &remedy))
    complaints_add (complaints, plugin, file, line, group, key, why, remedy);
}
