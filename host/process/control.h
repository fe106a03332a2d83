/* SPDX-License-Identifier: Apache-2.0 */
/* control: the Unix socket by which commands reach the running supervisor. One line in, an answer
 * out, then the connection ends. */
#pragma once

#include "../config/complaint.h"

typedef struct Control Control;
typedef struct ControlCall ControlCall; /* one command that waits for its answer */

/* Serves PATH (0600), on the listening socket FD if that is not -1 (given). FUNC gets each line; it answers
 * by control_answer, now or later. */
Control *control_new (const char *path, int fd, void (*func) (ControlCall *call, const char *line, gpointer data),
                      gpointer data, Complaints *complaints);
/* STATUS is the command's exit status; TEXT what it prints. CALL is dead afterwards. */
void control_answer (ControlCall *call, int status, const char *text);
void control_free (Control *control);

/* For a handover, all borrowed: the listening socket, the connection of CALL, and (added to FDS, element-type
 * int) those of commands that have not said their line yet. */
int control_fd (Control *control);
int control_call_fd (ControlCall *call);
void control_add_callers (Control *control, GArray *fds);
/* FD (given) is a connection that another program has accepted: it says its line, or waits for an answer. */
void control_adopt_caller (Control *control, int fd);
ControlCall *control_adopt_asker (Control *control, int fd);

/* The command's side: sends LINE and waits. Returns the exit status, or -1 with ERROR if nobody
 * listens. *RET_TEXT is owned. */
int control_ask (const char *path, const char *line, char **ret_text, GError **error);
