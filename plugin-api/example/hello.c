/* SPDX-License-Identifier: Apache-2.0 */
/* hello: greets people in words that the admin chose, and remembers how often. */
#include <daedalus-plugin.h>

typedef struct {
  const char *greeting; /* borrowed from the settings */
  DaeSeries *greeted;   /* owned by the host */
} Hello;

static gboolean
hello_configure (DaePlugin *self, GError **error)
{
  Hello *hello = g_new0 (Hello, 1);

  dae_set_data (self, hello, g_free);
  hello->greeting = dae_setting_text (self, "greeting");
  hello->greeted = dae_series (self, "hello_greetings_total");
  return TRUE;
}

/* On the loop: nothing here may block. */
static DaeOutcome
hello_greet (DaeRequest *req, DaePlugin *self)
{
  Hello *hello = dae_data (self);
  g_autofree char *text =
      g_strdup_printf ("%s, %s!\n", hello->greeting, dae_request_param (req, "name"));

  return dae_send (req, dae_reply_text (req, 200, text));
}

/* On a pool thread, inside a transaction that commits if the answer is not an error: there are no
 * error branches for the database, and the count below is dropped with it too. */
static DaeReply *
hello_remember (DaeTx *tx, DaeRequest *req, DaePlugin *self)
{
  Hello *hello = dae_data (self);
  const char *name = dae_request_param (req, "name");
  DaeRows *row = dae_query_one (tx,
                                "INSERT INTO hello_greeting (name, count) VALUES ($1, 1) "
                                "ON CONFLICT (name) DO UPDATE SET count = hello_greeting.count + 1 "
                                "RETURNING count",
                                DAE_TEXT (name));
  DaeJson *json = dae_json_new (req);

  dae_series_add (hello->greeted, 1);
  dae_json_begin_object (json, NULL);
  dae_json_text (json, "greeting", hello->greeting);
  dae_json_text (json, "name", name);
  dae_json_int (json, "count", row != NULL ? dae_row_int (row, 0) : 0);
  return dae_reply_json (req, 200, json);
}

static const DaeSetting settings[] = {
  { .key = "greeting", .fallback = "Hello", .help = "Word that is put before the name" },
};

static const DaeMetric metrics[] = {
  { .name = "hello_greetings_total", .type = DAE_COUNTER, .help = "Greetings remembered" },
};

static const DaeRoute routes[] = {
  { .method = "GET", .pattern = "/api/hello/{name}", .loop = hello_greet },
  { .method = "POST", .pattern = "/api/hello/{name}", .answer = hello_remember },
};

DAE_PLUGIN_DEFINE (.name = "hello",
                   .version = "1.0",
                   .summary = "Greets people by name",
                   .settings = DAE_TABLE (settings),
                   .metrics = DAE_TABLE (metrics),
                   .routes = DAE_TABLE (routes),
                   .configure = hello_configure);
