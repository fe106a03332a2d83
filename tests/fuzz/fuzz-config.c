/* SPDX-License-Identifier: Apache-2.0 */
/* Keyfiles, and every value in them as a setting of each type. */
#include "fuzz.h"

#include "config/config-file.h"
#include "config/setting.h"

#include <string.h>

static const DaeSetting rows[] = {
  { .key = "text", .type = DAE_SETTING_TEXT },
  { .key = "int", .type = DAE_SETTING_INT, .min = -5, .max = 64 },
  { .key = "bool", .type = DAE_SETTING_BOOL },
  { .key = "size", .type = DAE_SETTING_SIZE },
  { .key = "duration", .type = DAE_SETTING_DURATION, .min = 0, .max = 600000 },
  { .key = "list", .type = DAE_SETTING_LIST },
  { .key = "secret", .type = DAE_SETTING_SECRET },
  { .key = "url", .type = DAE_SETTING_URL },
  { .key = "choice", .type = DAE_SETTING_CHOICE, .choices = "local|proxy" },
  { .key = "networks", .type = DAE_SETTING_NETWORKS },
};

static void
check_setting (const DaeSetting *row, const char *value)
{
  Setting setting = { 0 };
  g_autofree char *why = NULL, *remedy = NULL;

  if (!setting_parse (row, value, &setting, &why, &remedy)) {
    MUST (why != NULL && remedy != NULL && setting.text == NULL);
    return;
  }
  MUST (setting.text != NULL && why == NULL && remedy == NULL);
  if (row->max != 0)
    MUST (setting.number >= row->min && setting.number <= row->max);
  if (row->type == DAE_SETTING_SIZE || row->type == DAE_SETTING_DURATION)
    MUST (setting.number >= 0);
  if (row->type == DAE_SETTING_LIST || row->type == DAE_SETTING_NETWORKS)
    MUST (setting.list != NULL);
  if (row->type == DAE_SETTING_NETWORKS) {
    setting_has_address (&setting, "10.0.0.1");
    setting_has_address (&setting, "::ffff:10.0.0.1");
    setting_has_address (&setting, value);
  }
  setting_clear (&setting);
}

static void
take (const char *group, const char *key, const char *value, guint line, gpointer data)
{
  guint *last = data;

  MUST (group != NULL && *group != '\0' && line > 0 && line >= *last);
  *last = line;
  MUST ((key == NULL) == (value == NULL));
  for (guint i = 0; value != NULL && i < G_N_ELEMENTS (rows); i++)
    check_setting (&rows[i], value);
}

int
LLVMFuzzerTestOneInput (const guint8 *data, gsize size)
{
  g_autoptr (Complaints) complaints = complaints_new ();
  g_autofree char *text = fuzz_copy (data, size), *shown = NULL;
  guint last = 0;

  config_file_parse ("a.conf", text, size, take, &last, complaints);
  shown = complaints_to_text (complaints);
  MUST (g_utf8_validate (shown, -1, NULL));
  return 0;
}
