/* SPDX-License-Identifier: Apache-2.0 */
/* condition: what a conditional request comes to. */
#include "condition.h"

#include <string.h>

#include "header.h"

static gboolean
condition_is_weak (const char *etag)
{
  return etag[0] == 'W' && etag[1] == '/';
}

/* The byte after the entity tag at TEXT, or NULL if there is none. */
static const char *
condition_tag_end (const char *text)
{
  if (condition_is_weak (text))
    text += 2;
  if (*text++ != '"')
    return NULL;
  while (*text != '"') {
    guchar c = (guchar)*text++;

    if (c < 0x21 || c == 0x7f)
      return NULL;
  }
  return text + 1;
}

static gboolean
condition_is_same (const char *tag, gsize length, const char *etag, gboolean strong)
{
  gboolean weak = condition_is_weak (tag), other_weak = condition_is_weak (etag);

  if (strong && (weak || other_weak))
    return FALSE;
  if (weak) {
    tag += 2;
    length -= 2;
  }
  if (other_weak)
    etag += 2;
  return strlen (etag) == length && memcmp (tag, etag, length) == 0;
}

gboolean
condition_lists (const char *list, const char *etag, gboolean strong)
{
  if (list[0] == '*' && list[1 + strspn (list + 1, " \t")] == '\0')
    return TRUE;
  while (*(list += strspn (list, " \t,")) != '\0') {
    const char *end = condition_tag_end (list);

    if (end == NULL)
      return FALSE;
    if (etag != NULL && condition_is_same (list, (gsize)(end - list), etag, strong))
      return TRUE;
    list = end + strspn (end, " \t");
    if (*list != ',' && *list != '\0')
      return FALSE;
  }
  return FALSE;
}

ConditionResult
condition_judge (const Condition *condition, const ConditionState *state)
{
  gint64 since;

  if (condition->if_match != NULL) {
    if (!condition_lists (condition->if_match, state->etag, TRUE))
      return CONDITION_CHANGED;
  } else if (condition->if_unmodified_since != NULL && state->last_modified >= 0) {
    since = header_parse_date (condition->if_unmodified_since);
    if (since >= 0 && state->last_modified > since)
      return CONDITION_CHANGED;
  }
  if (condition->if_none_match != NULL)
    return condition_lists (condition->if_none_match, state->etag, FALSE) ? CONDITION_SAME
                                                                          : CONDITION_GO;
  if (condition->if_modified_since == NULL || state->last_modified < 0)
    return CONDITION_GO;
  since = header_parse_date (condition->if_modified_since);
  return since >= 0 && state->last_modified <= since ? CONDITION_SAME : CONDITION_GO;
}

gboolean
condition_takes_range (const Condition *condition, const ConditionState *state, gint64 now)
{
  const char *wanted = condition->if_range, *end;

  if (wanted == NULL)
    return TRUE;
  end = condition_tag_end (wanted);
  if (end != NULL)
    return *end == '\0' && state->etag != NULL &&
           condition_is_same (wanted, (gsize)(end - wanted), state->etag, TRUE);
  /* what has changed within this second may change once more under the same date (8.8.2.2) */
  return state->last_modified >= 0 && state->last_modified < now &&
         header_parse_date (wanted) == state->last_modified;
}
