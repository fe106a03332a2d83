/* SPDX-License-Identifier: Apache-2.0 */
/* brief: what a child process is told, and how it is started. */
#include "brief.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

int
brief_write (GVariant *variant)
{
  g_autoptr (GVariant) owned = g_variant_ref_sink (variant);
  const char *bytes = g_variant_get_data (owned);
  gsize size = g_variant_get_size (owned), done = 0;
  int fd = memfd_create ("daedalus-brief", MFD_CLOEXEC | MFD_ALLOW_SEALING);

  while (fd >= 0 && done < size) {
    ssize_t written = write (fd, bytes + done, size - done);

    if (written < 0 && errno != EINTR) {
      close (fd);
      return -1;
    }
    done += written > 0 ? (gsize)written : 0;
  }
  if (fd >= 0)
    fcntl (fd, F_ADD_SEALS, F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE);
  return fd;
}

GVariant *
brief_read (int fd)
{
  struct stat status;
  g_autofree char *bytes = NULL;
  g_autoptr (GVariant) variant = NULL;

  if (fstat (fd, &status) != 0)
    return NULL;
  bytes = g_malloc ((gsize)status.st_size + 1);
  if (pread (fd, bytes, (size_t)status.st_size, 0) != status.st_size)
    return NULL;
  variant = g_variant_ref_sink (g_variant_new_from_data (
      G_VARIANT_TYPE_VARDICT, bytes, (gsize)status.st_size, FALSE, g_free, bytes));
  bytes = NULL;
  return g_variant_is_normal_form (variant) ? g_steal_pointer (&variant) : NULL;
}

static void
become_child (int exe_fd, char **argv, const int *keep, pid_t parent)
{
  g_autofree char *exe = g_strdup_printf ("/proc/self/fd/%d", exe_fd);
  int null = open ("/dev/null", O_RDONLY);
  sigset_t none;

  prctl (PR_SET_PDEATHSIG, SIGKILL);
  if (getppid () != parent)
    _exit (0);
  dup2 (null, STDIN_FILENO);
  for (; *keep >= 0; keep++)
    fcntl (*keep, F_SETFD, 0);
  sigemptyset (&none);
  sigprocmask (SIG_SETMASK, &none, NULL);
  execv (exe, argv);
  _exit (127);
}

GPid
brief_watch (GPid pid, int *ret_pidfd)
{
  *ret_pidfd = (int)syscall (SYS_pidfd_open, pid, 0);
  if (*ret_pidfd < 0) { /* one that cannot be watched must not run */
    int saved = errno;

    kill (pid, SIGKILL);
    waitpid (pid, NULL, 0);
    errno = saved;
    return -1;
  }
  return pid;
}

GPid
brief_spawn (int exe_fd, char **argv, const int *keep, int *ret_pidfd)
{
  pid_t parent = getpid (), pid = fork ();

  if (pid == 0)
    become_child (exe_fd, argv, keep, parent);
  return pid > 0 ? brief_watch (pid, ret_pidfd) : -1;
}

GVariant *
brief_sources_to_variant (GPtrArray *sources)
{
  GVariantBuilder builder;

  g_variant_builder_init (&builder, G_VARIANT_TYPE ("a(ssi)"));
  for (guint i = 0; i < sources->len; i++) {
    PluginSource *source = sources->pdata[i];

    g_variant_builder_add (&builder, "(ssi)", source->name, source->path, source->fd);
  }
  return g_variant_builder_end (&builder);
}

static void
source_free (gpointer data)
{
  PluginSource *source = data;

  g_free (source->name);
  g_free (source->path);
  g_free (source);
}

GPtrArray *
brief_sources_from_variant (GVariant *variant)
{
  GPtrArray *sources = g_ptr_array_new_with_free_func (source_free);
  GVariantIter iter;
  const char *name, *path;
  int fd;

  g_variant_iter_init (&iter, variant);
  while (g_variant_iter_next (&iter, "(&s&si)", &name, &path, &fd)) {
    PluginSource *source = g_new0 (PluginSource, 1);

    source->name = g_strdup (name);
    source->path = g_strdup (path);
    source->fd = fd;
    g_ptr_array_add (sources, source);
  }
  return sources;
}
