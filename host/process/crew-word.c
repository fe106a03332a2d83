/* SPDX-License-Identifier: Apache-2.0 */
/* crew-word: what a crew says to its workers: hints, which may be lost, and orders, which may not.
 */
#include "crew-private.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>

#define RETRY_MS 20

static gboolean
try_to_send (CrewWorker *worker, const char *message, gsize length)
{
  return send (worker->control, message, length, MSG_DONTWAIT | MSG_NOSIGNAL) >= 0 ||
         errno != EAGAIN;
}

static gboolean
send_what_is_owed (gpointer data)
{
  CrewWorker *worker = data;

  for (const char *word; (word = g_queue_peek_head (&worker->owed)) != NULL;) {
    if (!try_to_send (worker, word, strlen (word)))
      return G_SOURCE_CONTINUE;
    g_free (g_queue_pop_head (&worker->owed));
  }
  if (worker->owes_loss && !try_to_send (worker, "L", 1))
    return G_SOURCE_CONTINUE;
  worker->owes_loss = FALSE;
  worker->retry_source = 0;
  return G_SOURCE_REMOVE;
}

static void
send_later (CrewWorker *worker)
{
  if (worker->retry_source == 0)
    worker->retry_source = g_timeout_add (RETRY_MS, send_what_is_owed, worker);
}

void
crew_send_word (CrewWorker *worker, const char *word)
{
  if (worker->watch.pid == 0 ||
      (g_queue_is_empty (&worker->owed) && try_to_send (worker, word, strlen (word))))
    return;
  g_queue_push_tail (&worker->owed, g_strdup (word));
  send_later (worker);
}

void
crew_send (Crew *crew, guint except_slot, const char *message, gsize length)
{
  for (guint i = 0; i < crew->generation->n_workers; i++) {
    CrewWorker *worker = &crew->workers[i];

    if (worker->watch.pid == 0 || worker->watch.slot == except_slot ||
        try_to_send (worker, message, length))
      continue;
    worker->owes_loss = TRUE;
    send_later (worker);
  }
}

void
crew_send_level (CrewWorker *worker)
{
  const char *level = worker->crew->ground->debug
                          ? "debug"
                          : config_text (worker->crew->generation->config, "log", "level");
  g_autofree char *word = g_strconcat ("V", level, NULL);

  if (worker->watch.pid != 0)
    (void)!try_to_send (worker, word, strlen (word));
}

void
crew_set_level (Crew *crew)
{
  for (guint i = 0; i < crew->generation->n_workers; i++)
    crew_send_level (&crew->workers[i]);
}
