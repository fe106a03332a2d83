/* SPDX-License-Identifier: Apache-2.0 */
/* fork-server: what asks. What forks is in fork-server-child.c. */
#include "fork-server.h"

#include "brief.h"
#include "fork-server-private.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

#define ANSWER_LIMIT_S 10

struct ForkServer {
  int exe_fd;
  GPid pid;   /* 0: none */
  int socket; /* -1: none */
};

ForkServer *
fork_server_new (int exe_fd)
{
  int copy = fcntl (exe_fd, F_DUPFD_CLOEXEC, 3);
  ForkServer *server;

  if (copy < 0)
    return NULL;
  server = g_new0 (ForkServer, 1);
  server->exe_fd = copy;
  server->socket = -1;
  return server;
}

static gboolean
open_socket (int ends[2])
{
  struct timeval limit = { .tv_sec = ANSWER_LIMIT_S };

  if (socketpair (AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) != 0)
    return FALSE;
  setsockopt (ends[0], SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
  setsockopt (ends[0], SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit);
  return TRUE;
}

ForkServer *
fork_server_fork (ForkRole role)
{
  int exe_fd = open ("/proc/self/exe", O_RDONLY | O_CLOEXEC), ends[2];
  pid_t parent = getpid ();
  ForkServer *server = exe_fd >= 0 ? fork_server_new (exe_fd) : NULL;

  if (exe_fd >= 0)
    close (exe_fd);
  if (server == NULL || !open_socket (ends)) {
    g_clear_pointer (&server, fork_server_free);
    return NULL;
  }
  server->pid = fork ();
  if (server->pid == 0) {
    prctl (PR_SET_PDEATHSIG, SIGKILL);
    if (getppid () != parent)
      _exit (0);
    fork_server_serve (ends[1], role);
  }
  close (ends[1]);
  server->socket = ends[0];
  if (server->pid < 0)
    g_clear_pointer (&server, fork_server_free);
  return server;
}

/* FALSE with errno. */
static gboolean
revive (ForkServer *server)
{
  char *argv[] = { "daedalus", "(fork-server)", NULL, NULL };
  g_autofree char *number = NULL;
  int ends[2], keep[2] = { -1, -1 }, pidfd = -1;

  fork_server_rest (server);
  if (!open_socket (ends))
    return FALSE;
  argv[2] = number = g_strdup_printf ("%d", ends[1]);
  keep[0] = ends[1];
  server->pid = brief_spawn (server->exe_fd, argv, keep, &pidfd);
  close (ends[1]);
  if (server->pid < 0) {
    server->pid = 0;
    close (ends[0]);
    return FALSE;
  }
  close (pidfd);
  server->socket = ends[0];
  return TRUE;
}

void
fork_server_rest (ForkServer *server)
{
  if (server->socket >= 0)
    close (server->socket);
  if (server->pid > 0) {
    kill (server->pid, SIGKILL);
    waitpid (server->pid, NULL, 0);
  }
  server->socket = -1;
  server->pid = 0;
}

void
fork_server_free (ForkServer *server)
{
  fork_server_rest (server);
  close (server->exe_fd);
  g_free (server);
}

gboolean
fork_server_runs (ForkServer *server, int exe_fd)
{
  struct stat own = { 0 }, other = { 0 };

  return fstat (server->exe_fd, &own) == 0 && fstat (exe_fd, &other) == 0 &&
         own.st_dev == other.st_dev && own.st_ino == other.st_ino;
}

/* Sends N descriptors of FDS with their numbers. */
static gboolean
send_descriptors (int socket, const int *fds, guint n)
{
  union {
    char bytes[CMSG_SPACE (sizeof (int) * FORK_FDS_AT_ONCE)];
    struct cmsghdr head;
  } control = { 0 };
  char letter = 'F';
  struct iovec parts[] = { { &letter, 1 }, { (void *)fds, n * sizeof (int) } };
  struct msghdr message = { .msg_iov = parts,
                            .msg_iovlen = 2,
                            .msg_control = control.bytes,
                            .msg_controllen = CMSG_SPACE (n * sizeof (int)) };

  control.head.cmsg_level = SOL_SOCKET;
  control.head.cmsg_type = SCM_RIGHTS;
  control.head.cmsg_len = CMSG_LEN (n * sizeof (int));
  memcpy (CMSG_DATA (&control.head), fds, n * sizeof (int));
  return sendmsg (socket, &message, MSG_NOSIGNAL) >= 0;
}

static gboolean
send_request (int socket, char **argv)
{
  g_autoptr (GByteArray) bytes = g_byte_array_new ();
  pid_t self = getpid ();

  g_byte_array_append (bytes, (const guint8 *)"S", 1);
  g_byte_array_append (bytes, (const guint8 *)&self, sizeof self);
  for (; *argv != NULL; argv++)
    g_byte_array_append (bytes, (const guint8 *)*argv, (guint)strlen (*argv) + 1);
  return send (socket, bytes->data, bytes->len, MSG_NOSIGNAL) >= 0;
}

/* Standard output and error are what this process has now. */
static GArray *
descriptors_to_send (const int *keep)
{
  GArray *fds = g_array_new (FALSE, FALSE, sizeof (int));

  for (int fd = STDOUT_FILENO; fd <= STDERR_FILENO; fd++)
    if (fcntl (fd, F_GETFD) >= 0)
      g_array_append_val (fds, fd);
  for (; *keep >= 0; keep++)
    g_array_append_val (fds, *keep);
  return fds;
}

/* The pid, or -1 with errno. *RET_DEAD: the server is the fault. */
static GPid
ask (ForkServer *server, char **argv, const int *keep, gboolean *ret_dead)
{
  g_autoptr (GArray) fds = descriptors_to_send (keep);
  int answer[2] = { -1, EPIPE };

  *ret_dead = TRUE;
  for (guint i = 0; i < fds->len; i += FORK_FDS_AT_ONCE)
    if (!send_descriptors (server->socket, &g_array_index (fds, int, i),
                           MIN (FORK_FDS_AT_ONCE, fds->len - i)))
      return -1;
  if (!send_request (server->socket, argv)) {
    *ret_dead = errno != EMSGSIZE;
    return -1;
  }
  if (recv (server->socket, answer, sizeof answer, 0) == sizeof answer)
    *ret_dead = FALSE;
  errno = answer[1];
  return answer[0];
}

GPid
fork_server_spawn (ForkServer *server, char **argv, const int *keep, int *ret_pidfd)
{
  gboolean dead = server->socket < 0;
  GPid pid = -1;

  prctl (PR_SET_CHILD_SUBREAPER, 1);
  if (!dead)
    pid = ask (server, argv, keep, &dead);
  if (dead && revive (server))
    pid = ask (server, argv, keep, &dead);
  prctl (PR_SET_CHILD_SUBREAPER, 0);
  if (pid < 0) {
    /* descriptors without their request must not meet the next one */
    int saved = errno;

    fork_server_rest (server);
    errno = saved;
    return -1;
  }
  return brief_watch (pid, ret_pidfd);
}
