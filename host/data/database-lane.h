/* SPDX-License-Identifier: Apache-2.0 */
/* database-lane: one writer at a time, over all threads and processes, in a fair order; and who is
 * there at all. For SQLite, which has neither. Private to host/data. */
#pragma once

#include <glib.h>

typedef struct DatabaseLane DatabaseLane;

/* PATH: a file that is made for this and never removed. */
DatabaseLane *database_lane_new (const char *path, GError **error);
void database_lane_free (DatabaseLane *lane);
/* FALSE: not by DEADLINE (monotonic). */
gboolean database_lane_enter (DatabaseLane *lane, gint64 deadline);
void database_lane_leave (DatabaseLane *lane);
/* Says that this process uses the database. *RET_ALONE: no other does, and none can join before
 * database_lane_settle. FALSE: not by DEADLINE. */
gboolean database_lane_join (DatabaseLane *lane, gint64 deadline, gboolean *ret_alone);
void database_lane_settle (DatabaseLane *lane);
/* TRUE: this was the last process. */
gboolean database_lane_part (DatabaseLane *lane);
/* One migration at a time, over all processes and threads. */
gboolean database_lane_lock_migrations (DatabaseLane *lane, gint64 deadline);
void database_lane_unlock_migrations (DatabaseLane *lane);
