/* SPDX-License-Identifier: Apache-2.0 */
/* auth-people: the table of people that have been seen.
 *
 * Requests only note that somebody was there; what is new is written a moment
 * later, many people in one transaction, each at most once a minute and worker.
 */
#include "auth.h"

#include <string.h>

#define PEOPLE_PAUSE     G_TIME_SPAN_MINUTE
#define PEOPLE_MAX       10000
#define PEOPLE_GATHER_MS 100
#define PEOPLE_TOPIC     "auth:person"

typedef struct {
  char *subject;
  char *email;
  char *name;
  char *groups; /* JSON array */
} Person;

struct AuthPeople {
  GHashTable *noted;  /* subject (owned) -> gint64 * when (owned) */
  GPtrArray *waiting; /* (element-type Person) */
  guint timer;        /* 0: none */
};

static void
person_free (gpointer pointer)
{
  Person *person = pointer;

  g_free (person->subject);
  g_free (person->email);
  g_free (person->name);
  g_free (person->groups);
  g_free (person);
}

static int
person_compare (gconstpointer a, gconstpointer b)
{
  return strcmp ((*(const Person *const *)a)->subject, (*(const Person *const *)b)->subject);
}

AuthPeople *
auth_people_new (void)
{
  AuthPeople *people = g_new0 (AuthPeople, 1);

  people->noted = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, g_free);
  people->waiting = g_ptr_array_new_with_free_func (person_free);
  return people;
}

void
auth_people_free (AuthPeople *people)
{
  g_hash_table_unref (people->noted);
  g_ptr_array_unref (people->waiting);
  g_free (people);
}

static gpointer
people_write (DaeTx *tx, gconstpointer input)
{
  const GPtrArray *people = input;
  gint64 now = dae_tx_now (tx);

  for (guint i = 0; i < people->len && !dae_tx_failed (tx); i++) {
    const Person *person = people->pdata[i];
    DaeRows *row;

    row = dae_query_one (
        tx,
        "INSERT INTO person (subject, email, name, groups, first_seen, last_seen)"
        " VALUES ($1, $2, $3, $4, $5, $5)"
        " ON CONFLICT (subject) DO UPDATE SET email = excluded.email, name = excluded.name,"
        " groups = excluded.groups, last_seen = excluded.last_seen"
        " RETURNING first_seen = last_seen",
        DAE_TEXT (person->subject), DAE_TEXT (person->email), DAE_TEXT (person->name),
        DAE_JSON (person->groups), DAE_TIME (now));
    if (row && dae_row_int (row, 0))
      dae_publish (tx, PEOPLE_TOPIC, person->subject);
  }
  return NULL;
}

static void
people_written (DaePlugin *self, gpointer result, const char *problem, gpointer data)
{
  AuthState *state = dae_state (self);

  if (!problem)
    return;
  dae_log (self, G_LOG_LEVEL_WARNING, "people not written, their next requests try again",
           DAE_S ("error", problem));
  g_hash_table_remove_all (state->people->noted);
}

static gboolean
people_flush (DaePlugin *self, gpointer data)
{
  AuthState *state = dae_state (self);
  GPtrArray *people = state->people->waiting;

  state->people->waiting = g_ptr_array_new_with_free_func (person_free);
  state->people->timer = 0;
  /* in one order, so that two workers never wait for each other */
  g_ptr_array_sort (people, person_compare);
  dae_work (self, NULL, DAE_WORK_WRITES, people_write, people, (GDestroyNotify)g_ptr_array_unref,
            NULL, people_written, NULL);
  return FALSE;
}

static char *
people_groups (DaePlugin *self, const char *const *groups)
{
  DaeJson *json = dae_json_new (self);

  dae_json_begin_array (json, NULL);
  for (; *groups; groups++)
    dae_json_text (json, NULL, *groups);
  dae_json_end (json);
  return dae_json_finish (json);
}

void
auth_people_seen (DaePlugin *self, const DaeUser *user)
{
  AuthPeople *people = ((AuthState *)dae_state (self))->people;
  gint64 *noted = g_hash_table_lookup (people->noted, user->subject);
  gint64 now = dae_now (self);
  Person *person;

  if (noted && now >= *noted && now - *noted < PEOPLE_PAUSE)
    return;
  if (g_hash_table_size (people->noted) >= PEOPLE_MAX)
    g_hash_table_remove_all (people->noted);
  noted = g_new (gint64, 1);
  *noted = now;
  g_hash_table_replace (people->noted, g_strdup (user->subject), noted);

  person = g_new0 (Person, 1);
  person->subject = g_strdup (user->subject);
  person->email = g_strdup (user->email);
  person->name = g_strdup (user->name);
  person->groups = people_groups (self, user->groups);
  g_ptr_array_add (people->waiting, person);
  if (people->timer == 0)
    people->timer = dae_timer (self, PEOPLE_GATHER_MS, people_flush, NULL);
}

void
auth_merge_people (DaeTx *tx, DaePlugin *self, const char *from, const char *to)
{
  dae_exec_later (tx, "UPDATE access_token SET subject = $2 WHERE subject = $1", DAE_TEXT (from),
                  DAE_TEXT (to));
  dae_exec_later (tx, "DELETE FROM person WHERE subject = $1", DAE_TEXT (from));
}
