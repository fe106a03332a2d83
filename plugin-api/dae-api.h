/* SPDX-License-Identifier: Apache-2.0 */
/* dae-api: the table of functions that the host hands to every object.
 *
 * Nobody but the host and the ABI lock reads it: plugins call the functions of
 * the subject headers, which say what each does. Slots are only ever added at
 * the end; no slot is removed, moved or retyped within ABI major 1.
 */
#pragma once

#include "dae-types.h"

G_BEGIN_DECLS

typedef gpointer (*DaeWork) (DaeTx *tx, gconstpointer input);
typedef void (*DaeWorkDone) (DaePlugin *self, gpointer result, const char *problem, gpointer data);
typedef void (*DaeAfterCommit) (DaePlugin *self, gpointer data);
typedef void (*DaeTopicFunc) (DaePlugin *self, const char *topic, const char *text, gpointer data);
typedef gboolean (*DaeTimerFunc) (DaePlugin *self, gpointer data);
typedef void (*DaeBlock) (DaePlugin *self, gpointer data);
typedef void (*DaeBlockDone) (DaePlugin *self, gpointer data);
typedef void (*DaeStreamFunc) (DaeStream *stream, gpointer data);

typedef struct {
  guint32 struct_size;
  void (*head) (DaeFetch *fetch, guint status, gpointer data);
  void (*body) (DaeFetch *fetch, const char *bytes, gsize length, gpointer data);
  void (*end) (DaeFetch *fetch, const GError *error, gpointer data);
} DaeFetchHooks;

typedef struct {
  const char *host_version; /* "0.1.0+REVISION": of this very build */
  const char *base_url;     /* without a trailing '/' */
  const char *environment;  /* "production" or "development" */
  const char *data_dir;     /* private to this installation; exists */
  const char *runtime_dir;  /* sockets; exists, 0700 */
  const char *static_dir;   /* where packages put the page's files */
  const char *schema_dir;   /* migrations */
  guint32 workers;
  guint32 worker; /* index of this process, from 0 */
} DaeHostInfo;

struct DaeApi {
  guint32 struct_size;
  guint32 abi_minor;

  /* plugin: dae-plugin.h */
  gpointer (*data) (DaePlugin *self);
  void (*set_data) (DaePlugin *self, gpointer data, GDestroyNotify free_data);
  gpointer (*state) (DaePlugin *self);
  void (*set_state) (DaePlugin *self, gpointer state, GDestroyNotify free_state);
  gconstpointer (*service) (DaePlugin *self, const char *name, DaePlugin **ret_provider);
  const DaeHostInfo *(*host_info) (DaePlugin *self);
  guint (*timer) (DaePlugin *self, guint ms, DaeTimerFunc func, gpointer data);
  void (*timer_cancel) (DaePlugin *self, guint timer);
  void (*job_wake) (DaePlugin *self, const char *job);
  void (*announce) (DaePlugin *self, const char *key, const char *text);
  void (*derive_secret) (DaePlugin *self, const char *label, guint8 *ret_32_bytes);
  gint64 (*now) (DaePlugin *self);
  void (*uuid7) (DaePlugin *self, char *ret_37_bytes);
  char *(*internal_url) (DaePlugin *self, const char *path);
  const char *(*name) (DaePlugin *self);

  /* settings: dae-settings.h */
  const char *(*setting_text) (DaePlugin *self, const char *key);
  gint64 (*setting_int) (DaePlugin *self, const char *key);
  const char *const *(*setting_list) (DaePlugin *self, const char *key);
  const char *const *(*instances) (DaePlugin *self, const char *prefix);
  const char *(*instance_text) (DaePlugin *self, const char *prefix, const char *name, const char *key);
  gint64 (*instance_int) (DaePlugin *self, const char *prefix, const char *name, const char *key);
  gboolean (*setting_has_address) (DaePlugin *self, const char *key, const char *address);

  /* log: dae-log.h */
  void (*log) (gpointer about, GLogLevelFlags level, const char *text, const DaeField *fields, guint n_fields);

  /* metrics: dae-metrics.h */
  DaeSeries *(*series) (DaePlugin *self, const char *metric, const char *const *label_values, guint n_values);
  void (*series_add) (DaeSeries *series, double by);
  void (*series_set) (DaeSeries *series, double to);
  void (*series_observe) (DaeSeries *series, double value);
  GBytes *(*metrics_text) (DaePlugin *self, const char *accept, const char **ret_type);

  /* request: dae-request.h */
  DaeRequest *(*request_ref) (DaeRequest *req);
  void (*request_unref) (DaeRequest *req);
  const char *(*request_method) (DaeRequest *req);
  const char *(*request_path) (DaeRequest *req);
  const char *(*request_param) (DaeRequest *req, const char *name);
  const char *(*request_query) (DaeRequest *req, const char *name);
  gint64 (*request_query_int) (DaeRequest *req, const char *name, gint64 fallback);
  const char *(*request_header) (DaeRequest *req, const char *name);
  guint (*request_header_count) (DaeRequest *req, const char *name);
  const char *(*request_cookie) (DaeRequest *req, const char *name);
  const DaeUser *(*request_user) (DaeRequest *req);
  const char *(*request_id) (DaeRequest *req);
  const char *(*request_client) (DaeRequest *req);
  gboolean (*request_from_trusted_proxy) (DaeRequest *req);
  gboolean (*request_is_https) (DaeRequest *req);
  gint64 (*request_if_match) (DaeRequest *req);
  GCancellable *(*request_gone) (DaeRequest *req);
  GBytes *(*request_body) (DaeRequest *req);
  GInputStream *(*request_stream) (DaeRequest *req);
  gint64 (*request_body_length) (DaeRequest *req);
  gboolean (*body_has) (DaeRequest *req, const char *member);
  gboolean (*body_is_null) (DaeRequest *req, const char *member);
  const char *(*body_text) (DaeRequest *req, const char *member);
  gint64 (*body_int) (DaeRequest *req, const char *member, gint64 fallback);
  const char *const *(*body_list) (DaeRequest *req, const char *member);

  /* reply: dae-reply.h */
  DaeReply *(*reply_empty) (DaeRequest *req, guint status);
  DaeReply *(*reply_text) (DaeRequest *req, guint status, const char *text);
  DaeReply *(*reply_bytes) (DaeRequest *req, guint status, const char *type, GBytes *body);
  DaeReply *(*reply_json) (DaeRequest *req, guint status, DaeJson *json);
  DaeReply *(*reply_versioned) (DaeRequest *req, guint status, DaeJson *json, gint64 version);
  DaeReply *(*reply_problem) (DaeRequest *req, guint status, const char *code, const char *detail);
  DaeReply *(*reply_not_found) (DaeRequest *req);
  void (*reply_pointer) (DaeReply *reply, const char *pointer, const char *detail);
  void (*reply_header) (DaeReply *reply, const char *name, const char *value);
  void (*reply_disposition) (DaeReply *reply, gboolean is_inline, const char *file_name);
  DaeOutcome (*send) (DaeRequest *req, DaeReply *reply);

  /* streams: dae-stream.h */
  DaeStream *(*stream_open) (DaeRequest *req, DaeReply *head);
  gboolean (*stream_write) (DaeStream *stream, GBytes *bytes);
  gsize (*stream_queued) (DaeStream *stream);
  void (*stream_on_drain) (DaeStream *stream, DaeStreamFunc func, gpointer data);
  void (*stream_on_gone) (DaeStream *stream, DaeStreamFunc func, gpointer data);
  void (*stream_end) (DaeStream *stream);
  void (*stream_abort) (DaeStream *stream);
  DaeRequest *(*stream_request) (DaeStream *stream);

  /* JSON: dae-json.h */
  DaeJson *(*json_new) (gpointer about);
  void (*json_begin_object) (DaeJson *json, const char *key);
  void (*json_begin_array) (DaeJson *json, const char *key);
  void (*json_end) (DaeJson *json);
  void (*json_text) (DaeJson *json, const char *key, const char *value);
  void (*json_int) (DaeJson *json, const char *key, gint64 value);
  void (*json_real) (DaeJson *json, const char *key, double value);
  void (*json_bool) (DaeJson *json, const char *key, gboolean value);
  void (*json_null) (DaeJson *json, const char *key);
  void (*json_time) (DaeJson *json, const char *key, gint64 time);
  void (*json_raw) (DaeJson *json, const char *key, const char *value);
  char *(*json_finish) (DaeJson *json);
  gboolean (*json_check) (DaePlugin *self, const char *text, gsize length, guint max_depth, guint max_nodes, GError **error);

  /* database: dae-database.h */
  void (*work) (DaePlugin *self, DaeRequest *req, guint32 flags, DaeWork work, gconstpointer input,
                GDestroyNotify free_input, GDestroyNotify free_result, DaeWorkDone done, gpointer data);
  gint64 (*exec) (DaeTx *tx, const char *sql, const DaeValue *values, guint n_values);
  DaeRows *(*query) (DaeTx *tx, const char *sql, const DaeValue *values, guint n_values);
  DaeRows *(*query_one) (DaeTx *tx, const char *sql, const DaeValue *values, guint n_values);
  void (*query_many) (DaeTx *tx, DaeQuery *queries, guint n_queries);
  gboolean (*rows_next) (DaeRows *rows);
  gboolean (*row_is_null) (DaeRows *rows, guint column);
  const char *(*row_text) (DaeRows *rows, guint column);
  gint64 (*row_int) (DaeRows *rows, guint column);
  double (*row_real) (DaeRows *rows, guint column);
  gboolean (*tx_failed) (DaeTx *tx);
  gboolean (*tx_is_sqlite) (DaeTx *tx);
  gint64 (*tx_now) (DaeTx *tx);
  DaePlugin *(*tx_plugin) (DaeTx *tx);
  void (*after_commit) (DaeTx *tx, DaeAfterCommit func, gpointer data, GDestroyNotify free_data);

  /* topics: dae-topic.h */
  void (*publish) (DaeTx *tx, const char *topic, const char *text);
  void (*hint) (DaePlugin *self, const char *topic, const char *text);
  guint (*subscribe) (DaePlugin *self, const char *topic, DaeTopicFunc func, gpointer data);
  void (*unsubscribe) (DaePlugin *self, guint subscription);

  /* outgoing HTTP: dae-fetch.h */
  DaeFetch *(*fetch_new) (DaePlugin *self, const char *method, const char *url, const DaeFetchHooks *hooks, gpointer data);
  void (*fetch_header) (DaeFetch *fetch, const char *name, const char *value);
  void (*fetch_body) (DaeFetch *fetch, const char *type, GBytes *body);
  void (*fetch_limits) (DaeFetch *fetch, guint connect_ms, guint first_byte_ms, guint idle_ms, guint total_ms);
  void (*fetch_send) (DaeFetch *fetch);
  const char *(*fetch_reply_header) (DaeFetch *fetch, const char *name);
  void (*fetch_pause) (DaeFetch *fetch, gboolean paused);
  void (*fetch_cancel) (DaeFetch *fetch);
  void (*fetch_stream) (DaeFetch *fetch, const char *type, GInputStream *stream, gint64 length);
  void (*fetch_max) (DaeFetch *fetch, gint64 max);

  /* limits: dae-limit.h */
  gboolean (*limit_take) (DaePlugin *self, guint32 what);
  void (*limit_give) (DaePlugin *self, guint32 what);

  /* database: dae-database.h */
  void (*exec_later) (DaeTx *tx, const char *sql, const DaeValue *values, guint n_values);

  /* blocking work: dae-plugin.h */
  void (*block) (DaePlugin *self, DaeBlock work, DaeBlockDone done, gpointer data);

  /* files as streams: dae-request.h */
  guint (*request_file) (DaeRequest *req, const char *etag, gint64 total, gint64 *ret_first, gint64 *ret_length);

  /* replies that others have made: dae-reply.h */
  guint (*reply_status) (const DaeReply *reply);

  /* people: dae-plugin.h */
  const char *(*people_merge) (DaeTx *tx, const char *from, const char *to);

  /* what is passed on as it is: dae-request.h, dae-stream.h */
  gboolean (*request_header_at) (DaeRequest *req, guint index, const char **ret_name, const char **ret_value);
  DaeStream *(*stream_pass) (DaeRequest *req, DaeReply *head);
};

G_END_DECLS
