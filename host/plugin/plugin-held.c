/* SPDX-License-Identifier: Apache-2.0 */
/* plugin-held: counts, log lines and hints that are made inside a transaction.
 * They wait for its commit, so that what was rolled back or run again is neither counted nor told.
 */
#include <string.h>

#include "../data/database.h"
#include "../http/request.h"
#include "../observe/log.h"
#include "../observe/metrics.h"
#include "../process/bus.h"
#include "plugin-private.h"

typedef struct {
  GLogLevelFlags level;
  LogContext context; /* strings owned */
  char *text;
  DaeField *fields; /* with their strings owned */
  guint n_fields;
} HeldLine;

typedef struct {
  MetricsSeries *series;
  PluginHeldCount what;
  double value;
} HeldCount;

typedef struct {
  Plugin *plugin;
  char *topic, *text;
} HeldHint;

static void
held_line_free (gpointer data)
{
  HeldLine *line = data;

  for (guint i = 0; i < line->n_fields; i++) {
    g_free ((char *)line->fields[i].key);
    g_free ((char *)line->fields[i].text);
  }
  g_free (line->fields);
  g_free (line->text);
  g_free ((char *)line->context.plugin);
  g_free ((char *)line->context.request_id);
  g_free ((char *)line->context.user);
  g_free ((char *)line->context.method);
  g_free ((char *)line->context.route);
  g_free (line);
}

static void
held_line_write (gpointer data)
{
  HeldLine *line = data;

  log_fields (line->level, &line->context, line->text, line->fields, line->n_fields);
}

static HeldLine *
held_line_new (GLogLevelFlags level,
               const LogContext *context,
               const char *text,
               const DaeField *fields,
               guint n_fields)
{
  HeldLine *line = g_new0 (HeldLine, 1);

  line->level = level;
  line->context.plugin = g_strdup (context->plugin);
  line->context.request_id = g_strdup (context->request_id);
  line->context.user = g_strdup (context->user);
  line->context.method = g_strdup (context->method);
  line->context.route = g_strdup (context->route);
  line->text = g_strdup (text);
  line->fields = g_new0 (DaeField, MAX (n_fields, 1));
  line->n_fields = n_fields;
  for (guint i = 0; i < n_fields; i++) {
    line->fields[i] = fields[i];
    line->fields[i].key = g_strdup (fields[i].key);
    line->fields[i].text = g_strdup (fields[i].text);
  }
  return line;
}

/* What ABOUT, a plugin, request or transaction, knows of the place. */
static LogContext
held_context (gpointer about, DaeTx *tx)
{
  LogContext context = { 0 };

  if (request_is (about)) {
    Request *request = about;

    context.request_id = request->id;
    context.method = request->method;
    context.user = request->user != NULL ? request->user->subject : NULL;
    context.route = request->route != NULL ? request->route->label : NULL;
    context.plugin = request->route != NULL && request->route->plugin != NULL
                         ? request->route->plugin->name
                         : NULL;
  } else {
    Plugin *plugin = about == (gpointer)tx ? (Plugin *)plugin_api ()->tx_plugin (tx) : about;

    context.plugin = plugin != NULL ? plugin->name : NULL;
  }
  return context;
}

void
plugin_held_log (
    gpointer about, GLogLevelFlags level, const char *text, const DaeField *fields, guint n_fields)
{
  DaeTx *tx = database_current_tx ();
  LogContext context;

  if (!log_has_level (level))
    return;
  context = held_context (about, tx);
  /* the lower the flag, the graver the line */
  if (tx == NULL || (level & G_LOG_LEVEL_MASK) <= G_LOG_LEVEL_WARNING)
    log_fields (level, &context, text, fields, n_fields);
  else
    database_after_commit (tx, held_line_write,
                           held_line_new (level, &context, text, fields, n_fields), held_line_free);
}

static void
held_count_do (MetricsSeries *series, PluginHeldCount what, double value)
{
  if (what == PLUGIN_HELD_ADD)
    metrics_add (series, value);
  else if (what == PLUGIN_HELD_SET)
    metrics_set (series, value);
  else
    metrics_observe (series, value);
}

static void
held_count_run (gpointer data)
{
  HeldCount *count = data;

  held_count_do (count->series, count->what, count->value);
}

void
plugin_held_count (DaeSeries *series, PluginHeldCount what, double value)
{
  DaeTx *tx = database_current_tx ();
  HeldCount *count;

  if (tx == NULL) {
    held_count_do ((MetricsSeries *)series, what, value);
    return;
  }
  count = g_new0 (HeldCount, 1);
  *count = (HeldCount){ (MetricsSeries *)series, what, value };
  database_after_commit (tx, held_count_run, count, g_free);
}

static void
held_hint_free (gpointer data)
{
  HeldHint *hint = data;

  g_free (hint->topic);
  g_free (hint->text);
  g_free (hint);
}

static void
held_hint_run (gpointer data)
{
  HeldHint *hint = data;

  bus_publish (hint->plugin->host->bus, hint->topic, hint->text);
}

void
plugin_held_publish (DaeTx *tx, const char *topic, const char *text)
{
  HeldHint *hint = g_new0 (HeldHint, 1);

  hint->plugin = (Plugin *)plugin_api ()->tx_plugin (tx);
  hint->topic = g_strdup (topic);
  hint->text = g_strdup (text);
  database_after_commit (tx, held_hint_run, hint, held_hint_free);
}
