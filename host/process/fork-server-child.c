/* SPDX-License-Identifier: Apache-2.0 */
/* fork-server: what forks. It runs in a process that is nobody else's business: a fault ends it,
 * and who asks starts another. */
#include "fork-server-private.h"

#include "title.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#define MAX_REQUEST (256 * 1024)

typedef struct {
  int socket;
  ForkRole role;
  GArray *numbers,
      *fds; /* (element-type int) of the next request: what FDS are called by who asks */
  pid_t supervisor;
  const char *argv;
  gsize length;
} Forking;

/* Gives each descriptor the number that it has where it comes from. */
static void
place_descriptors (Forking *forking)
{
  int *fds = (int *)forking->fds->data;
  const int *numbers = (const int *)forking->numbers->data;

  for (guint i = 0; i < forking->fds->len; i++) {
    for (guint k = i + 1; k < forking->fds->len; k++)
      if (fds[k] == numbers[i]) {
        fds[k] = dup (fds[k]); /* it is in the way; the number is overwritten below */
        if (fds[k] < 0)
          _exit (1);
      }
    if (fds[i] == numbers[i])
      continue;
    if (dup2 (fds[i], numbers[i]) < 0)
      _exit (1);
    close (fds[i]);
  }
}

static void
reset_signals (void)
{
  static const int ignored[] = { SIGINT, SIGTERM, SIGHUP, SIGUSR2 };
  sigset_t none;

  for (guint i = 0; i < G_N_ELEMENTS (ignored); i++)
    signal (ignored[i], SIG_DFL);
  sigemptyset (&none);
  sigprocmask (SIG_SETMASK, &none, NULL);
}

/* The process that was asked for. MIDDLE starts it and ends. */
static void
become (Forking *forking, pid_t middle)
{
  g_autoptr (GPtrArray) argv = g_ptr_array_new ();
  int null = open ("/dev/null", O_RDONLY);

  while (getppid () == middle)
    g_usleep (20);
  prctl (PR_SET_PDEATHSIG, SIGKILL);
  if (getppid () != forking->supervisor)
    _exit (0);
  dup2 (null, STDIN_FILENO);
  if (null > STDERR_FILENO)
    close (null);
  close (forking->socket);
  place_descriptors (forking);
  reset_signals ();
  for (gsize at = 0; at < forking->length; at += strlen (forking->argv + at) + 1)
    g_ptr_array_add (argv, g_strdup (forking->argv + at));
  g_ptr_array_add (argv, NULL);
  title_set ((const char *const *)argv->pdata);
  exit (forking->role ((int)argv->len - 1, (char **)argv->pdata));
}

/* Its pid, or minus errno. */
static int
start (Forking *forking)
{
  int ends[2], told = -EPIPE;
  pid_t middle;

  if (pipe2 (ends, O_CLOEXEC) != 0)
    return -errno;
  middle = fork ();
  if (middle == 0) {
    pid_t self = getpid (), pid = fork ();

    close (ends[0]);
    if (pid == 0) {
      close (ends[1]);
      become (forking, self);
    }
    told = pid > 0 ? pid : -errno;
    (void)!write (ends[1], &told, sizeof told);
    _exit (0);
  }
  close (ends[1]);
  if (middle < 0) {
    told = -errno;
  } else {
    (void)!read (ends[0], &told, sizeof told);
    waitpid (middle, NULL, 0);
  }
  close (ends[0]);
  return told;
}

static void
take_descriptors (Forking *forking, struct msghdr *message, const char *bytes, gsize length)
{
  for (struct cmsghdr *head = CMSG_FIRSTHDR (message); head != NULL;
       head = CMSG_NXTHDR (message, head))
    if (head->cmsg_level == SOL_SOCKET && head->cmsg_type == SCM_RIGHTS)
      g_array_append_vals (forking->fds, CMSG_DATA (head),
                           (guint)((head->cmsg_len - CMSG_LEN (0)) / sizeof (int)));
  if (bytes[0] == 'F')
    for (gsize at = 1; at + sizeof (int) <= length; at += sizeof (int)) {
      int number;

      memcpy (&number, bytes + at, sizeof number);
      g_array_append_val (forking->numbers, number);
    }
}

static void
drop_descriptors (Forking *forking)
{
  for (guint i = 0; i < forking->fds->len; i++)
    close (g_array_index (forking->fds, int, i));
  g_array_set_size (forking->fds, 0);
  g_array_set_size (forking->numbers, 0);
}

static void
answer (Forking *forking, const char *bytes, gsize length, gboolean is_whole)
{
  int pid = -E2BIG, told[2];

  if (forking->fds->len != forking->numbers->len)
    pid = -EMFILE; /* there was no room for all of them */
  else if (is_whole && length > 1 + sizeof (pid_t)) {
    memcpy (&forking->supervisor, bytes + 1, sizeof (pid_t));
    forking->argv = bytes + 1 + sizeof (pid_t);
    forking->length = length - 1 - sizeof (pid_t);
    pid = start (forking);
  }
  drop_descriptors (forking);
  told[0] = MAX (pid, -1);
  told[1] = MAX (-pid, 0);
  if (send (forking->socket, told, sizeof told, MSG_NOSIGNAL) < 0)
    _exit (0);
}

void
fork_server_serve (int socket, ForkRole role)
{
  static char bytes[MAX_REQUEST + 1];
  static const int ignored[] = { SIGINT, SIGTERM, SIGHUP, SIGUSR2 };
  const char *title[] = { "daedalus", "(fork-server)", NULL };
  Forking forking = { .socket = 3, .role = role };

  for (guint i = 0; i < G_N_ELEMENTS (ignored); i++)
    signal (ignored[i], SIG_IGN); /* the supervisor alone acts */
  if (socket != 3)
    dup2 (socket, 3);
  fcntl (3, F_SETFD, FD_CLOEXEC);
  close_range (4, ~0u, 0);
  title_set (title);
  forking.fds = g_array_new (FALSE, FALSE, sizeof (int));
  forking.numbers = g_array_new (FALSE, FALSE, sizeof (int));
  for (;;) {
    union {
      char bytes[CMSG_SPACE (sizeof (int) * FORK_FDS_AT_ONCE)];
      struct cmsghdr head;
    } control;
    struct iovec part = { bytes, MAX_REQUEST };
    struct msghdr message = { .msg_iov = &part,
                              .msg_iovlen = 1,
                              .msg_control = control.bytes,
                              .msg_controllen = sizeof control.bytes };
    ssize_t length = recvmsg (3, &message, MSG_CMSG_CLOEXEC);

    if (length <= 0 && errno != EINTR)
      _exit (0);
    if (length <= 0)
      continue;
    bytes[length] = '\0';
    take_descriptors (&forking, &message, bytes, (gsize)length);
    if (bytes[0] == 'S')
      answer (&forking, bytes, (gsize)length, (message.msg_flags & MSG_TRUNC) == 0);
  }
}

int
fork_server_main (int argc, char **argv, ForkRole role)
{
  if (argc < 3)
    return 1;
  fork_server_serve (atoi (argv[2]), role);
}
