/* SPDX-License-Identifier: Apache-2.0 */
/* metrics-memory: one memfd: header, dictionary, the dead's counters, an array
 * for each process. It is sparse: what nobody touches costs nothing.
 */
#include <errno.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "metrics-private.h"

#define METRICS_MAGIC  0x6d657472
#define METRICS_LAYOUT 2
#define METRICS_HEAD   8192 /* bytes for the header */

G_STATIC_ASSERT (sizeof (MetricsHeader) <= METRICS_HEAD);
G_STATIC_ASSERT (sizeof (MetricsEntry) % 8 == 0);

static gsize
metrics_memory_size (void)
{
  return METRICS_HEAD + METRICS_DICTIONARY +
         (gsize)(METRICS_SLOTS + 1) * METRICS_CELLS * sizeof (guint64);
}

static void
metrics_memory_init (MetricsHeader *header)
{
  pthread_mutexattr_t attributes;

  pthread_mutexattr_init (&attributes);
  pthread_mutexattr_setpshared (&attributes, PTHREAD_PROCESS_SHARED);
  pthread_mutexattr_setrobust (&attributes, PTHREAD_MUTEX_ROBUST);
  pthread_mutex_init (&header->mutex, &attributes);
  pthread_mutexattr_destroy (&attributes);
  header->layout = METRICS_LAYOUT;
  header->magic = METRICS_MAGIC;
}

int
metrics_create_memory (void)
{
  int fd = memfd_create ("daedalus-metrics", MFD_CLOEXEC);
  MetricsHeader *header;

  if (fd < 0 || ftruncate (fd, (off_t)metrics_memory_size ()) != 0)
    g_error ("cannot make memory for metrics: %s", g_strerror (errno));
  header = mmap (NULL, METRICS_HEAD, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  if (header == MAP_FAILED)
    g_error ("cannot map memory for metrics: %s", g_strerror (errno));
  metrics_memory_init (header);
  munmap (header, METRICS_HEAD);
  return fd;
}

gboolean
metrics_memory_map (MetricsMemory *memory, int fd)
{
  gsize size = metrics_memory_size ();
  struct stat status;
  guint8 *map;

  if (fstat (fd, &status) != 0 || (gsize)status.st_size != size)
    return FALSE;
  map = mmap (NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  if (map == MAP_FAILED)
    return FALSE;
  memory->map = map;
  memory->size = size;
  memory->header = (MetricsHeader *)(gpointer)map;
  memory->dictionary = map + METRICS_HEAD;
  memory->base = (guint64 *)(gpointer)(memory->dictionary + METRICS_DICTIONARY);
  memory->slots = memory->base + METRICS_CELLS;
  if (memory->header->magic == METRICS_MAGIC && memory->header->layout == METRICS_LAYOUT)
    return TRUE;
  metrics_memory_unmap (memory);
  return FALSE;
}

void
metrics_memory_unmap (MetricsMemory *memory)
{
  munmap (memory->map, memory->size);
  memory->map = NULL;
}

/* What a process that died inside had begun was never published, so there is nothing to repair. */
void
metrics_memory_lock (MetricsMemory *memory)
{
  int problem = pthread_mutex_lock (&memory->header->mutex);

  if (problem == EOWNERDEAD)
    problem = pthread_mutex_consistent (&memory->header->mutex);
  g_assert (problem == 0);
}

void
metrics_memory_unlock (MetricsMemory *memory)
{
  pthread_mutex_unlock (&memory->header->mutex);
}

MetricsEntry *
metrics_memory_begin (MetricsMemory *memory, gsize size)
{
  guint32 used = memory->header->dictionary_used;
  gsize rounded = (size + 7) & ~(gsize)7;
  MetricsEntry *entry = (MetricsEntry *)(gpointer)(memory->dictionary + used);

  if (rounded > METRICS_DICTIONARY - used)
    return NULL;
  memset (entry, 0, rounded);
  entry->size = (guint32)rounded;
  return entry;
}

void
metrics_memory_publish (MetricsMemory *memory, MetricsEntry *entry, guint n_cells)
{
  entry->cell = memory->header->cells_used;
  memory->header->cells_used += n_cells;
  __atomic_store_n (&memory->header->dictionary_used, memory->header->dictionary_used + entry->size,
                    __ATOMIC_RELEASE);
}
