/* SPDX-License-Identifier: Apache-2.0 */
/* database-postgres-listen: the hints of other hosts, on a connection of its own in the loop.
 *
 * Connecting may block (names are looked up), so a short-lived thread does it;
 * from then on the socket is watched by the loop.
 */
#include "database-postgres.h"

#include <glib-unix.h>

#include "../observe/log.h"

#define CONNECT_US   (3 * G_USEC_PER_SEC)
#define PAUSE_MIN_MS 200
#define PAUSE_MAX_MS 5000

typedef struct {
  DatabasePostgres *shared;
  GMainContext *context;
  void (*func) (const char *payload, gpointer data);
  gpointer data;
  GThread *thread;  /* connecting */
  GSource *arrival; /* the thread's outcome is there */
  PGconn *found;    /* the thread's; NULL: none */
  PGconn *pg;
  GSource *watch, *timer;
  guint pause_ms;
  gboolean has_missed; /* hints may have been sent while nobody listened */
} Listener;

static void listener_connect (Listener *listener);

static void
listener_clear_source (GSource **source)
{
  if (*source == NULL)
    return;
  g_source_destroy (*source);
  g_clear_pointer (source, g_source_unref);
}

static gboolean
listener_on_timer (gpointer data)
{
  Listener *listener = data;

  listener_clear_source (&listener->timer);
  listener_connect (listener);
  return G_SOURCE_REMOVE;
}

static void
listener_retry (Listener *listener)
{
  listener_clear_source (&listener->watch);
  g_clear_pointer (&listener->pg, PQfinish);
  listener->timer = g_timeout_source_new (listener->pause_ms);
  g_source_set_callback (listener->timer, listener_on_timer, listener, NULL);
  g_source_attach (listener->timer, listener->context);
  listener->pause_ms = MIN (listener->pause_ms * 2, PAUSE_MAX_MS);
}

static void
listener_pass_on (Listener *listener)
{
  PGnotify *notify;

  while ((notify = PQnotifies (listener->pg)) != NULL) {
    listener->func (notify->extra, listener->data);
    PQfreemem (notify);
  }
}

static gboolean
listener_on_input (int fd, GIOCondition condition, gpointer data)
{
  Listener *listener = data;

  if (PQconsumeInput (listener->pg) == 0 || PQstatus (listener->pg) == CONNECTION_BAD) {
    listener_retry (listener);
    return G_SOURCE_REMOVE;
  }
  listener_pass_on (listener);
  return G_SOURCE_CONTINUE;
}

static gboolean
listener_on_arrival (gpointer data)
{
  Listener *listener = data;

  g_thread_join (g_steal_pointer (&listener->thread));
  listener_clear_source (&listener->arrival);
  listener->pg = g_steal_pointer (&listener->found);
  if (listener->pg == NULL) {
    listener->has_missed = TRUE;
    listener_retry (listener);
    return G_SOURCE_REMOVE;
  }
  listener->pause_ms = PAUSE_MIN_MS;
  listener->watch = g_unix_fd_source_new (PQsocket (listener->pg), G_IO_IN | G_IO_HUP | G_IO_ERR);
  g_source_set_callback (listener->watch, G_SOURCE_FUNC (listener_on_input), listener, NULL);
  g_source_attach (listener->watch, listener->context);
  if (listener->has_missed)
    listener->func (NULL, listener->data);
  listener->has_missed = TRUE;
  listener_pass_on (listener);
  return G_SOURCE_REMOVE;
}

static gboolean
listener_listen (PGconn *pg, gint64 deadline)
{
  gboolean ok = PQsendQuery (pg, "LISTEN daedalus") != 0;
  gboolean late;

  while (ok) {
    PGresult *result;

    if (!database_postgres_wait (pg, deadline, &late))
      return FALSE;
    result = PQgetResult (pg);
    if (result == NULL)
      return TRUE;
    ok = PQresultStatus (result) == PGRES_COMMAND_OK;
    PQclear (result);
  }
  return FALSE;
}

static gpointer
listener_thread (gpointer data)
{
  Listener *listener = data;
  gint64 deadline = g_get_monotonic_time () + CONNECT_US;
  g_autoptr (GError) error = NULL;
  PGconn *pg = database_postgres_connect (listener->shared, DATABASE_USE_LISTEN, deadline, &error);

  if (pg != NULL && !listener_listen (pg, deadline))
    g_clear_pointer (&pg, PQfinish);
  if (pg == NULL)
    log_line (G_LOG_LEVEL_DEBUG, "cannot listen to other hosts",
              DAE_S ("error", error != NULL ? error->message : "LISTEN was refused"));
  listener->found = pg;
  g_source_attach (listener->arrival, listener->context);
  return NULL;
}

static void
listener_connect (Listener *listener)
{
  listener->arrival = g_idle_source_new ();
  g_source_set_priority (listener->arrival, G_PRIORITY_DEFAULT);
  g_source_set_callback (listener->arrival, listener_on_arrival, listener, NULL);
  listener->thread = g_thread_new ("listen", listener_thread, listener);
}

gpointer
database_postgres_listen (gpointer shared,
                          void (*func) (const char *payload, gpointer data),
                          gpointer data)
{
  Listener *listener = g_new0 (Listener, 1);

  listener->shared = shared;
  listener->context = g_main_context_ref_thread_default ();
  listener->func = func;
  listener->data = data;
  listener->pause_ms = PAUSE_MIN_MS;
  listener_connect (listener);
  return listener;
}

void
database_postgres_unlisten (gpointer data)
{
  Listener *listener = data;

  if (listener->thread != NULL)
    g_thread_join (listener->thread);
  listener_clear_source (&listener->arrival);
  listener_clear_source (&listener->watch);
  listener_clear_source (&listener->timer);
  g_clear_pointer (&listener->found, PQfinish);
  g_clear_pointer (&listener->pg, PQfinish);
  g_main_context_unref (listener->context);
  g_free (listener);
}
