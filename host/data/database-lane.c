/* SPDX-License-Identifier: Apache-2.0 */
/* database-lane: one writer at a time, over all threads and processes, in a fair order.
 *
 * Threads take numbers. Processes lock bytes of a file (open file description
 * locks: they end with the process, however it ends). Who waits for the writer
 * byte holds the gate byte, so that a busy process cannot take the next turn
 * too: it stands behind at the gate.
 */
#include "database-lane.h"

#include <errno.h>
#include <fcntl.h>
#include <gio/gio.h>
#include <string.h>
#include <unistd.h>

enum { BYTE_GATE = 0, BYTE_WRITER = 1, BYTE_PRESENCE = 2, BYTE_MIGRATION = 3 };

#define PAUSE_MIN_US 50
#define PAUSE_MAX_US 1000

struct DatabaseLane {
  int fd;
  GMutex lock;
  GCond cond;
  GQueue
      waiting; /* of threads: each one's place is the address of a local; the head's turn it is */
  gboolean is_taken;
  gboolean is_migrating; /* by a thread of this process */
};

DatabaseLane *
database_lane_new (const char *path, GError **error)
{
  DatabaseLane *lane;
  int fd = open (path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);

  if (fd < 0) {
    g_set_error (error, G_IO_ERROR, g_io_error_from_errno (errno), "cannot open %s: %s", path,
                 g_strerror (errno));
    return NULL;
  }
  lane = g_new0 (DatabaseLane, 1);
  lane->fd = fd;
  g_mutex_init (&lane->lock);
  g_cond_init (&lane->cond);
  return lane;
}

void
database_lane_free (DatabaseLane *lane)
{
  close (lane->fd);
  g_mutex_clear (&lane->lock);
  g_cond_clear (&lane->cond);
  g_free (lane);
}

static gboolean
database_lane_set (DatabaseLane *lane, int byte, short type)
{
  struct flock lock = { .l_type = type, .l_whence = SEEK_SET, .l_start = byte, .l_len = 1 };

  return fcntl (lane->fd, F_OFD_SETLK, &lock) == 0;
}

/* Asks again and again: the call that waits knows no deadline. */
static gboolean
database_lane_wait (DatabaseLane *lane, int byte, short type, gint64 deadline)
{
  gulong pause = PAUSE_MIN_US;

  while (!database_lane_set (lane, byte, type)) {
    if (g_get_monotonic_time () >= deadline)
      return FALSE;
    g_usleep (pause);
    pause = MIN (pause * 2, PAUSE_MAX_US);
  }
  return TRUE;
}

static void
database_lane_give_up (DatabaseLane *lane)
{
  g_mutex_lock (&lane->lock);
  lane->is_taken = FALSE;
  g_cond_broadcast (&lane->cond);
  g_mutex_unlock (&lane->lock);
}

gboolean
database_lane_enter (DatabaseLane *lane, gint64 deadline)
{
  gboolean got = TRUE;
  int place;

  g_mutex_lock (&lane->lock);
  g_queue_push_tail (&lane->waiting, &place);
  while (got && (lane->is_taken || g_queue_peek_head (&lane->waiting) != &place))
    got = g_cond_wait_until (&lane->cond, &lane->lock, deadline);
  g_queue_remove (&lane->waiting, &place);
  if (got)
    lane->is_taken = TRUE;
  else
    g_cond_broadcast (&lane->cond);
  g_mutex_unlock (&lane->lock);
  if (!got)
    return FALSE;

  if (!database_lane_wait (lane, BYTE_GATE, F_WRLCK, deadline)) {
    database_lane_give_up (lane);
    return FALSE;
  }
  got = database_lane_wait (lane, BYTE_WRITER, F_WRLCK, deadline);
  database_lane_set (lane, BYTE_GATE, F_UNLCK);
  if (!got)
    database_lane_give_up (lane);
  return got;
}

void
database_lane_leave (DatabaseLane *lane)
{
  database_lane_set (lane, BYTE_WRITER, F_UNLCK);
  database_lane_give_up (lane);
}

gboolean
database_lane_join (DatabaseLane *lane, gint64 deadline, gboolean *ret_alone)
{
  *ret_alone = database_lane_set (lane, BYTE_PRESENCE, F_WRLCK);
  return *ret_alone || database_lane_wait (lane, BYTE_PRESENCE, F_RDLCK, deadline);
}

void
database_lane_settle (DatabaseLane *lane)
{
  database_lane_set (lane, BYTE_PRESENCE, F_RDLCK);
}

gboolean
database_lane_part (DatabaseLane *lane)
{
  return database_lane_set (lane, BYTE_PRESENCE, F_WRLCK);
}

gboolean
database_lane_lock_migrations (DatabaseLane *lane, gint64 deadline)
{
  gboolean got = TRUE;

  g_mutex_lock (&lane->lock);
  while (got && lane->is_migrating)
    got = g_cond_wait_until (&lane->cond, &lane->lock, deadline);
  if (got)
    lane->is_migrating = TRUE;
  g_mutex_unlock (&lane->lock);
  if (!got)
    return FALSE;
  if (database_lane_wait (lane, BYTE_MIGRATION, F_WRLCK, deadline))
    return TRUE;
  database_lane_unlock_migrations (lane);
  return FALSE;
}

void
database_lane_unlock_migrations (DatabaseLane *lane)
{
  database_lane_set (lane, BYTE_MIGRATION, F_UNLCK);
  g_mutex_lock (&lane->lock);
  lane->is_migrating = FALSE;
  g_cond_broadcast (&lane->cond);
  g_mutex_unlock (&lane->lock);
}
