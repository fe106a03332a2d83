/* SPDX-License-Identifier: Apache-2.0 */
/* lock-1.0: the plugin ABI as it is in 1.0, for machines with 64-bit pointers.
 *
 * It compiles, or the ABI has changed. What is added later (slots, fields,
 * enumerators, always at the end) gets a lock file of its own; once 1.0 is
 * released this one never changes again.
 */
#include <daedalus-plugin.h>

#define SAME(type, expression)                                                                     \
  _Static_assert(__builtin_types_compatible_p (type, __typeof__ (expression)), #expression)
#define SLOT(index, name, ...)                                                                     \
  _Static_assert(G_STRUCT_OFFSET (DaeApi, name) == 8 + 8 * (index), "slot " #name);                \
  SAME (__typeof__ (__VA_ARGS__), ((DaeApi *)0)->name)
#define FIELD(Row, field, offset, ...)                                                             \
  _Static_assert(G_STRUCT_OFFSET (Row, field) == (offset), #Row "." #field);                       \
  SAME (__typeof__ (__VA_ARGS__), ((Row *)0)->field)
#define VALUE(name, number) _Static_assert((name) == (number), #name)
#define CALLBACK(name, ...) SAME (__typeof__ (__VA_ARGS__), (name)0)

_Static_assert(sizeof (gpointer) == 8, "this lock is for 64-bit pointers");
_Static_assert(DAE_ABI_MAJOR == 1, "this lock is for major 1");

/* ---- the table --------------------------------------------------------- */

FIELD (DaeApi, struct_size, 0, guint32);
FIELD (DaeApi, abi_minor, 4, guint32);
SLOT (0, data, gpointer (*) (DaePlugin *));
SLOT (1, set_data, void (*) (DaePlugin *, gpointer, GDestroyNotify));
SLOT (2, state, gpointer (*) (DaePlugin *));
SLOT (3, set_state, void (*) (DaePlugin *, gpointer, GDestroyNotify));
SLOT (4, service, gconstpointer (*) (DaePlugin *, const char *, DaePlugin **));
SLOT (5, host_info, const DaeHostInfo *(*)(DaePlugin *));
SLOT (6, timer, guint (*) (DaePlugin *, guint, DaeTimerFunc, gpointer));
SLOT (7, timer_cancel, void (*) (DaePlugin *, guint));
SLOT (8, job_wake, void (*) (DaePlugin *, const char *));
SLOT (9, announce, void (*) (DaePlugin *, const char *, const char *));
SLOT (10, derive_secret, void (*) (DaePlugin *, const char *, guint8 *));
SLOT (11, now, gint64 (*) (DaePlugin *));
SLOT (12, uuid7, void (*) (DaePlugin *, char *));
SLOT (13, internal_url, char *(*)(DaePlugin *, const char *));
SLOT (14, name, const char *(*)(DaePlugin *));
SLOT (15, setting_text, const char *(*)(DaePlugin *, const char *));
SLOT (16, setting_int, gint64 (*) (DaePlugin *, const char *));
SLOT (17, setting_list, const char *const *(*)(DaePlugin *, const char *));
SLOT (18, instances, const char *const *(*)(DaePlugin *, const char *));
SLOT (19, instance_text, const char *(*)(DaePlugin *, const char *, const char *, const char *));
SLOT (20, instance_int, gint64 (*) (DaePlugin *, const char *, const char *, const char *));
SLOT (21, setting_has_address, gboolean (*) (DaePlugin *, const char *, const char *));
SLOT (22, log, void (*) (gpointer, GLogLevelFlags, const char *, const DaeField *, guint));
SLOT (23, series, DaeSeries *(*)(DaePlugin *, const char *, const char *const *, guint));
SLOT (24, series_add, void (*) (DaeSeries *, double));
SLOT (25, series_set, void (*) (DaeSeries *, double));
SLOT (26, series_observe, void (*) (DaeSeries *, double));
SLOT (27, metrics_text, GBytes *(*)(DaePlugin *, const char *, const char **));
SLOT (28, request_ref, DaeRequest *(*)(DaeRequest *));
SLOT (29, request_unref, void (*) (DaeRequest *));
SLOT (30, request_method, const char *(*)(DaeRequest *));
SLOT (31, request_path, const char *(*)(DaeRequest *));
SLOT (32, request_param, const char *(*)(DaeRequest *, const char *));
SLOT (33, request_query, const char *(*)(DaeRequest *, const char *));
SLOT (34, request_query_int, gint64 (*) (DaeRequest *, const char *, gint64));
SLOT (35, request_header, const char *(*)(DaeRequest *, const char *));
SLOT (36, request_header_count, guint (*) (DaeRequest *, const char *));
SLOT (37, request_cookie, const char *(*)(DaeRequest *, const char *));
SLOT (38, request_user, const DaeUser *(*)(DaeRequest *));
SLOT (39, request_id, const char *(*)(DaeRequest *));
SLOT (40, request_client, const char *(*)(DaeRequest *));
SLOT (41, request_from_trusted_proxy, gboolean (*) (DaeRequest *));
SLOT (42, request_is_https, gboolean (*) (DaeRequest *));
SLOT (43, request_if_match, gint64 (*) (DaeRequest *));
SLOT (44, request_gone, GCancellable *(*)(DaeRequest *));
SLOT (45, request_body, GBytes *(*)(DaeRequest *));
SLOT (46, request_stream, GInputStream *(*)(DaeRequest *));
SLOT (47, request_body_length, gint64 (*) (DaeRequest *));
SLOT (48, body_has, gboolean (*) (DaeRequest *, const char *));
SLOT (49, body_is_null, gboolean (*) (DaeRequest *, const char *));
SLOT (50, body_text, const char *(*)(DaeRequest *, const char *));
SLOT (51, body_int, gint64 (*) (DaeRequest *, const char *, gint64));
SLOT (52, body_list, const char *const *(*)(DaeRequest *, const char *));
SLOT (53, reply_empty, DaeReply *(*)(DaeRequest *, guint));
SLOT (54, reply_text, DaeReply *(*)(DaeRequest *, guint, const char *));
SLOT (55, reply_bytes, DaeReply *(*)(DaeRequest *, guint, const char *, GBytes *));
SLOT (56, reply_json, DaeReply *(*)(DaeRequest *, guint, DaeJson *));
SLOT (57, reply_versioned, DaeReply *(*)(DaeRequest *, guint, DaeJson *, gint64));
SLOT (58, reply_problem, DaeReply *(*)(DaeRequest *, guint, const char *, const char *));
SLOT (59, reply_not_found, DaeReply *(*)(DaeRequest *));
SLOT (60, reply_pointer, void (*) (DaeReply *, const char *, const char *));
SLOT (61, reply_header, void (*) (DaeReply *, const char *, const char *));
SLOT (62, reply_disposition, void (*) (DaeReply *, gboolean, const char *));
SLOT (63, send, DaeOutcome (*) (DaeRequest *, DaeReply *));
SLOT (64, stream_open, DaeStream *(*)(DaeRequest *, DaeReply *));
SLOT (65, stream_write, gboolean (*) (DaeStream *, GBytes *));
SLOT (66, stream_queued, gsize (*) (DaeStream *));
SLOT (67, stream_on_drain, void (*) (DaeStream *, DaeStreamFunc, gpointer));
SLOT (68, stream_on_gone, void (*) (DaeStream *, DaeStreamFunc, gpointer));
SLOT (69, stream_end, void (*) (DaeStream *));
SLOT (70, stream_abort, void (*) (DaeStream *));
SLOT (71, stream_request, DaeRequest *(*)(DaeStream *));
SLOT (72, json_new, DaeJson *(*)(gpointer));
SLOT (73, json_begin_object, void (*) (DaeJson *, const char *));
SLOT (74, json_begin_array, void (*) (DaeJson *, const char *));
SLOT (75, json_end, void (*) (DaeJson *));
SLOT (76, json_text, void (*) (DaeJson *, const char *, const char *));
SLOT (77, json_int, void (*) (DaeJson *, const char *, gint64));
SLOT (78, json_real, void (*) (DaeJson *, const char *, double));
SLOT (79, json_bool, void (*) (DaeJson *, const char *, gboolean));
SLOT (80, json_null, void (*) (DaeJson *, const char *));
SLOT (81, json_time, void (*) (DaeJson *, const char *, gint64));
SLOT (82, json_raw, void (*) (DaeJson *, const char *, const char *));
SLOT (83, json_finish, char *(*)(DaeJson *));
SLOT (84, json_check, gboolean (*) (DaePlugin *, const char *, gsize, guint, guint, GError **));
SLOT (85,
      work,
      void (*) (DaePlugin *,
                DaeRequest *,
                guint32,
                DaeWork,
                gconstpointer,
                GDestroyNotify,
                GDestroyNotify,
                DaeWorkDone,
                gpointer));
SLOT (86, exec, gint64 (*) (DaeTx *, const char *, const DaeValue *, guint));
SLOT (87, query, DaeRows *(*)(DaeTx *, const char *, const DaeValue *, guint));
SLOT (88, query_one, DaeRows *(*)(DaeTx *, const char *, const DaeValue *, guint));
SLOT (89, query_many, void (*) (DaeTx *, DaeQuery *, guint));
SLOT (90, rows_next, gboolean (*) (DaeRows *));
SLOT (91, row_is_null, gboolean (*) (DaeRows *, guint));
SLOT (92, row_text, const char *(*)(DaeRows *, guint));
SLOT (93, row_int, gint64 (*) (DaeRows *, guint));
SLOT (94, row_real, double (*) (DaeRows *, guint));
SLOT (95, tx_failed, gboolean (*) (DaeTx *));
SLOT (96, tx_is_sqlite, gboolean (*) (DaeTx *));
SLOT (97, tx_now, gint64 (*) (DaeTx *));
SLOT (98, tx_plugin, DaePlugin *(*)(DaeTx *));
SLOT (99, after_commit, void (*) (DaeTx *, DaeAfterCommit, gpointer, GDestroyNotify));
SLOT (100, publish, void (*) (DaeTx *, const char *, const char *));
SLOT (101, hint, void (*) (DaePlugin *, const char *, const char *));
SLOT (102, subscribe, guint (*) (DaePlugin *, const char *, DaeTopicFunc, gpointer));
SLOT (103, unsubscribe, void (*) (DaePlugin *, guint));
SLOT (104,
      fetch_new,
      DaeFetch *(*)(DaePlugin *, const char *, const char *, const DaeFetchHooks *, gpointer));
SLOT (105, fetch_header, void (*) (DaeFetch *, const char *, const char *));
SLOT (106, fetch_body, void (*) (DaeFetch *, const char *, GBytes *));
SLOT (107, fetch_limits, void (*) (DaeFetch *, guint, guint, guint, guint));
SLOT (108, fetch_send, void (*) (DaeFetch *));
SLOT (109, fetch_reply_header, const char *(*)(DaeFetch *, const char *));
SLOT (110, fetch_pause, void (*) (DaeFetch *, gboolean));
SLOT (111, fetch_cancel, void (*) (DaeFetch *));
SLOT (112, fetch_stream, void (*) (DaeFetch *, const char *, GInputStream *, gint64));
SLOT (113, fetch_max, void (*) (DaeFetch *, gint64));
SLOT (114, limit_take, gboolean (*) (DaePlugin *, guint32));
SLOT (115, limit_give, void (*) (DaePlugin *, guint32));
SLOT (116, exec_later, void (*) (DaeTx *, const char *, const DaeValue *, guint));
SLOT (117, block, void (*) (DaePlugin *, DaeBlock, DaeBlockDone, gpointer));
SLOT (118, request_file, guint (*) (DaeRequest *, const char *, gint64, gint64 *, gint64 *));
SLOT (119, reply_status, guint (*) (const DaeReply *));
SLOT (120, people_merge, const char *(*)(DaeTx *, const char *, const char *));
SLOT (121, request_header_at, gboolean (*) (DaeRequest *, guint, const char **, const char **));
SLOT (122, stream_pass, DaeStream *(*)(DaeRequest *, DaeReply *));

/* ---- objects: the table comes first ------------------------------------- */

FIELD (DaePlugin, api, 0, const DaeApi *);
FIELD (DaeRequest, api, 0, const DaeApi *);
FIELD (DaeReply, api, 0, const DaeApi *);
FIELD (DaeJson, api, 0, const DaeApi *);
FIELD (DaeTx, api, 0, const DaeApi *);
FIELD (DaeRows, api, 0, const DaeApi *);
FIELD (DaeSeries, api, 0, const DaeApi *);
FIELD (DaeStream, api, 0, const DaeApi *);
FIELD (DaeFetch, api, 0, const DaeApi *);

/* ---- callbacks ---------------------------------------------------------- */

CALLBACK (DaeAnswer, DaeReply *(*)(DaeTx *, DaeRequest *, DaePlugin *));
CALLBACK (DaeLoop, DaeOutcome (*) (DaeRequest *, DaePlugin *));
CALLBACK (DaeWork, gpointer (*) (DaeTx *, gconstpointer));
CALLBACK (DaeWorkDone, void (*) (DaePlugin *, gpointer, const char *, gpointer));
CALLBACK (DaeAfterCommit, void (*) (DaePlugin *, gpointer));
CALLBACK (DaeTopicFunc, void (*) (DaePlugin *, const char *, const char *, gpointer));
CALLBACK (DaeTimerFunc, gboolean (*) (DaePlugin *, gpointer));
CALLBACK (DaeBlock, void (*) (DaePlugin *, gpointer));
CALLBACK (DaeBlockDone, void (*) (DaePlugin *, gpointer));
CALLBACK (DaeStreamFunc, void (*) (DaeStream *, gpointer));

/* ---- rows and values ---------------------------------------------------- */

FIELD (DaeSetting, key, 0, const char *);
FIELD (DaeSetting, type, 8, guint32);
FIELD (DaeSetting, flags, 12, guint32);
FIELD (DaeSetting, fallback, 16, const char *);
FIELD (DaeSetting, help, 24, const char *);
FIELD (DaeSetting, choices, 32, const char *);
FIELD (DaeSetting, min, 40, gint64);
FIELD (DaeSetting, max, 48, gint64);
FIELD (DaeSetting, environment, 56, const char *);

FIELD (DaeGroup, prefix, 0, const char *);
FIELD (DaeGroup, help, 8, const char *);
FIELD (DaeGroup, settings.rows, 16, const DaeSetting *);
FIELD (DaeGroup, settings.n_rows, 24, guint32);
FIELD (DaeGroup, settings.row_size, 28, guint32);

FIELD (DaeMetric, name, 0, const char *);
FIELD (DaeMetric, type, 8, guint32);
FIELD (DaeMetric, combine, 12, guint32);
FIELD (DaeMetric, help, 16, const char *);
FIELD (DaeMetric, labels, 24, const char *);
FIELD (DaeMetric, buckets, 32, const double *);
FIELD (DaeMetric, n_buckets, 40, guint32);
FIELD (DaeMetric, max_series, 44, guint32);

FIELD (DaeMember, name, 0, const char *);
FIELD (DaeMember, type, 8, guint32);
FIELD (DaeMember, flags, 12, guint32);
FIELD (DaeMember, min, 16, gint64);
FIELD (DaeMember, max, 24, gint64);
FIELD (DaeMember, choices, 32, const char *);

FIELD (DaeRoute, method, 0, const char *);
FIELD (DaeRoute, pattern, 8, const char *);
FIELD (DaeRoute, answer, 16, DaeAnswer);
FIELD (DaeRoute, loop, 24, DaeLoop);
FIELD (DaeRoute, auth, 32, guint32);
FIELD (DaeRoute, body, 36, guint32);
FIELD (DaeRoute, flags, 40, guint32);
FIELD (DaeRoute, deadline_ms, 44, guint32);
FIELD (DaeRoute, body_max, 48, gint64);
FIELD (DaeRoute, members.rows, 56, const DaeMember *);
FIELD (DaeRoute, members.n_rows, 64, guint32);
FIELD (DaeRoute, members.row_size, 68, guint32);
FIELD (DaeRoute, query.rows, 72, const DaeMember *);
FIELD (DaeRoute, query.n_rows, 80, guint32);
FIELD (DaeRoute, query.row_size, 84, guint32);

FIELD (DaeService, name, 0, const char *);
FIELD (DaeService, vtable, 8, gconstpointer);
FIELD (DaeService, flags, 16, guint32);

FIELD (DaeJob, name, 0, const char *);
FIELD (DaeJob, every_ms, 8, guint32);
FIELD (DaeJob, flags, 12, guint32);
FIELD (DaeJob, step, 16, gboolean (*) (DaeTx *, DaePlugin *));
FIELD (DaeJob, loop, 24, void (*) (DaePlugin *, GCancellable *));

FIELD (DaeUser, struct_size, 0, guint32);
FIELD (DaeUser, flags, 4, guint32);
FIELD (DaeUser, subject, 8, const char *);
FIELD (DaeUser, email, 16, const char *);
FIELD (DaeUser, name, 24, const char *);
FIELD (DaeUser, method, 32, const char *);
FIELD (DaeUser, groups, 40, const char *const *);

FIELD (DaeValue, type, 0, guint32);
FIELD (DaeValue, size, 4, guint32);
FIELD (DaeValue, number, 8, gint64);
FIELD (DaeValue, real, 16, double);
FIELD (DaeValue, text, 24, const char *);

FIELD (DaeField, key, 0, const char *);
FIELD (DaeField, type, 8, guint32);
FIELD (DaeField, number, 16, gint64);
FIELD (DaeField, real, 24, double);
FIELD (DaeField, text, 32, const char *);

FIELD (DaeQuery, sql, 0, const char *);
FIELD (DaeQuery, values, 8, const DaeValue *);
FIELD (DaeQuery, n_values, 16, guint32);
FIELD (DaeQuery, rows, 24, DaeRows *);

FIELD (DaePluginInfo, struct_size, 0, guint32);
FIELD (DaePluginInfo, abi_minor, 4, guint32);
FIELD (DaePluginInfo, name, 8, const char *);
FIELD (DaePluginInfo, version, 16, const char *);
FIELD (DaePluginInfo, summary, 24, const char *);
FIELD (DaePluginInfo, needs, 32, const char *const *);
FIELD (DaePluginInfo, wants, 40, const char *const *);
FIELD (DaePluginInfo, provides.rows, 48, const DaeService *);
FIELD (DaePluginInfo, provides.n_rows, 56, guint32);
FIELD (DaePluginInfo, provides.row_size, 60, guint32);
FIELD (DaePluginInfo, settings.rows, 64, const DaeSetting *);
FIELD (DaePluginInfo, settings.n_rows, 72, guint32);
FIELD (DaePluginInfo, settings.row_size, 76, guint32);
FIELD (DaePluginInfo, groups.rows, 80, const DaeGroup *);
FIELD (DaePluginInfo, groups.n_rows, 88, guint32);
FIELD (DaePluginInfo, groups.row_size, 92, guint32);
FIELD (DaePluginInfo, metrics.rows, 96, const DaeMetric *);
FIELD (DaePluginInfo, metrics.n_rows, 104, guint32);
FIELD (DaePluginInfo, metrics.row_size, 108, guint32);
FIELD (DaePluginInfo, routes.rows, 112, const DaeRoute *);
FIELD (DaePluginInfo, routes.n_rows, 120, guint32);
FIELD (DaePluginInfo, routes.row_size, 124, guint32);
FIELD (DaePluginInfo, jobs.rows, 128, const DaeJob *);
FIELD (DaePluginInfo, jobs.n_rows, 136, guint32);
FIELD (DaePluginInfo, jobs.row_size, 140, guint32);
FIELD (DaePluginInfo, configure, 144, gboolean (*) (DaePlugin *, GError **));
FIELD (DaePluginInfo, start, 152, gboolean (*) (DaePlugin *, GError **));
FIELD (DaePluginInfo, drain, 160, void (*) (DaePlugin *));
FIELD (DaePluginInfo, stop, 168, void (*) (DaePlugin *));
FIELD (DaePluginInfo, health, 176, DaeHealth (*) (DaePlugin *, GString *));
FIELD (DaePluginInfo, collect, 184, void (*) (DaePlugin *));
FIELD (DaePluginInfo,
       merge_people,
       192,
       void (*) (DaeTx *, DaePlugin *, const char *, const char *));

FIELD (DaeFetchHooks, struct_size, 0, guint32);
FIELD (DaeFetchHooks, head, 8, void (*) (DaeFetch *, guint, gpointer));
FIELD (DaeFetchHooks, body, 16, void (*) (DaeFetch *, const char *, gsize, gpointer));
FIELD (DaeFetchHooks, end, 24, void (*) (DaeFetch *, const GError *, gpointer));

FIELD (DaeHostInfo, host_version, 0, const char *);
FIELD (DaeHostInfo, base_url, 8, const char *);
FIELD (DaeHostInfo, environment, 16, const char *);
FIELD (DaeHostInfo, data_dir, 24, const char *);
FIELD (DaeHostInfo, runtime_dir, 32, const char *);
FIELD (DaeHostInfo, static_dir, 40, const char *);
FIELD (DaeHostInfo, schema_dir, 48, const char *);
FIELD (DaeHostInfo, workers, 56, guint32);
FIELD (DaeHostInfo, worker, 60, guint32);

/* ---- enumerators -------------------------------------------------------- */

VALUE (DAE_SETTING_TEXT, 0);
VALUE (DAE_SETTING_INT, 1);
VALUE (DAE_SETTING_BOOL, 2);
VALUE (DAE_SETTING_SIZE, 3);
VALUE (DAE_SETTING_DURATION, 4);
VALUE (DAE_SETTING_LIST, 5);
VALUE (DAE_SETTING_SECRET, 6);
VALUE (DAE_SETTING_URL, 7);
VALUE (DAE_SETTING_CHOICE, 8);
VALUE (DAE_SETTING_NETWORKS, 9);
VALUE (DAE_SETTING_REQUIRED, 1);
VALUE (DAE_COUNTER, 0);
VALUE (DAE_GAUGE, 1);
VALUE (DAE_HISTOGRAM, 2);
VALUE (DAE_SUM, 0);
VALUE (DAE_MAX, 1);
VALUE (DAE_MIN, 2);
VALUE (DAE_LAST, 3);
VALUE (DAE_MEMBER_TEXT, 0);
VALUE (DAE_MEMBER_INT, 1);
VALUE (DAE_MEMBER_BOOL, 2);
VALUE (DAE_MEMBER_UUID, 3);
VALUE (DAE_MEMBER_SLUG, 4);
VALUE (DAE_MEMBER_CHOICE, 5);
VALUE (DAE_MEMBER_UUID_LIST, 6);
VALUE (DAE_MEMBER_TEXT_LIST, 7);
VALUE (DAE_MEMBER_JSON, 8);
VALUE (DAE_MEMBER_REQUIRED, 1);
VALUE (DAE_MEMBER_NULLABLE, 2);
VALUE (DAE_MEMBER_MULTILINE, 4);
VALUE (DAE_DONE, 0);
VALUE (DAE_LATER, 1);
VALUE (DAE_AUTH_USER, 0);
VALUE (DAE_AUTH_NONE, 1);
VALUE (DAE_AUTH_ADMIN, 2);
VALUE (DAE_BODY_NONE, 0);
VALUE (DAE_BODY_JSON, 1);
VALUE (DAE_BODY_WHOLE, 2);
VALUE (DAE_BODY_STREAM, 3);
VALUE (DAE_ROUTE_IDEMPOTENT, 1);
VALUE (DAE_ROUTE_STREAMS, 2);
VALUE (DAE_ROUTE_SLOW, 4);
VALUE (DAE_ROUTE_INTERNAL, 8);
VALUE (DAE_ROUTE_QUIET, 16);
VALUE (DAE_ROUTE_WRITES, 32);
VALUE (DAE_ROUTE_SECRET, 64);
VALUE (DAE_ROUTE_CROSS_SITE, 128);
VALUE (DAE_SERVICE_GIVES_WAY, 1);
VALUE (DAE_USER_ADMIN, 1);
VALUE (DAE_VALUE_NULL, 0);
VALUE (DAE_VALUE_TEXT, 1);
VALUE (DAE_VALUE_INT, 2);
VALUE (DAE_VALUE_BOOL, 3);
VALUE (DAE_VALUE_TIME, 4);
VALUE (DAE_VALUE_UUID, 5);
VALUE (DAE_VALUE_JSON, 6);
VALUE (DAE_VALUE_REAL, 7);
VALUE (DAE_VALUE_BYTES, 8);
VALUE (DAE_HEALTH_UP, 0);
VALUE (DAE_HEALTH_DEGRADED, 1);
VALUE (DAE_HEALTH_DOWN, 2);
VALUE (DAE_WORK_WRITES, 1);
VALUE (DAE_WORK_KEEPER, 2);
VALUE (DAE_WORK_SLOW, 4);
VALUE (DAE_LIMIT_TURNS, 0);
