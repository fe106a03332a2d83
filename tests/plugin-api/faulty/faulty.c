/* SPDX-License-Identifier: Apache-2.0 */
/* faulty: does what a plugin must not do, when it is asked to.
 *
 * Its settings spoil configure and stop; the file that "start-mood" names spoils start, so that a
 * test can change its mind while the host runs.
 */
#include <daedalus-plugin.h>
#include <glib/gstdio.h>
#include <stdlib.h>

static void
faulty_block (DaeRequest *req)
{
  g_usleep (g_ascii_strtoull (dae_request_param (req, "ms"), NULL, 10) * 1000);
}

static DaeOutcome
faulty_block_loop (DaeRequest *req, DaePlugin *self)
{
  faulty_block (req);
  return dae_send (req, dae_reply_empty (req, 204));
}

static DaeReply *
faulty_block_pool (DaeTx *tx, DaeRequest *req, DaePlugin *self)
{
  faulty_block (req);
  return dae_reply_empty (req, 204);
}

static DaeOutcome
faulty_crash (DaeRequest *req, DaePlugin *self)
{
  *(volatile char *)NULL = 1;
  return DAE_DONE;
}

static DaeReply *
faulty_crash_pool (DaeTx *tx, DaeRequest *req, DaePlugin *self)
{
  abort ();
}

static DaeOutcome
faulty_exit (DaeRequest *req, DaePlugin *self)
{
  exit (0);
}

static DaeOutcome
faulty_silent (DaeRequest *req, DaePlugin *self)
{
  return DAE_DONE;
}

static DaeOutcome
faulty_lost (DaeRequest *req, DaePlugin *self)
{
  return DAE_LATER;
}

static DaeReply *
faulty_silent_pool (DaeTx *tx, DaeRequest *req, DaePlugin *self)
{
  return NULL;
}

static DaeOutcome
faulty_twice (DaeRequest *req, DaePlugin *self)
{
  dae_send (req, dae_reply_text (req, 200, "first\n"));
  return dae_send (req, dae_reply_text (req, 200, "second\n"));
}

static gboolean
faulty_tick (DaePlugin *self, gpointer data)
{
  return TRUE;
}

static gboolean
faulty_block_timer (DaePlugin *self, gpointer data)
{
  g_usleep (1500 * 1000);
  return FALSE;
}

static DaeOutcome
faulty_late_timer (DaeRequest *req, DaePlugin *self)
{
  dae_timer (self, 10, faulty_block_timer, NULL);
  return dae_send (req, dae_reply_empty (req, 204));
}

static gboolean
faulty_configure (DaePlugin *self, GError **error)
{
  if (dae_setting_int (self, "configure-crashes") != 0)
    abort ();
  return TRUE;
}

/* The first to come takes the file at PATH away, and waits until it is gone from there, too. */
static void
faulty_wait (const char *path)
{
  g_autofree char *taken = g_strconcat (path, ".taken", NULL);

  if (g_rename (path, taken) != 0)
    return;
  while (g_file_test (taken, G_FILE_TEST_EXISTS))
    g_usleep (10000);
}

static gboolean
faulty_start (DaePlugin *self, GError **error)
{
  const char *path = dae_setting_text (self, "start-mood");
  g_autofree char *mood = NULL;

  if (path == NULL || !g_file_get_contents (path, &mood, NULL, NULL))
    return TRUE;
  if (g_str_equal (mood, "crash"))
    abort ();
  if (g_str_equal (mood, "exit"))
    exit (0);
  if (g_str_has_prefix (mood, "wait")) {
    faulty_wait (path);
    return TRUE;
  }
  if (g_str_equal (mood, "block"))
    g_usleep (60 * G_USEC_PER_SEC);
  g_set_error (error, G_IO_ERROR, G_IO_ERROR_FAILED, "it is in the mood \"%s\"", mood);
  return FALSE;
}

static void
faulty_stop (DaePlugin *self)
{
  if (dae_setting_int (self, "stop-leaks") != 0)
    dae_timer (self, 1000, faulty_tick, NULL);
}

static const DaeSetting settings[] = {
  { .key = "start-mood", .help = "A file that says how start ends" },
  { .key = "configure-crashes",
    .type = DAE_SETTING_BOOL,
    .fallback = "false",
    .help = "Whether configure ends the process" },
  { .key = "stop-leaks",
    .type = DAE_SETTING_BOOL,
    .fallback = "false",
    .help = "Whether stop leaves a timer behind" },
};

static const DaeRoute routes[] = {
  { .method = "GET", .pattern = "/api/faulty/block/{ms:int}", .loop = faulty_block_loop },
  { .method = "GET",
    .pattern = "/api/faulty/pool/{ms:int}",
    .answer = faulty_block_pool,
    .deadline_ms = 1000 },
  { .method = "GET", .pattern = "/api/faulty/timer", .loop = faulty_late_timer },
  { .method = "GET", .pattern = "/api/faulty/crash", .loop = faulty_crash },
  { .method = "GET", .pattern = "/api/faulty/pool-crash", .answer = faulty_crash_pool },
  { .method = "GET", .pattern = "/api/faulty/exit", .loop = faulty_exit },
  { .method = "GET", .pattern = "/api/faulty/silent", .loop = faulty_silent },
  { .method = "GET", .pattern = "/api/faulty/lost", .loop = faulty_lost },
  { .method = "GET", .pattern = "/api/faulty/pool-silent", .answer = faulty_silent_pool },
  { .method = "GET", .pattern = "/api/faulty/twice", .loop = faulty_twice },
};

DAE_PLUGIN_DEFINE (.name = "faulty",
                   .version = "1.0",
                   .summary = "A plugin for a test",
                   .settings = DAE_TABLE (settings),
                   .routes = DAE_TABLE (routes),
                   .configure = faulty_configure,
                   .start = faulty_start,
                   .stop = faulty_stop);
