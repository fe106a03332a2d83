/* SPDX-License-Identifier: Apache-2.0 */
/* heartbeat: signs of life of each thread, in memory shared with the supervisor. */
#include "heartbeat.h"

#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

typedef struct {
  HeartbeatView threads[HEARTBEAT_THREADS];
  char blamed[32]; /* plugin whose code ended the process */
} Slot;

#define MAX_DEPTH 4

struct Heartbeat {
  Slot *slots; /* mapped, HEARTBEAT_SLOTS of them */
  guint slot;
  struct {
    guint depth;
    HeartbeatView outer[MAX_DEPTH]; /* what goes on when the innermost has been left */
  } threads[HEARTBEAT_THREADS];     /* each its thread's own */
};

int
heartbeat_create_memory (void)
{
  int fd = memfd_create ("daedalus-heartbeat", MFD_CLOEXEC);

  if (fd >= 0 && ftruncate (fd, sizeof (Slot) * HEARTBEAT_SLOTS) != 0) {
    close (fd);
    return -1;
  }
  return fd;
}

Heartbeat *
heartbeat_new (int fd, guint slot)
{
  Heartbeat *heartbeat = g_new0 (Heartbeat, 1);

  g_assert (slot < HEARTBEAT_SLOTS);
  heartbeat->slots =
      mmap (NULL, sizeof (Slot) * HEARTBEAT_SLOTS, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  g_assert (heartbeat->slots != MAP_FAILED);
  heartbeat->slot = slot;
  return heartbeat;
}

void
heartbeat_free (Heartbeat *heartbeat)
{
  munmap (heartbeat->slots, sizeof (Slot) * HEARTBEAT_SLOTS);
  g_free (heartbeat);
}

static gint32
own_tid (void)
{
  static __thread gint32 tid;

  if (tid == 0)
    tid = (gint32)gettid ();
  return tid;
}

void
heartbeat_enter (Heartbeat *heartbeat,
                 guint thread,
                 const char *plugin,
                 const char *route,
                 const char *request_id,
                 gint64 deadline)
{
  HeartbeatView *view = &heartbeat->slots[heartbeat->slot].threads[thread];
  guint depth = heartbeat->threads[thread].depth++;

  if (depth > 0 && depth <= MAX_DEPTH)
    heartbeat->threads[thread].outer[depth - 1] = *view;
  g_strlcpy (view->plugin, plugin != NULL ? plugin : "", sizeof view->plugin);
  g_strlcpy (view->route, route != NULL ? route : "", sizeof view->route);
  g_strlcpy (view->request_id, request_id != NULL ? request_id : "", sizeof view->request_id);
  __atomic_store_n (&view->tid, own_tid (), __ATOMIC_RELAXED);
  __atomic_store_n (&view->deadline, deadline, __ATOMIC_RELAXED);
  __atomic_store_n (&view->stamp, g_get_monotonic_time (), __ATOMIC_RELAXED);
  __atomic_store_n (&view->active, 1, __ATOMIC_RELEASE);
}

void
heartbeat_stamp (Heartbeat *heartbeat, guint thread)
{
  HeartbeatView *view = &heartbeat->slots[heartbeat->slot].threads[thread];

  __atomic_store_n (&view->stamp, g_get_monotonic_time (), __ATOMIC_RELAXED);
}

void
heartbeat_leave (Heartbeat *heartbeat, guint thread)
{
  HeartbeatView *view = &heartbeat->slots[heartbeat->slot].threads[thread];
  guint depth = --heartbeat->threads[thread].depth;

  if (depth > 0 && depth <= MAX_DEPTH)
    *view = heartbeat->threads[thread].outer[depth - 1];
  __atomic_store_n (&view->active, depth > 0, __ATOMIC_RELEASE);
  __atomic_store_n (&view->stamp, g_get_monotonic_time (), __ATOMIC_RELAXED);
}

const HeartbeatView *
heartbeat_fault (Heartbeat *heartbeat)
{
  gint32 tid = (gint32)gettid ();

  for (guint thread = 0; thread < HEARTBEAT_THREADS; thread++) {
    HeartbeatView *view = &heartbeat->slots[heartbeat->slot].threads[thread];

    if (view->active && view->tid == tid) {
      view->faulted = 1;
      return view;
    }
  }
  return NULL;
}

void
heartbeat_blame (Heartbeat *heartbeat, const char *plugin)
{
  char *blamed = heartbeat->slots[heartbeat->slot].blamed;
  gsize size = sizeof heartbeat->slots->blamed;

  if (*blamed == '\0') /* what it does on its way out is not what it died of */
    g_strlcpy (blamed, plugin, size);
}

char *
heartbeat_blamed (Heartbeat *heartbeat, guint slot)
{
  return g_strndup (heartbeat->slots[slot].blamed, sizeof heartbeat->slots->blamed - 1);
}

void
heartbeat_look (Heartbeat *heartbeat, guint slot, guint thread, HeartbeatView *ret)
{
  memcpy (ret, &heartbeat->slots[slot].threads[thread], sizeof *ret);
  ret->plugin[sizeof ret->plugin - 1] = '\0';
  ret->route[sizeof ret->route - 1] = '\0';
  ret->request_id[sizeof ret->request_id - 1] = '\0';
}

void
heartbeat_clear (Heartbeat *heartbeat, guint slot)
{
  memset (&heartbeat->slots[slot], 0, sizeof (Slot));
}
