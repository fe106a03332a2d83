/* SPDX-License-Identifier: Apache-2.0 */
/* supervisor-handover: this process goes on as another program, or has been another one. */
#include "supervisor-private.h"

#include "../observe/log.h"
#include "../paths.h"

#include <string.h>

static void
add_askers (GPtrArray *calls, GArray *askers)
{
  for (guint i = 0; i < calls->len; i++) {
    int fd = control_call_fd (calls->pdata[i]);

    g_array_append_val (askers, fd);
  }
}

static GArray *
all_members (Supervisor *supervisor)
{
  GArray *members = g_array_new (FALSE, FALSE, sizeof (CrewMember));

  if (supervisor->current != NULL)
    crew_add_members (supervisor->current, members);
  for (guint i = 0; i < supervisor->old->len; i++)
    crew_add_members (supervisor->old->pdata[i], members);
  if (supervisor->handover != NULL)
    handover_add_members (supervisor->handover, members);
  return members;
}

/* Nobody would wait for their ends after an exec. */
static void
rest_forks (Supervisor *supervisor, const CheckResult *result)
{
  fork_server_rest (result->forks);
  if (supervisor->current != NULL)
    fork_server_rest (crew_generation (supervisor->current)->check->forks);
  for (guint i = 0; i < supervisor->old->len; i++)
    fork_server_rest (crew_generation (supervisor->old->pdata[i])->check->forks);
}

void
supervisor_hand_over (Supervisor *supervisor, const CheckResult *result)
{
  g_autoptr (GArray) members = all_members (supervisor);
  g_autoptr (GArray) askers = g_array_new (FALSE, FALSE, sizeof (int));
  g_autoptr (GArray) callers = g_array_new (FALSE, FALSE, sizeof (int));
  g_autoptr (GPtrArray) none = g_ptr_array_new ();
  g_autoptr (GError) error = NULL;
  g_autofree char *text = NULL;
  HandoverLoad load = {
    .options = supervisor->options,
    .exe_fd = result->exe_fd,
    .instance = &supervisor->instance,
    .control = control_fd (supervisor->control),
    .instance_id = supervisor->instance_id,
    .sockets = supervisor->sockets != NULL ? supervisor->sockets : none,
    .passed = supervisor->passed,
    .workers = members,
    .askers = askers,
    .callers = callers,
    .announced = supervisor->announced,
  };

  if (supervisor->options->ephemeral) {
    supervisor_refuse (supervisor, EXIT_CONFIG,
                       "an ephemeral instance cannot take up a program of another layout\n"
                       "    End it, and start the new program.\n");
    return;
  }
  /* who asked during this reload is told the outcome of the other program's own */
  add_askers (supervisor->askers, askers);
  add_askers (supervisor->later, askers);
  control_add_callers (supervisor->control, callers);
  log_line (G_LOG_LEVEL_MESSAGE, "a program of another layout takes over",
            DAE_I ("workers", members->len));
  rest_forks (supervisor, result);
  handover_give (&load, &error);
  text = g_strconcat (error->message, "\n    Install daedalus again.\n", NULL);
  supervisor_refuse (supervisor, 1, text);
}

static void
on_ended (gpointer data)
{
  Supervisor *supervisor = data;

  g_clear_pointer (&supervisor->handover, handover_free);
  supervisor_end_if_alone (supervisor);
}

static const HandoverHooks handover_hooks = {
  .message = supervisor_on_message,
  .worker_ended = supervisor_on_worker_ended,
  .ended = on_ended,
};

static void
take_calls (Supervisor *supervisor)
{
  g_autoptr (GArray) askers = handover_askers (supervisor->handover);
  g_autoptr (GArray) callers = handover_callers (supervisor->handover);

  for (guint i = 0; i < askers->len; i++)
    g_ptr_array_add (supervisor->askers,
                     control_adopt_asker (supervisor->control, g_array_index (askers, int, i)));
  for (guint i = 0; i < callers->len; i++)
    control_adopt_caller (supervisor->control, g_array_index (callers, int, i));
}

/* Which of the sockets in use are the service manager's. */
static void
take_passed (Supervisor *supervisor)
{
  g_ptr_array_unref (supervisor->passed);
  supervisor->passed = handover_passed (supervisor->handover);
  for (guint i = 0; i < supervisor->sockets->len; i++) {
    ListenSocket *socket = supervisor->sockets->pdata[i];

    for (guint k = 0; k < supervisor->passed->len && socket->passed == NULL; k++) {
      const ListenSocket *passed = supervisor->passed->pdata[k];

      if (strcmp (passed->address, socket->address) == 0)
        socket->passed = g_strdup (passed->passed);
    }
  }
}

gboolean
supervisor_take_over (Supervisor *supervisor, int fd, Complaints *complaints)
{
  supervisor->handover = handover_take (fd, &handover_hooks, supervisor);
  if (supervisor->handover == NULL ||
      !handover_instance (supervisor->handover, &supervisor->instance, complaints))
    return FALSE;
  g_strlcpy (supervisor->instance_id, handover_instance_id (supervisor->handover),
             sizeof supervisor->instance_id);
  supervisor->sockets = handover_sockets (supervisor->handover);
  take_passed (supervisor);
  handover_announced (supervisor->handover, supervisor->announced);
  supervisor->control =
      control_new (supervisor->instance.control_socket, handover_control (supervisor->handover),
                   supervisor_on_command, supervisor, complaints);
  take_calls (supervisor);
  if (handover_is_empty (supervisor->handover))
    g_clear_pointer (&supervisor->handover, handover_free);
  return TRUE;
}
