/* SPDX-License-Identifier: Apache-2.0 */
/* metrics-process: the standard process_* families. Each process keeps its own
 * values; put together they speak of the whole service.
 */
#include <dirent.h>
#include <stdio.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include "metrics-private.h"

enum {
  PROCESS_CPU,
  PROCESS_RESIDENT,
  PROCESS_VIRTUAL,
  PROCESS_OPEN_FDS,
  PROCESS_MAX_FDS,
  PROCESS_START
};

static const DaeMetric process_rows[] = {
  [PROCESS_CPU] = { .name = "process_cpu_seconds_total",
                    .type = DAE_COUNTER,
                    .help = "User and system CPU time spent, over all processes" },
  [PROCESS_RESIDENT] = { .name = "process_resident_memory_bytes",
                         .type = DAE_GAUGE,
                         .help = "Resident memory, over all processes" },
  [PROCESS_VIRTUAL] = { .name = "process_virtual_memory_bytes",
                        .type = DAE_GAUGE,
                        .help = "Virtual memory, over all processes" },
  [PROCESS_OPEN_FDS] = { .name = "process_open_fds",
                         .type = DAE_GAUGE,
                         .help = "Open file descriptors, over all processes" },
  [PROCESS_MAX_FDS] = { .name = "process_max_fds",
                        .type = DAE_GAUGE,
                        .help = "Limit of open file descriptors, over all processes" },
  [PROCESS_START] = { .name = "process_start_time_seconds",
                      .type = DAE_GAUGE,
                      .combine = DAE_MIN,
                      .help = "Start of the oldest process, since 1970-01-01 UTC" },
};

G_STATIC_ASSERT (G_N_ELEMENTS (process_rows) == G_N_ELEMENTS (((Metrics *)0)->process));

static double
process_clock (clockid_t clock)
{
  struct timespec now;

  clock_gettime (clock, &now);
  return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

/* Field 22 of /proc/self/stat, in ticks since boot; the name in field 2 may hold anything. */
static double
process_start_time (void)
{
  g_autofree char *text = NULL;
  const char *at;
  gint64 ticks = 0;

  if (!g_file_get_contents ("/proc/self/stat", &text, NULL, NULL) ||
      (at = strrchr (text, ')')) == NULL)
    return process_clock (CLOCK_REALTIME);
  for (guint i = 2; i < 22 && at != NULL; i++)
    at = strchr (at + 1, ' ');
  if (at != NULL)
    ticks = g_ascii_strtoll (at, NULL, 10);
  return process_clock (CLOCK_REALTIME) - process_clock (CLOCK_BOOTTIME) +
         (double)ticks / (double)sysconf (_SC_CLK_TCK);
}

static guint
process_count_fds (void)
{
  DIR *directory = opendir ("/proc/self/fd");
  guint count = 0;

  if (directory == NULL)
    return 0;
  while (readdir (directory) != NULL)
    count++;
  closedir (directory);
  return count > 3 ? count - 3 : 0; /* ".", ".." and the directory's own */
}

static void
process_read_memory (double *ret_virtual, double *ret_resident)
{
  double page = (double)sysconf (_SC_PAGESIZE);
  g_autofree char *text = NULL;
  long pages_virtual = 0, pages_resident = 0;

  if (g_file_get_contents ("/proc/self/statm", &text, NULL, NULL))
    (void)!sscanf (text, "%ld %ld", &pages_virtual, &pages_resident);
  *ret_virtual = (double)pages_virtual * page;
  *ret_resident = (double)pages_resident * page;
}

static MetricsSeries *
process_series (Metrics *metrics, guint which)
{
  return metrics_series (metrics->process[which], NULL, 0);
}

/* A counter whose whole is read elsewhere. */
static void
process_raise (MetricsSeries *series, double to)
{
  __atomic_store_n (&series->own[0], metrics_cell_bits (to), __ATOMIC_RELAXED);
}

void
metrics_refresh_process (Metrics *metrics)
{
  struct rlimit limit = { 0 };
  double virtual, resident;

  for (guint i = 0; i < G_N_ELEMENTS (process_rows); i++) {
    if (metrics->process[i] == NULL)
      metrics->process[i] =
          metrics_add_named (metrics, NULL, process_rows[i].name, &process_rows[i], NULL);
    if (metrics->process[i] == NULL)
      return; /* no room: there are worse things to be told */
  }
  process_read_memory (&virtual, &resident);
  getrlimit (RLIMIT_NOFILE, &limit);
  process_raise (process_series (metrics, PROCESS_CPU), process_clock (CLOCK_PROCESS_CPUTIME_ID));
  metrics_set (process_series (metrics, PROCESS_RESIDENT), resident);
  metrics_set (process_series (metrics, PROCESS_VIRTUAL), virtual);
  metrics_set (process_series (metrics, PROCESS_OPEN_FDS), process_count_fds ());
  metrics_set (process_series (metrics, PROCESS_MAX_FDS), (double)limit.rlim_cur);
  metrics_set (process_series (metrics, PROCESS_START), process_start_time ());
}
