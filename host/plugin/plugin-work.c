/* SPDX-License-Identifier: Apache-2.0 */
/* plugin-work: dae_work made of database_submit: the request is held until the work is done, what
 * became of it is one of a few words.
 */
#include "../data/database.h"
#include "../http/request.h"
#include "plugin-private.h"

typedef struct {
  Plugin *plugin;
  DaeRequest *req; /* shared, or NULL */
  DaeWork work;
  gconstpointer input;
  GDestroyNotify free_input, free_result;
  DaeWorkDone done;
  gpointer data;
} PluginWork;

static const char *
plugin_work_problem (DatabaseVerdict verdict)
{
  switch (verdict) {
  case DATABASE_DONE:
  case DATABASE_ROLLED_BACK:
    return NULL;
  case DATABASE_BUSY:
  case DATABASE_UNAVAILABLE:
  case DATABASE_UNKNOWN:
    return "unavailable";
  case DATABASE_CONFLICT:
    return "conflict";
  case DATABASE_INVALID:
    return "invalid";
  case DATABASE_DEADLINE:
    return "deadline";
  case DATABASE_FULL:
    return "full";
  default:
    return "failed";
  }
}

static gpointer
plugin_work_run (DaeTx *tx, gpointer data)
{
  PluginWork *call = data;

  return call->work (tx, call->input);
}

static void
plugin_work_done (DatabaseVerdict verdict, gpointer result, gpointer data)
{
  PluginWork *call = data;
  Plugin *plugin = call->plugin;

  plugin_enter (plugin, "work done");
  call->done (&plugin->base, result, plugin_work_problem (verdict), call->data);
  plugin_leave (plugin);
  if (result != NULL && call->free_result != NULL)
    call->free_result (result);
  if (call->input != NULL && call->free_input != NULL)
    call->free_input ((gpointer)call->input);
  plugin->in_flight--;
  if (call->req != NULL)
    dae_request_unref (call->req);
  g_free (call);
}

void
plugin_work (Plugin *plugin,
             DaeRequest *req,
             guint32 flags,
             DaeWork work,
             gconstpointer input,
             GDestroyNotify free_input,
             GDestroyNotify free_result,
             DaeWorkDone done,
             gpointer data)
{
  PluginWork *call = g_new0 (PluginWork, 1);
  Request *request = (Request *)req;
  DatabaseWork submitted = {
    .plugin = plugin,
    .what = request != NULL && request->route != NULL ? request->route->label : "work",
    .request_id = request != NULL ? request->id : NULL,
    .flags = flags,
    .deadline = request != NULL ? request->deadline : 0,
    .run = plugin_work_run,
    .free_result = free_result,
    .done = plugin_work_done,
    .data = call,
  };

  *call = (PluginWork){ plugin,     req != NULL ? dae_request_ref (req) : NULL,
                        work,       input,
                        free_input, free_result,
                        done,       data };
  plugin->in_flight++;
  database_submit (plugin->host->database, &submitted);
}
