/* SPDX-License-Identifier: Apache-2.0 */
/* Bodies against a route's rows; queries where the input begins with '?'. */
#include "fuzz.h"

#include "http/json-check.h"
#include "http/members.h"
#include "http/value.h"

#include <string.h>

static const DaeMember rows[] = {
  { .name = "title", .type = DAE_MEMBER_TEXT, .flags = DAE_MEMBER_REQUIRED, .min = 1, .max = 5 },
  { .name = "note", .flags = DAE_MEMBER_MULTILINE | DAE_MEMBER_NULLABLE },
  { .name = "n", .type = DAE_MEMBER_INT, .min = -1, .max = 200 },
  { .name = "on", .type = DAE_MEMBER_BOOL },
  { .name = "id", .type = DAE_MEMBER_UUID },
  { .name = "slug", .type = DAE_MEMBER_SLUG, .flags = DAE_MEMBER_NULLABLE },
  { .name = "role", .type = DAE_MEMBER_CHOICE, .choices = "owner|editor" },
  { .name = "ids", .type = DAE_MEMBER_UUID_LIST, .max = 3 },
  { .name = "tags", .type = DAE_MEMBER_TEXT_LIST, .min = 1, .max = 3 },
  { .name = "any", .type = DAE_MEMBER_JSON, .max = 40, .flags = DAE_MEMBER_NULLABLE },
};

static void
check_text (const DaeMember *row, const char *text)
{
  gsize length = strlen (text);
  glong n = g_utf8_strlen (text, -1);

  MUST (g_utf8_validate (text, -1, NULL));
  switch (row->type) {
  case DAE_MEMBER_UUID:
    MUST (value_is_uuid (text, length));
    break;
  case DAE_MEMBER_SLUG:
    MUST (value_is_slug (text, length));
    break;
  case DAE_MEMBER_CHOICE:
    MUST (value_is_choice (text, length, row->choices));
    break;
  case DAE_MEMBER_JSON:
    MUST (json_check (text, length, JSON_LIMITS_DEFAULT, NULL, NULL) && length <= 40);
    break;
  default:
    MUST (value_check_characters (text, length, (row->flags & DAE_MEMBER_MULTILINE) != 0) == NULL);
    MUST (row->max == 0 || (n >= row->min && n <= row->max));
  }
}

/* Values without a fault are what their rows promise to a handler. */
static void
check_values (const MemberValue *values)
{
  for (guint i = 0; i < G_N_ELEMENTS (rows); i++) {
    const DaeMember *row = &rows[i];
    const MemberValue *value = &values[i];
    gboolean is_list = row->type == DAE_MEMBER_UUID_LIST || row->type == DAE_MEMBER_TEXT_LIST;

    MUST (members_find (rows, G_N_ELEMENTS (rows), values, row->name) == value);
    MUST (value->state != MEMBER_ABSENT || !(row->flags & DAE_MEMBER_REQUIRED));
    MUST (value->state != MEMBER_IS_NULL || row->flags & DAE_MEMBER_NULLABLE);
    if (value->state != MEMBER_PRESENT)
      continue;
    if (row->type == DAE_MEMBER_INT)
      MUST (value->number >= row->min && value->number <= row->max);
    else if (row->type == DAE_MEMBER_BOOL)
      MUST (value->number == 0 || value->number == 1);
    else if (!is_list)
      check_text (row, value->text);
    for (guint n = 0; is_list && value->list[n] != NULL; n++) {
      MUST (n < 3 && g_utf8_validate (value->list[n], -1, NULL));
      if (row->type == DAE_MEMBER_UUID_LIST)
        MUST (value_is_uuid (value->list[n], strlen (value->list[n])));
    }
  }
}

int
LLVMFuzzerTestOneInput (const guint8 *data, gsize size)
{
  MemberValue values[G_N_ELEMENTS (rows)];
  g_autoptr (GPtrArray) faults = g_ptr_array_new ();
  g_autofree char *text = fuzz_copy (data, size);
  guint8 first[64];
  Arena arena;

  arena_init (&arena, first, sizeof first);
  if (size > 0 && text[0] == '?') {
    g_autofree char *query = g_strndup (text + 1, size - 1);

    members_check_query (&arena, query, rows, G_N_ELEMENTS (rows), values, faults);
  } else if (json_check (text, size, JSON_LIMITS_DEFAULT, NULL, NULL)) {
    /* as it is in life: a body has no NUL behind it */
    members_check_body (&arena, text, rows, G_N_ELEMENTS (rows), values, faults);
  } else {
    g_ptr_array_add (faults, NULL);
    g_ptr_array_add (faults, NULL);
  }
  MUST (faults->len % 2 == 0 && faults->len <= 100);
  if (faults->len == 0)
    check_values (values);
  arena_clear (&arena);
  return 0;
}
