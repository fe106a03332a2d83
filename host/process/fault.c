/* SPDX-License-Identifier: Apache-2.0 */
/* fault: what is said when this process dies of a signal. */
#include "fault.h"

#include "heartbeat.h"

#include <execinfo.h>
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

static Heartbeat *heartbeat; /* NULL: the process ends as it should */

static void
on_end (void)
{
  if (heartbeat != NULL)
    heartbeat_fault (heartbeat);
}

#ifdef HAS_SANITIZER
#include <sanitizer/common_interface_defs.h>
#endif

#define MAX_FRAMES 64

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
  backtrace_symbols_fd (frames, backtrace (frames, MAX_FRAMES), STDERR_FILENO);
  signal (number, SIG_DFL);
  raise (number);
}

static void
watch_signals (void)
{
  static char stack[64 * 1024];
#ifdef HAS_SANITIZER
  static const int numbers[] = { SIGABRT }; /* the sanitizer tells of the others itself */
#else
  static const int numbers[] = { SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGABRT };
#endif
  const stack_t alternate = { .ss_sp = stack, .ss_size = sizeof stack };
  struct sigaction action = { .sa_sigaction = on_fault,
                              .sa_flags = SA_SIGINFO | SA_ONSTACK | (int)SA_RESETHAND };
  void *frame;

  backtrace (&frame, 1); /* loads libgcc now: a handler must not */
  sigaltstack (&alternate, NULL);
  for (guint i = 0; i < G_N_ELEMENTS (numbers); i++)
    sigaction (numbers[i], &action, NULL);
#ifdef HAS_SANITIZER
  __sanitizer_set_death_callback (on_end);
#endif
}

void
fault_watch (Host *host)
{
  heartbeat = host->heartbeat;
  atexit (on_end);
  watch_signals ();
}

void
fault_unwatch (void)
{
  heartbeat = NULL;
}
