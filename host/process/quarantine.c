/* SPDX-License-Identifier: Apache-2.0 */
/* quarantine: which plugins have crashed too often. */
#include "quarantine.h"

#include <stdlib.h>
#include <string.h>

#define FAULTS    3
#define WITHIN_US (60 * G_USEC_PER_SEC)
#define FIRST_US  ((gint64)5 * 60 * G_USEC_PER_SEC)
#define LAST_US   ((gint64)24 * 60 * 60 * G_USEC_PER_SEC)

typedef struct {
  gint64 faults[FAULTS]; /* the latest ones, in order; 0: there was none */
  gint64 until;          /* out of service; 0: never yet */
  gint64 next_us;        /* how long the next time */
} Record;

struct Quarantine {
  GHashTable *records; /* name -> Record, owned */
  char **needed;
};

Quarantine *
quarantine_new (const char *const *needed)
{
  Quarantine *quarantine = g_new0 (Quarantine, 1);

  quarantine->records = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, g_free);
  quarantine->needed = g_strdupv ((char **)needed);
  return quarantine;
}

void
quarantine_free (Quarantine *quarantine)
{
  g_hash_table_unref (quarantine->records);
  g_strfreev (quarantine->needed);
  g_free (quarantine);
}

static Record *
quarantine_record (Quarantine *quarantine, const char *plugin)
{
  Record *record = g_hash_table_lookup (quarantine->records, plugin);

  if (record == NULL) {
    record = g_new0 (Record, 1);
    record->next_us = FIRST_US;
    g_hash_table_insert (quarantine->records, g_strdup (plugin), record);
  }
  return record;
}

gint64
quarantine_note (Quarantine *quarantine, const char *plugin, gint64 now)
{
  Record *record = quarantine_record (quarantine, plugin);

  memmove (record->faults, record->faults + 1, sizeof record->faults - sizeof *record->faults);
  record->faults[FAULTS - 1] = now;
  if (record->faults[0] == 0 || now - record->faults[0] > WITHIN_US || now < record->until)
    return 0;
  if (quarantine->needed != NULL &&
      g_strv_contains ((const char *const *)quarantine->needed, plugin))
    return 0;
  record->until = now + record->next_us;
  record->next_us = MIN (record->next_us * 2, LAST_US);
  memset (record->faults, 0, sizeof record->faults);
  return record->until;
}

char *
quarantine_to_text (Quarantine *quarantine, gint64 now)
{
  GString *text = g_string_new (NULL);
  GHashTableIter iter;
  gpointer name, value;

  g_hash_table_iter_init (&iter, quarantine->records);
  while (g_hash_table_iter_next (&iter, &name, &value)) {
    const Record *record = value;

    if (record->until > now)
      g_string_append_printf (text, "%s%s=%" G_GINT64_FORMAT, text->len > 0 ? ";" : "",
                              (char *)name, record->until);
  }
  return g_string_free (text, FALSE);
}

void
quarantine_each (const char *text,
                 void (*func) (const char *plugin, gint64 until, gpointer data),
                 gpointer data)
{
  g_auto (GStrv) items = g_strsplit (text, ";", -1);

  for (char **item = items; *item != NULL; item++) {
    char *equals = strchr (*item, '=');

    if (equals == NULL)
      continue;
    *equals = '\0';
    func (*item, strtoll (equals + 1, NULL, 10), data);
  }
}
