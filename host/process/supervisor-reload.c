/* SPDX-License-Identifier: Apache-2.0 */
/* supervisor: from a check to serving workers, again and again. */
#include "../observe/log.h"
#include "../observe/metrics.h"
#include "../paths.h"
#include "ephemeral.h"
#include "notify.h"
#include "supervisor-private.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define RELOAD_LIMIT_MS  30000 /* a new crew must be ready by then */
#define MAX_OLD_CREWS    2
#define ANNOUNCE_WAIT_MS 2000
#define ANNOUNCE_LOOK_MS 20

void
supervisor_print_complaints (Complaints *complaints)
{
  g_autofree char *text = complaints_to_text (complaints);

  fputs (text, stderr);
  fflush (stderr);
}

static int
refuse (Supervisor *supervisor, Complaints *complaints)
{
  supervisor_print_complaints (complaints);
  supervisor->exit_status = EXIT_CONFIG;
  g_main_loop_quit (supervisor->loop);
  return EXIT_CONFIG;
}

static ListenSocket *
find_socket (GPtrArray *sockets, const char *address)
{
  for (guint i = 0; sockets != NULL && i < sockets->len; i++) {
    ListenSocket *socket = sockets->pdata[i];

    if (strcmp (socket->address, address) == 0)
      return socket;
  }
  return NULL;
}

static ListenSocket *
share_or_open (Supervisor *supervisor,
               const char *address,
               gboolean internal,
               Complaints *complaints)
{
  ListenSocket *had = find_socket (supervisor->sockets, address), *shared;

  if (had == NULL)
    return listen_open (address, internal, complaints);
  shared = g_new0 (ListenSocket, 1);
  shared->address = g_strdup (address);
  shared->fd = fcntl (had->fd, F_DUPFD_CLOEXEC, 3);
  shared->internal = internal;
  return shared;
}

/* The sockets that CONFIG asks for; those that are open already are used again. */
static GPtrArray *
open_sockets (Supervisor *supervisor, Config *config, Complaints *complaints)
{
  GPtrArray *sockets = g_ptr_array_new_with_free_func ((GDestroyNotify)listen_free);
  g_autofree char *internal = g_strconcat ("unix:", supervisor->instance.internal_socket, NULL);
  const char *const *addresses = config_list (config, "http", "listen");

  for (guint i = 0; addresses[i] != NULL; i++) {
    ListenSocket *socket = share_or_open (supervisor, addresses[i], FALSE, complaints);

    if (socket != NULL)
      g_ptr_array_add (sockets, socket);
  }
  if (complaints_count (complaints) == 0) {
    ListenSocket *socket = share_or_open (supervisor, internal, TRUE, complaints);

    if (socket != NULL)
      g_ptr_array_add (sockets, socket);
  }
  return sockets;
}

void
supervisor_relay (Supervisor *supervisor, guint from_slot, const char *message, gsize length)
{
  if (supervisor->current != NULL)
    crew_send (supervisor->current, from_slot, message, length);
  if (supervisor->next != NULL)
    crew_send (supervisor->next, from_slot, message, length);
  for (guint i = 0; i < supervisor->old->len; i++)
    crew_send (supervisor->old->pdata[i], from_slot, message, length);
  if (supervisor->handover != NULL)
    handover_send (supervisor->handover, message, length);
}

static void
take_announcement (Supervisor *supervisor, const char *message)
{
  g_auto (GStrv) parts = g_strsplit (message, "\n", 2);

  for (const char *c = parts[0]; *c != '\0'; c++)
    if (!g_ascii_islower (*c) && *c != '-')
      return;
  instance_announce (&supervisor->instance, parts[0], parts[1]);
  if (parts[1] == NULL)
    g_hash_table_insert (supervisor->announced, g_strdup (parts[0]), NULL);
  else if (g_strcmp0 (g_hash_table_lookup (supervisor->announced, parts[0]), parts[1]) != 0) {
    g_hash_table_insert (supervisor->announced, g_strdup (parts[0]), g_strdup (parts[1]));
    if ((supervisor->options->print_link ||
         (!supervisor->options->ephemeral && isatty (STDOUT_FILENO))) &&
        strcmp (parts[0], "start-link") == 0)
      printf ("\n  Open this link to sign in (it works once): %s\n\n", parts[1]);
    fflush (stdout);
  }
}

static void
on_crew_message (Crew *crew, guint slot, const char *message, gsize length, gpointer data)
{
  Supervisor *supervisor = data;

  switch (message[0]) {
  case 'H':
  case 'L':
    supervisor_relay (supervisor, slot, message, length);
    break;
  case 'A':
    take_announcement (supervisor, message + 1);
    break;
  default:
    break;
  }
}

static void
on_worker_ended (Crew *crew, guint index, gboolean ordered, gpointer data)
{
  g_autofree char *text = g_strdup_printf ("Hworker:ended%c%u", '\0', index);

  supervisor_relay (data, 0, text,
                    strlen ("Hworker:ended") + 1 + strlen (text + strlen ("Hworker:ended") + 1) +
                        1);
}

static void
answer_askers (Supervisor *supervisor, int status, const char *text)
{
  for (guint i = 0; i < supervisor->askers->len; i++)
    control_answer (supervisor->askers->pdata[i], status, text);
  g_ptr_array_set_size (supervisor->askers, 0);
}

static void
end_reload (Supervisor *supervisor, int status, const char *text)
{
  g_clear_handle_id (&supervisor->reload_limit, g_source_remove);
  supervisor->reloading = FALSE;
  if (status == 0)
    log_line (G_LOG_LEVEL_MESSAGE, "reloaded", DAE_S ("changes", text));
  else
    log_line (G_LOG_LEVEL_WARNING, "reload refused", DAE_S ("why", text));
  answer_askers (supervisor, status, text);
  notify_send ("READY=1");
  if (supervisor->reload_again && !supervisor->stopping) {
    supervisor->reload_again = FALSE;
    supervisor_reload (supervisor);
  }
}

static void
retire (Supervisor *supervisor, Crew *crew)
{
  gint64 limit = config_int (crew_generation (crew)->config, "host", "drain-limit");
  g_autofree char *word = g_strdup_printf ("D %" G_GINT64_FORMAT, limit);

  g_ptr_array_add (supervisor->old, crew);
  crew_drain (crew, word, (guint)limit + KILL_GRACE_MS);
  if (supervisor->old->len > MAX_OLD_CREWS)
    crew_drain (supervisor->old->pdata[0], "D 0", KILL_GRACE_MS);
}

static gboolean
print_ephemeral (gpointer data)
{
  Supervisor *supervisor = data;
  /* where it listens: whoever started it is beside it, and the base URL may be a proxy's */
  g_autofree char *url = generation_listen_url (supervisor->sockets);

  ephemeral_print (url, g_hash_table_lookup (supervisor->announced, "token"),
                   g_hash_table_lookup (supervisor->announced, "start-link"));
  return G_SOURCE_REMOVE;
}

/* Announcements follow readiness closely; without them the line is printed after a while. */
static gboolean
wait_for_announcements (gpointer data)
{
  Supervisor *supervisor = data;
  static guint looks;

  if (++looks < ANNOUNCE_WAIT_MS / ANNOUNCE_LOOK_MS &&
      (!g_hash_table_contains (supervisor->announced, "token") ||
       !g_hash_table_contains (supervisor->announced, "start-link")))
    return G_SOURCE_CONTINUE;
  return print_ephemeral (data);
}

static void
begin_service (Supervisor *supervisor)
{
  g_autofree char *url =
      generation_base_url (crew_generation (supervisor->current)->config, supervisor->sockets);

  supervisor->served = TRUE;
  log_line (G_LOG_LEVEL_MESSAGE, "daedalus serves", DAE_S ("url", url),
            DAE_I ("workers", crew_generation (supervisor->current)->n_workers),
            DAE_S ("version", DAEDALUS_VERSION));
  notify_send ("READY=1\nSTATUS=serving");
  if (supervisor->handover != NULL)
    handover_complete (
        supervisor->handover,
        (guint)config_int (crew_generation (supervisor->current)->config, "host", "drain-limit"), 0,
        "a new supervisor runs\n");
  if (supervisor->options->ephemeral)
    g_timeout_add (ANNOUNCE_LOOK_MS, wait_for_announcements, supervisor);
}

static void
on_crew_ready (Crew *crew, gpointer data)
{
  Supervisor *supervisor = data;
  g_autofree char *changes = NULL;
  Crew *before = supervisor->current;
  const char *reason = "reload";

  if (!supervisor->served) {
    begin_service (supervisor);
    return;
  }
  g_assert (crew == supervisor->next);
  changes = generation_changes (crew_generation (before), crew_generation (crew));
  metrics_add (metrics_series (supervisor->crew_ground.restarts, &reason, 1),
               crew_generation (crew)->n_workers);
  supervisor->current = crew;
  supervisor->next = NULL;
  retire (supervisor, before);
  end_reload (supervisor, 0,
              *changes != '\0' ? changes : "nothing changed; all workers were replaced\n");
}

static void
on_crew_failed (Crew *crew, const char *text, gpointer data)
{
  Supervisor *supervisor = data;

  if (crew == supervisor->next) {
    supervisor->next = NULL;
    g_ptr_array_add (supervisor->old, crew);
    crew_kill (crew);
    end_reload (supervisor, EXIT_CONFIG, text);
    return;
  }
  fputs (text, stderr);
  supervisor->exit_status = EXIT_CONFIG;
  supervisor->stopping = TRUE;
  crew_kill (crew);
}

static void
on_crew_ended (Crew *crew, gpointer data)
{
  Supervisor *supervisor = data;

  if (!g_ptr_array_remove (supervisor->old, crew)) {
    if (crew == supervisor->next)
      supervisor->next = NULL;
    else if (crew == supervisor->current)
      supervisor->current = NULL;
  }
  crew_free (crew);
  if (supervisor->stopping && supervisor->current == NULL && supervisor->next == NULL &&
      supervisor->old->len == 0)
    g_main_loop_quit (supervisor->loop);
}

static const CrewHooks crew_hooks = {
  .ready = on_crew_ready,
  .failed = on_crew_failed,
  .ended = on_crew_ended,
  .message = on_crew_message,
  .worker_ended = on_worker_ended,
};

static gboolean
on_reload_limit (gpointer data)
{
  Supervisor *supervisor = data;

  supervisor->reload_limit = 0;
  if (supervisor->next != NULL)
    on_crew_failed (supervisor->next,
                    "the new workers are not ready after 30 s; the old ones go on\n", supervisor);
  return G_SOURCE_REMOVE;
}

/* The new program speaks another layout: it takes this process over. */
static void
hand_over (Supervisor *supervisor, CheckResult *result)
{
  g_autoptr (GPtrArray) crews = g_ptr_array_new ();
  g_autoptr (GArray) askers = g_array_new (FALSE, FALSE, sizeof (int));
  g_autoptr (GError) error = NULL;

  if (supervisor->options->ephemeral) {
    end_reload (supervisor, EXIT_CONFIG,
                "an ephemeral instance cannot take up a program of another layout\n");
    return;
  }
  g_ptr_array_add (crews, supervisor->current);
  for (guint i = 0; i < supervisor->old->len; i++)
    g_ptr_array_add (crews, supervisor->old->pdata[i]);
  for (guint i = 0; i < supervisor->askers->len; i++) {
    int fd = control_steal_fd (supervisor->askers->pdata[i]);

    g_array_append_val (askers, fd);
  }
  g_ptr_array_set_size (supervisor->askers, 0);
  log_line (G_LOG_LEVEL_MESSAGE, "a supervisor of another layout takes over");
  handover_give (supervisor->options, result->exe_fd, &supervisor->instance, supervisor->sockets,
                 crews, askers, &error);
  end_reload (supervisor, 1, error->message);
}

static gboolean
is_of_our_layout (CheckResult *result)
{
  guint32 layout = 0;

  g_variant_lookup (result->facts, "layout", "u", &layout);
  return layout == DAEDALUS_LAYOUT;
}

/* A check has come back: it becomes a generation with a crew, or is refused. */
void
supervisor_checked (CheckResult *result, gpointer data)
{
  Supervisor *supervisor = data;
  g_autoptr (GVariant) snapshot = NULL;
  g_autoptr (GPtrArray) sockets = NULL;
  Config *config = NULL;

  if (result->ok && supervisor->served && !is_of_our_layout (result)) {
    hand_over (supervisor, result);
    check_result_free (result);
    return;
  }
  if (result->ok && !supervisor->stopping) {
    snapshot = g_variant_lookup_value (result->facts, "config", NULL);
    config = config_from_variant (snapshot);
    config_declare_host (config, result->complaints);
    sockets = open_sockets (supervisor, config, result->complaints);
    result->ok = complaints_count (result->complaints) == 0 ||
                 g_strcmp0 (config_text (config, "host", "on-plugin-failure"), "continue") == 0;
  }
  if (!result->ok || supervisor->stopping) {
    g_autofree char *text = complaints_to_text (result->complaints);

    g_clear_pointer (&config, config_free);
    if (supervisor->served)
      end_reload (supervisor, EXIT_CONFIG, text);
    else
      refuse (supervisor, result->complaints);
    check_result_free (result);
    return;
  }
  for (guint i = 0; i < complaints_count (result->complaints); i++)
    log_line (G_LOG_LEVEL_WARNING, "plugin left out",
              DAE_S ("plugin", complaints_get (result->complaints, i)->plugin),
              DAE_S ("why", complaints_get (result->complaints, i)->why));
  g_clear_pointer (&supervisor->sockets, g_ptr_array_unref);
  supervisor->sockets = g_ptr_array_ref (sockets);
  supervisor->next = crew_new (generation_new (++supervisor->generations, result, config, sockets,
                                               &supervisor->generation_ground),
                               &supervisor->crew_ground, &crew_hooks, supervisor);
  if (!supervisor->served)
    supervisor->current = g_steal_pointer (&supervisor->next);
  else
    supervisor->reload_limit = g_timeout_add (RELOAD_LIMIT_MS, on_reload_limit, supervisor);
}

void
supervisor_reload (Supervisor *supervisor)
{
  if (supervisor->reloading || !supervisor->served) {
    supervisor->reload_again = TRUE;
    return;
  }
  supervisor->reloading = TRUE;
  notify_send ("RELOADING=1");
  check_start (supervisor->options, supervisor->exe, supervisor_checked, supervisor);
}

void
supervisor_on_command (ControlCall *call, const char *line, gpointer data)
{
  Supervisor *supervisor = data;

  if (strcmp (line, "reload") != 0) {
    control_answer (call, 1, "unknown command\n");
    return;
  }
  if (supervisor->stopping) {
    control_answer (call, 1, "daedalus is on its way out\n");
    return;
  }
  g_ptr_array_add (supervisor->askers, call);
  if (!supervisor->reloading)
    supervisor_reload (supervisor);
}
