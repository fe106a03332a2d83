/* SPDX-License-Identifier: Apache-2.0 */
/* fault: what is said when this process dies of a signal. */
#include "fault.h"

#include <execinfo.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

#define MAX_FRAMES 64

#if defined(__SANITIZE_ADDRESS__)
#define HAS_SANITIZER 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define HAS_SANITIZER 1
#endif
#endif

#ifndef HAS_SANITIZER
static void
say (const char *text)
{
  (void)!write (STDERR_FILENO, text, strlen (text));
}

/* Only functions that are safe in a signal handler: write and backtrace (loaded beforehand). */
static void
on_fault (int number, siginfo_t *info, void *context)
{
  void *frames[MAX_FRAMES];
  char digits[] = "00";

  digits[0] = (char)('0' + number / 10 % 10);
  digits[1] = (char)('0' + number % 10);
  say ("{\"level\":\"error\",\"logger\":\"worker\",\"message\":\"fatal signal\",\"signal\":");
  say (number < 10 ? digits + 1 : digits);
  say ("}\n");
  backtrace_symbols_fd (frames, backtrace (frames, MAX_FRAMES), STDERR_FILENO);
  signal (number, SIG_DFL);
  raise (number);
}

void
fault_watch (Host *host)
{
  static char stack[64 * 1024];
  static const int numbers[] = { SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGABRT };
  const stack_t alternate = { .ss_sp = stack, .ss_size = sizeof stack };
  struct sigaction action = { .sa_sigaction = on_fault,
                              .sa_flags = SA_SIGINFO | SA_ONSTACK | (int)SA_RESETHAND };
  void *frame;

  backtrace (&frame, 1); /* loads libgcc now: a handler must not */
  sigaltstack (&alternate, NULL);
  for (guint i = 0; i < G_N_ELEMENTS (numbers); i++)
    sigaction (numbers[i], &action, NULL);
}
#else
void
fault_watch (Host *host)
{
}
#endif
