/* SPDX-License-Identifier: Apache-2.0 */
/* fault: what is said when this process dies of a signal. */
#include "fault.h"

#include "../plugin/plugin.h"
#include "heartbeat.h"

#include <execinfo.h>
#include <link.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#if defined(__SANITIZE_ADDRESS__)
#define HAS_SANITIZER 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define HAS_SANITIZER 1
#endif
#endif
#ifdef HAS_SANITIZER
#include <sanitizer/common_interface_defs.h>
#endif

#define MAX_FRAMES  64
#define MAX_PLUGINS 128

/* Where a plugin's file is mapped. */
typedef struct {
  guintptr start, end;
  char name[32];
} FaultExtent;

static Heartbeat *heartbeat; /* NULL: the process ends as it should */
static FaultExtent extents[MAX_PLUGINS];
static guint n_extents;

/* Widens DATA, an address, to the file that holds it. */
static int
fault_find_extent (struct dl_phdr_info *object, size_t size, gpointer data)
{
  FaultExtent *extent = data;
  guintptr start = G_MAXSIZE, end = 0;

  for (guint i = 0; i < object->dlpi_phnum; i++) {
    const ElfW (Phdr) *part = &object->dlpi_phdr[i];

    if (part->p_type != PT_LOAD)
      continue;
    start = MIN (start, object->dlpi_addr + part->p_vaddr);
    end = MAX (end, object->dlpi_addr + part->p_vaddr + part->p_memsz);
  }
  if (extent->start < start || extent->start >= end)
    return 0;
  extent->start = start;
  extent->end = end;
  return 1;
}

static void
fault_learn_plugins (PluginSet *set)
{
  GPtrArray *plugins = plugin_set_list (set);

  for (guint i = 0; i < plugins->len && n_extents < MAX_PLUGINS; i++) {
    const Plugin *plugin = plugins->pdata[i];
    FaultExtent *extent = &extents[n_extents];

    if (plugin->info.name == NULL)
      continue;
    /* its strings lie in its file */
    extent->start = (guintptr)plugin->info.name;
    g_strlcpy (extent->name, plugin->name, sizeof extent->name);
    n_extents += dl_iterate_phdr (fault_find_extent, extent) != 0;
  }
}

/* The innermost plugin on this thread's stack is whose code has failed, whoever had called it. */
static void
fault_blame (void *const *frames, int n_frames)
{
  for (int i = 0; i < n_frames; i++)
    for (guint k = 0; k < n_extents; k++)
      if ((guintptr)frames[i] >= extents[k].start && (guintptr)frames[i] < extents[k].end) {
        heartbeat_blame (heartbeat, extents[k].name);
        return;
      }
}

static void
on_end (void)
{
  void *frames[MAX_FRAMES];

  if (heartbeat == NULL)
    return;
  heartbeat_fault (heartbeat);
  fault_blame (frames, backtrace (frames, MAX_FRAMES));
}

static void
say (const char *text)
{
  (void)!write (STDERR_FILENO, text, strlen (text));
}

/* Only functions that are safe in a signal handler: write and backtrace (loaded beforehand). Names
 * of plugins and patterns of routes hold nothing that JSON would escape. */
static void
on_fault (int number, siginfo_t *info, void *context)
{
  const HeartbeatView *view = heartbeat != NULL ? heartbeat_fault (heartbeat) : NULL;
  const char digits[] = { (char)('0' + number / 10 % 10), (char)('0' + number % 10), '\0' };
  void *frames[MAX_FRAMES];
  int n_frames = backtrace (frames, MAX_FRAMES);

  if (heartbeat != NULL)
    fault_blame (frames, n_frames);
  say ("{\"level\":\"error\",\"logger\":\"worker\",\"message\":\"fatal signal\",\"signal\":");
  say (number < 10 ? digits + 1 : digits);
  if (view != NULL) {
    say (",\"plugin\":\"");
    say (view->plugin);
    say ("\",\"route\":\"");
    say (view->route);
    say ("\"");
  }
  say ("}\n");
  backtrace_symbols_fd (frames, n_frames, STDERR_FILENO);
  signal (number, SIG_DFL);
  raise (number);
}

static void
watch_signals (void)
{
#ifdef HAS_SANITIZER
  static const int numbers[] = { SIGABRT }; /* the others are the sanitizer's, as is the stack */
#else
  static const int numbers[] = { SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGABRT };
  static char stack[64 * 1024];
  const stack_t alternate = { .ss_sp = stack, .ss_size = sizeof stack };
#endif
  struct sigaction action = { .sa_sigaction = on_fault,
                              .sa_flags = SA_SIGINFO | SA_ONSTACK | (int)SA_RESETHAND };
  void *frame;

  backtrace (&frame, 1); /* loads libgcc now: a handler must not */
#ifdef HAS_SANITIZER
  __sanitizer_set_death_callback (on_end);
#else
  sigaltstack (&alternate, NULL);
#endif
  for (guint i = 0; i < G_N_ELEMENTS (numbers); i++)
    sigaction (numbers[i], &action, NULL);
}

void
fault_watch (Host *host)
{
  heartbeat = host->heartbeat;
  fault_learn_plugins (host->plugins);
  atexit (on_end);
  watch_signals ();
}

void
fault_unwatch (void)
{
  heartbeat = NULL;
}
