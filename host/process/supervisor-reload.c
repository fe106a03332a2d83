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
#define MAX_OLD_CREWS    8     /* that finish what they began: memory is bounded, no turn is cut */
#define ANNOUNCE_WAIT_MS 2000
#define ANNOUNCE_LOOK_MS 20

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
  ListenSocket *had = find_socket (supervisor->sockets, address);
  int fd;

  if (had == NULL)
    return listen_open (address, internal, complaints);
  fd = fcntl (had->fd, F_DUPFD_CLOEXEC, 3);
  if (fd >= 0)
    return listen_adopt (address, fd, internal);
  complaints_add (complaints, NULL, NULL, 0, "http", "listen", "there is no descriptor left",
                  "Give daedalus more descriptors.");
  return NULL;
}

static gboolean
has_passed (GPtrArray *sockets, const ListenSocket *passed)
{
  for (guint i = 0; i < sockets->len; i++) {
    const ListenSocket *socket = sockets->pdata[i];

    if (socket->passed != NULL && strcmp (socket->address, passed->address) == 0)
      return TRUE;
  }
  return FALSE;
}

/* Adds those sockets of the service manager that ADDRESS means. FALSE: it means none. */
static gboolean
share_passed (Supervisor *supervisor, GPtrArray *sockets, const char *address)
{
  gboolean any = FALSE;

  for (guint i = 0; i < supervisor->passed->len; i++) {
    const ListenSocket *passed = supervisor->passed->pdata[i];
    ListenSocket *shared;

    if (!listen_means (address, passed))
      continue;
    any = TRUE;
    shared = !has_passed (sockets, passed) ? listen_share (passed) : NULL;
    if (shared != NULL)
      g_ptr_array_add (sockets, shared);
  }
  return any;
}

/* Whoever connects to a socket that nobody serves would wait for ever. */
static void
complain_of_unserved (Supervisor *supervisor, GPtrArray *sockets, Complaints *complaints)
{
  for (guint i = 0; i < supervisor->passed->len; i++) {
    const ListenSocket *passed = supervisor->passed->pdata[i];
    g_autofree char *why = NULL;

    if (has_passed (sockets, passed))
      continue;
    why = g_strdup_printf ("the service manager passes %s, which listen does not name",
                           passed->address);
    complaints_add (complaints, NULL, NULL, 0, "http", "listen", why,
                    "Write listen = systemd in [http], or take it out of the socket unit.");
  }
}

static void
add_address (Supervisor *supervisor,
             GPtrArray *sockets,
             const char *address,
             gboolean will_serve,
             Complaints *complaints)
{
  ListenSocket *socket = NULL;
  g_autofree char *why = NULL;

  if (share_passed (supervisor, sockets, address))
    return;
  if (listen_is_passed (address)) {
    why = g_strdup_printf ("the service manager passes no socket for \"%s\"", address);
    complaints_add (complaints, NULL, NULL, 0, "http", "listen", why,
                    "Enable the socket unit, or write an address such as 127.0.0.1:8000.");
  } else if (will_serve || !g_str_has_prefix (address, "unix:"))
    socket = share_or_open (supervisor, address, FALSE, complaints);
  if (socket != NULL)
    g_ptr_array_add (sockets, socket);
}

/* The sockets that CONFIG asks for; those that are open already are used again. Where nothing
 * WILL_SERVE, only to find out whether they can be had, and without a trace. */
static GPtrArray *
open_sockets (Supervisor *supervisor, Config *config, gboolean will_serve, Complaints *complaints)
{
  GPtrArray *sockets = g_ptr_array_new_with_free_func ((GDestroyNotify)listen_free);
  g_autofree char *internal = g_strconcat ("unix:", supervisor->instance.internal_socket, NULL);
  const char *const *addresses = config_list (config, "http", "listen");

  for (guint i = 0; addresses[i] != NULL; i++)
    add_address (supervisor, sockets, addresses[i], will_serve, complaints);
  complain_of_unserved (supervisor, sockets, complaints);
  if (will_serve && complaints_count (complaints) == 0) {
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
    handover_send (supervisor->handover, from_slot, message, length);
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

void
supervisor_on_message (guint slot, const char *message, gsize length, gpointer data)
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

void
supervisor_on_worker_ended (guint index, gpointer data)
{
  static const char topic[] = "Hworker:ended";
  char message[sizeof topic + 16];
  int length = g_snprintf (message + sizeof topic, 16, "%u", index);

  memcpy (message, topic, sizeof topic);
  supervisor_relay (data, 0, message, sizeof topic + (gsize)length + 1);
}

/* ---- outcomes ---------------------------------------------------------- */

/* A check or crew has come to its end: who asked is told, and who has asked since gets a new one.
 */
static void
conclude (Supervisor *supervisor, int status, const char *text)
{
  GPtrArray *answered = supervisor->askers;

  g_clear_handle_id (&supervisor->reload_limit, g_source_remove);
  supervisor->reloading = FALSE;
  supervisor->askers = supervisor->later;
  supervisor->later = answered;
  for (guint i = 0; i < answered->len; i++)
    control_answer (answered->pdata[i], status, text);
  g_ptr_array_set_size (answered, 0);
  if (supervisor->stopping)
    return;
  notify_send ("READY=1\nSTATUS=serving");
  if (supervisor->reload_again)
    supervisor_reload (supervisor);
}

void
supervisor_refuse (Supervisor *supervisor, int status, const char *text)
{
  if (supervisor->stopping) {
    conclude (supervisor, 1, "daedalus is on its way out\n");
  } else if (supervisor_serves (supervisor)) {
    log_line (G_LOG_LEVEL_WARNING, "reload refused", DAE_S ("why", text));
    conclude (supervisor, EXIT_CONFIG, text);
  } else {
    fputs (text, stderr);
    fflush (stderr);
    supervisor->exit_status = status;
    supervisor->stopping = TRUE;
  }
  supervisor_end_if_alone (supervisor);
}

static void
retire (Supervisor *supervisor, Crew *crew)
{
  gint64 limit = config_int (crew_generation (crew)->config, "host", "drain-limit");
  g_autofree char *word = g_strdup_printf ("D %" G_GINT64_FORMAT, limit);

  g_ptr_array_add (supervisor->old, crew);
  crew_drain (crew, word, (guint)limit + KILL_GRACE_MS);
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

  log_line (G_LOG_LEVEL_MESSAGE, "daedalus serves", DAE_S ("url", url),
            DAE_I ("workers", crew_generation (supervisor->current)->n_workers),
            DAE_S ("version", DAEDALUS_VERSION));
  if (supervisor->options->ephemeral)
    g_timeout_add (ANNOUNCE_LOOK_MS, wait_for_announcements, supervisor);
}

/* The workers of the supervisor before this one make way as those of an old generation do. */
static void
retire_handover (Supervisor *supervisor)
{
  guint limit =
      (guint)config_int (crew_generation (supervisor->current)->config, "host", "drain-limit");
  g_autofree char *word = g_strdup_printf ("D %u", limit);

  handover_drain (supervisor->handover, word, limit + KILL_GRACE_MS);
}

static char *
tell_changes (Supervisor *supervisor, Crew *before)
{
  g_autofree char *changes = NULL;

  if (before == NULL)
    return g_strdup_printf ("daedalus %s (%s) of layout %d runs now; all workers were replaced\n",
                            DAEDALUS_VERSION, DAEDALUS_REVISION, DAEDALUS_LAYOUT);
  changes = generation_changes (crew_generation (before), crew_generation (supervisor->current));
  return *changes != '\0' ? g_steal_pointer (&changes)
                          : g_strdup ("nothing changed; all workers were replaced\n");
}

static void
on_crew_ready (Crew *crew, gpointer data)
{
  Supervisor *supervisor = data;
  Crew *before = supervisor->current;
  const char *reason = "reload";
  g_autofree char *changes = NULL;

  supervisor->current = crew;
  supervisor->next = NULL;
  supervisor_set_level (supervisor);
  changes = tell_changes (supervisor, before);
  if (before != NULL || supervisor->handover != NULL)
    log_line (G_LOG_LEVEL_MESSAGE, "reloaded", DAE_S ("changes", changes));
  if (before == NULL) {
    begin_service (supervisor);
  } else {
    metrics_add (metrics_series (supervisor->crew_ground.restarts, &reason, 1),
                 crew_generation (crew)->n_workers);
    retire (supervisor, before);
  }
  if (before == NULL && supervisor->handover != NULL)
    retire_handover (supervisor);
  conclude (supervisor, 0, changes);
}

static void
on_crew_failed (Crew *crew, int status, const char *text, gpointer data)
{
  Supervisor *supervisor = data;

  g_assert (crew == supervisor->next);
  supervisor->next = NULL;
  g_ptr_array_add (supervisor->old, crew);
  crew_kill (crew);
  supervisor_refuse (supervisor, status, text);
}

static void
on_crew_ended (Crew *crew, gpointer data)
{
  Supervisor *supervisor = data;
  gboolean was_next = crew == supervisor->next;

  if (crew == supervisor->current)
    supervisor->current = NULL;
  else if (was_next)
    supervisor->next = NULL;
  else
    g_ptr_array_remove (supervisor->old, crew);
  crew_free (crew);
  if (was_next) /* the end has come before it was ready */
    supervisor_refuse (supervisor, 1, "");
  supervisor_end_if_alone (supervisor);
}

static const CrewHooks crew_hooks = {
  .ready = on_crew_ready,
  .failed = on_crew_failed,
  .ended = on_crew_ended,
  .message = supervisor_on_message,
  .worker_ended = supervisor_on_worker_ended,
};

static gboolean
on_reload_limit (gpointer data)
{
  Supervisor *supervisor = data;

  supervisor->reload_limit = 0;
  on_crew_failed (supervisor->next, EXIT_CONFIG,
                  "the new workers are not ready after 30 s; the old ones go on\n"
                  "    See the log for what they wait for.\n",
                  supervisor);
  return G_SOURCE_REMOVE;
}

/* ---- from a check to a crew -------------------------------------------- */

static gboolean
is_of_our_layout (CheckResult *result)
{
  guint32 layout = 0;

  g_variant_lookup (result->facts, "layout", "u", &layout);
  return layout == DAEDALUS_LAYOUT;
}

static void
log_left_out (Complaints *complaints)
{
  for (guint i = 0; i < complaints_count (complaints); i++) {
    const Complaint *complaint = complaints_get (complaints, i);

    log_line (G_LOG_LEVEL_WARNING, "plugin left out", DAE_S ("plugin", complaint->plugin),
              DAE_S ("why", complaint->why), DAE_S ("remedy", complaint->remedy));
  }
}

/* RESULT (given) is good: its workers are started. */
static void
begin_crew (Supervisor *supervisor, CheckResult *result, Config *config, GPtrArray *sockets)
{
  Generation *generation = generation_new (++supervisor->generations, result, config, sockets,
                                           &supervisor->generation_ground);

  if (generation == NULL) {
    supervisor_refuse (supervisor, 1,
                       "there is no memory or descriptor left for new workers\n"
                       "    Give daedalus more of them.\n");
    return;
  }
  log_left_out (result->complaints);
  g_clear_pointer (&supervisor->sockets, g_ptr_array_unref);
  supervisor->sockets = g_ptr_array_ref (sockets);
  supervisor->next = crew_new (generation, &supervisor->crew_ground, &crew_hooks, supervisor);
  if (supervisor_serves (supervisor))
    supervisor->reload_limit = g_timeout_add (RELOAD_LIMIT_MS, on_reload_limit, supervisor);
}

static void
add_all (Complaints *to, const Complaints *from)
{
  g_autoptr (GVariant) variant = g_variant_ref_sink (complaints_to_variant (from));

  complaints_add_variant (to, variant);
}

/* All that is wrong comes together: what the start has found, the check, and the sockets. */
static void
judge (Supervisor *supervisor, CheckResult *result)
{
  g_autoptr (Complaints) grave = complaints_new (), repeated = complaints_new ();
  g_autoptr (GPtrArray) sockets = NULL;
  g_autofree char *text = NULL;
  Config *config = NULL;

  if (result->facts != NULL && supervisor->control != NULL) {
    g_autoptr (GVariant) snapshot = g_variant_lookup_value (result->facts, "config", NULL);

    config = config_from_variant (snapshot);
    config_declare_host (config, repeated);
    sockets = open_sockets (supervisor, config, result->ok, grave);
  }
  add_all (grave, supervisor->refusals);
  if (result->ok && complaints_count (grave) == 0) {
    begin_crew (supervisor, result, config, sockets);
    return;
  }
  add_all (result->complaints, grave);
  text = complaints_to_text (result->complaints);
  g_clear_pointer (&config, config_free);
  check_result_free (result);
  supervisor_refuse (supervisor, EXIT_CONFIG, text);
}

static void
on_checked (CheckResult *result, gpointer data)
{
  Supervisor *supervisor = data;

  if (supervisor->stopping)
    supervisor_refuse (supervisor, 1, "");
  else if (result->ok && supervisor->control != NULL && !is_of_our_layout (result))
    supervisor_hand_over (supervisor, result);
  else {
    judge (supervisor, result);
    return;
  }
  check_result_free (result);
}

void
supervisor_reload (Supervisor *supervisor)
{
  gboolean serves = supervisor_serves (supervisor);

  if (supervisor->reloading) {
    supervisor->reload_again = TRUE;
    return;
  }
  supervisor->reloading = TRUE;
  supervisor->reload_again = FALSE;
  if (serves && supervisor->old->len >= MAX_OLD_CREWS) {
    supervisor_refuse (supervisor, 1,
                       "the workers of earlier reloads still finish requests and turns\n"
                       "    Reload again when they are done.\n");
    return;
  }
  if (serves)
    notify_reloading ();
  check_start (supervisor->options, supervisor->exe, serves ? &supervisor->instance : NULL,
               g_steal_pointer (&supervisor->forks), on_checked, supervisor);
}

void
supervisor_on_command (ControlCall *call, const char *line, gpointer data)
{
  Supervisor *supervisor = data;

  if (strcmp (line, "reload") != 0) {
    control_answer (call, 1, "unknown command\n    Use the program that runs.\n");
    return;
  }
  if (supervisor->stopping) {
    control_answer (call, 1, "daedalus is on its way out\n    Start it anew when it has ended.\n");
    return;
  }
  /* a check that is under way has not seen what was written since */
  g_ptr_array_add (supervisor->reloading ? supervisor->later : supervisor->askers, call);
  supervisor_reload (supervisor);
}
