/* SPDX-License-Identifier: Apache-2.0 */
/* dae-types: the opaque objects, the rows of a descriptor, and the values that cross the boundary.
 *
 * Layout rules of ABI major 1: structs grow only at their end; a table carries
 * the size of its rows (DAE_TABLE), so that a plugin built with shorter rows
 * still works; enumerators are never renumbered; flags are guint32; times are
 * gint64 microseconds since 1970-01-01 UTC unless a name says otherwise.
 *
 * Four words are used throughout: borrowed (valid until the stated moment),
 * owned (you free it), given (the callee takes it), shared (a reference is taken).
 */
#pragma once

#include <gio/gio.h>

G_BEGIN_DECLS

typedef struct DaeApi DaeApi;

/* Each object begins with the host's function table; what follows is the host's own. */
typedef struct DaePlugin DaePlugin;   /* one loaded plugin */
typedef struct DaeRequest DaeRequest; /* one HTTP request: immutable, reference-counted */
typedef struct DaeReply DaeReply;     /* one answer under construction; belongs to its request */
typedef struct DaeJson DaeJson;       /* one JSON text being written */
typedef struct DaeTx DaeTx;           /* one open database transaction */
typedef struct DaeRows DaeRows;       /* the rows of one query */
typedef struct DaeSeries DaeSeries;   /* one series of a metric family */
typedef struct DaeStream DaeStream;   /* an answer that grows */
typedef struct DaeFetch DaeFetch;     /* one outgoing HTTP request */

struct DaePlugin {
  const DaeApi *api;
};
struct DaeRequest {
  const DaeApi *api;
};
struct DaeReply {
  const DaeApi *api;
};
struct DaeJson {
  const DaeApi *api;
};
struct DaeTx {
  const DaeApi *api;
};
struct DaeRows {
  const DaeApi *api;
};
struct DaeSeries {
  const DaeApi *api;
};
struct DaeStream {
  const DaeApi *api;
};
struct DaeFetch {
  const DaeApi *api;
};

#define DAE_TABLE_OF(Row)                                                                          \
  struct {                                                                                         \
    const Row *rows;                                                                               \
    guint32 n_rows;                                                                                \
    guint32 row_size;                                                                              \
  }
#define DAE_TABLE(array)                                                                           \
  {                                                                                                \
    (array), G_N_ELEMENTS (array), sizeof (array)[0]                                               \
  }

/* ---- settings ---------------------------------------------------------- */

typedef enum {
  DAE_SETTING_TEXT = 0,
  DAE_SETTING_INT = 1,
  DAE_SETTING_BOOL = 2,
  DAE_SETTING_SIZE = 3,     /* "10M" -> bytes, as dae_setting_int; K, M, G, T are powers of 1024 */
  DAE_SETTING_DURATION = 4, /* "30s" -> milliseconds, as dae_setting_int; units ms s min h d */
  DAE_SETTING_LIST = 5,     /* separated by ';' or ',' -> dae_setting_list */
  DAE_SETTING_SECRET = 6,   /* text that is never shown or logged; KEY-file = PATH reads it from a file */
  DAE_SETTING_URL = 7,      /* http or https, no user information */
  DAE_SETTING_CHOICE = 8,   /* one of `choices`, separated by '|' */
  DAE_SETTING_NETWORKS = 9, /* list of addresses and networks in CIDR form, or "unix" */
} DaeSettingType;

enum {
  DAE_SETTING_REQUIRED = 1u << 0, /* without it the plugin is "not configured" and skipped */
};

typedef struct {
  const char *key;         /* a-z, 0-9 and '-' */
  guint32 type;            /* DaeSettingType */
  guint32 flags;           /* DAE_SETTING_* */
  const char *fallback;    /* value where none is set, in the keyfile's notation; NULL: none */
  const char *help;        /* one sentence for the manual */
  const char *choices;     /* DAE_SETTING_CHOICE: "local|proxy" */
  gint64 min, max;         /* inclusive range of numbers, in the value's unit; both 0: no range */
  const char *environment; /* a further environment variable that sets it, besides
                              DAEDALUS_<PLUGIN>_<KEY>; NULL: none */
} DaeSetting;

/* Groups of which an admin may write any number: "[agent NAME]". */
typedef struct {
  const char *prefix; /* "agent" */
  const char *help;
  DAE_TABLE_OF (DaeSetting) settings;
} DaeGroup;

/* ---- metrics ----------------------------------------------------------- */

typedef enum { DAE_COUNTER = 0, DAE_GAUGE = 1, DAE_HISTOGRAM = 2 } DaeMetricType;
typedef enum { DAE_SUM = 0, DAE_MAX = 1, DAE_MIN = 2, DAE_LAST = 3 } DaeCombine;

typedef struct {
  const char *name;      /* what follows "daedalus_"; counters end in _total */
  guint32 type;          /* DaeMetricType */
  guint32 combine;       /* DaeCombine: how the workers' values become one */
  const char *help;      /* one sentence, no full stop */
  const char *labels;    /* NULL, or names separated by spaces, each perhaps with its known
                            values: "agent outcome=done|failed". Where all labels list their
                            values the series exist at 0 from the first scrape */
  const double *buckets; /* histogram: upper bounds, rising, without +Inf */
  guint32 n_buckets;
  guint32 max_series; /* label sets beyond it fall into "other"; 0: 200 */
} DaeMetric;

/* ---- body members and query parameters --------------------------------- */

typedef enum {
  DAE_MEMBER_TEXT = 0,      /* min, max: characters */
  DAE_MEMBER_INT = 1,       /* min, max: value */
  DAE_MEMBER_BOOL = 2,
  DAE_MEMBER_UUID = 3,
  DAE_MEMBER_SLUG = 4,      /* a-z 0-9 . _ - , 1 to 100 characters, first is a letter or digit */
  DAE_MEMBER_CHOICE = 5,    /* one of `choices`, separated by '|' */
  DAE_MEMBER_UUID_LIST = 6, /* min, max: items; no item twice */
  DAE_MEMBER_TEXT_LIST = 7, /* min, max: items, each 1 to 200 characters */
  DAE_MEMBER_JSON = 8,      /* any JSON value; min, max: bytes */
} DaeMemberType;

enum {
  DAE_MEMBER_REQUIRED = 1u << 0,
  DAE_MEMBER_NULLABLE = 1u << 1,  /* JSON null is a value of its own: dae_body_is_null */
  DAE_MEMBER_MULTILINE = 1u << 2, /* text may hold line breaks and tabs; other control characters never */
};

/* One member of a JSON body, or one query parameter (there UUID_LIST and TEXT_LIST are one
 * value with commas). What is not declared, of another type, or out of range is answered with
 * 422 and its pointer before the handler runs. */
typedef struct {
  const char *name;
  guint32 type;  /* DaeMemberType */
  guint32 flags; /* DAE_MEMBER_* */
  gint64 min, max; /* both 0: no range (but the body's limit) */
  const char *choices;
} DaeMember;

/* ---- routes ------------------------------------------------------------ */

typedef enum { DAE_DONE = 0, DAE_LATER = 1 } DaeOutcome;

typedef enum {
  DAE_AUTH_USER = 0,  /* somebody who is signed in */
  DAE_AUTH_NONE = 1,  /* anybody */
  DAE_AUTH_ADMIN = 2, /* a signed-in administrator; others get 404 */
  DAE_AUTH_ANY = 3,   /* anybody; who sends a credential is known, a bad one is refused */
} DaeAuth;

typedef enum {
  DAE_BODY_NONE = 0,   /* a body is refused with 413 */
  DAE_BODY_JSON = 1,   /* strict JSON object, checked against `members` */
  DAE_BODY_WHOLE = 2,  /* bytes of any type, in memory: dae_request_body */
  DAE_BODY_STREAM = 3, /* bytes as they come: dae_request_stream; loop handlers only */
} DaeBody;

enum {
  DAE_ROUTE_IDEMPOTENT = 1u << 0, /* takes Idempotency-Key; `answer` rows that write, not DAE_AUTH_NONE */
  DAE_ROUTE_STREAMS = 1u << 1,    /* the answer is a stream: no deadline, not in the duration metric */
  DAE_ROUTE_SLOW = 1u << 2,       /* searches, exports: at most one pool thread at a time */
  DAE_ROUTE_INTERNAL = 1u << 3,   /* served on the host's internal socket only (dae_internal_url) */
  DAE_ROUTE_QUIET = 1u << 4,      /* success is logged at debug: probes, scrapes, static files */
  DAE_ROUTE_WRITES = 1u << 5,     /* a GET or HEAD that needs a write transaction */
  DAE_ROUTE_SECRET = 1u << 6,     /* the answer holds a secret: never kept for a repeat, no-store */
  DAE_ROUTE_CROSS_SITE = 1u << 7, /* the same-origin rule does not apply: the handler has its own */
  DAE_ROUTE_PERSONAL = 1u << 8,   /* not for personal access tokens, whatever they may do: 403 */
  DAE_ROUTE_MCP = 1u << 9,        /* needs a token's scope mcp, instead of read or write */
  DAE_ROUTE_METRICS = 1u << 10,   /* needs a token's scope metrics, instead of read or write */
};

/* A function from an open transaction and a request to an answer; runs on a pool thread.
 * See dae-route.h for the whole contract. */
typedef DaeReply *(*DaeAnswer) (DaeTx *tx, DaeRequest *req, DaePlugin *self);

/* Runs on the loop; never blocks. */
typedef DaeOutcome (*DaeLoop) (DaeRequest *req, DaePlugin *self);

typedef struct {
  const char *method;  /* GET (serves HEAD too), POST, PUT, PATCH, DELETE */
  const char *pattern; /* literal segments and {name}, {name:uuid}, {name:int}, {name:slug};
                          the last may be {name*}, the rest of the path. Literal beats parameter */
  DaeAnswer answer;    /* exactly one of answer and loop */
  DaeLoop loop;
  guint32 auth;        /* DaeAuth */
  guint32 body;        /* DaeBody */
  guint32 flags;       /* DAE_ROUTE_* */
  guint32 deadline_ms; /* 0: 30 s; rows with DAE_ROUTE_STREAMS have none */
  gint64 body_max;     /* bytes; 0: 1 MiB */
  DAE_TABLE_OF (DaeMember) members; /* DAE_BODY_JSON */
  DAE_TABLE_OF (DaeMember) query;   /* query parameters; ones that are not named here are ignored */
} DaeRoute;

/* ---- services, jobs ---------------------------------------------------- */

enum {
  DAE_SERVICE_GIVES_WAY = 1u << 0, /* not where another plugin provides it; in production only where
                                      [services] names this plugin */
};

typedef struct {
  const char *name;    /* "identity/1" */
  gconstpointer vtable; /* its first member is guint32 struct_size */
  guint32 flags;       /* DAE_SERVICE_* */
} DaeService;

/* Work that one process of the whole installation does at a time, under a lease in the database.
 * Exactly one of `step` and `loop`. */
typedef struct {
  const char *name;   /* unique within the plugin */
  guint32 every_ms;   /* pause between runs; a run begins early after dae_job_wake */
  guint32 flags;      /* none yet */
  gboolean (*step) (DaeTx *tx, DaePlugin *self); /* keeper thread, write transaction that holds only
                                                    while the lease does; TRUE: more waits, run again */
  void (*loop) (DaePlugin *self, GCancellable *lease); /* on the loop; `lease` fires when it is lost.
                                                          The run has ended when it returns */
} DaeJob;

/* ---- people ------------------------------------------------------------ */

enum {
  DAE_USER_ADMIN = 1u << 0,
  DAE_USER_SCOPED = 1u << 1, /* may do only what the following say; the host sees to it (403) */
  DAE_USER_READ = 1u << 2,   /* GET and HEAD */
  DAE_USER_WRITE = 1u << 3,  /* other methods */
  DAE_USER_MCP = 1u << 4,    /* rows with DAE_ROUTE_MCP */
  DAE_USER_METRICS = 1u << 5, /* rows with DAE_ROUTE_METRICS */
};

typedef struct {
  guint32 struct_size;
  guint32 flags;             /* DAE_USER_* */
  const char *subject;       /* stable, unique: the key of everything that belongs to them */
  const char *email;         /* may be NULL */
  const char *name;          /* for people to read; never NULL */
  const char *method;        /* how they were authenticated: "local", "proxy", "jwt", "token" */
  const char *const *groups; /* NULL-ended, never NULL */
} DaeUser;

/* ---- values ------------------------------------------------------------ */

typedef enum {
  DAE_VALUE_NULL = 0,
  DAE_VALUE_TEXT = 1,
  DAE_VALUE_INT = 2,
  DAE_VALUE_BOOL = 3,
  DAE_VALUE_TIME = 4,
  DAE_VALUE_UUID = 5,
  DAE_VALUE_JSON = 6,
  DAE_VALUE_REAL = 7,
  DAE_VALUE_BYTES = 8,
} DaeValueType;

/* A typed parameter of a statement. Text, UUID and JSON that are NULL are SQL NULL. */
typedef struct {
  guint32 type; /* DaeValueType */
  guint32 size; /* DAE_VALUE_BYTES: length in bytes */
  gint64 number;
  double real;
  const char *text; /* borrowed until the call returns */
} DaeValue;

/* A field of a log line. */
typedef struct {
  const char *key;
  guint32 type; /* DAE_VALUE_TEXT, DAE_VALUE_INT or DAE_VALUE_REAL */
  gint64 number;
  double real;
  const char *text;
} DaeField;

typedef struct {
  const char *sql;
  const DaeValue *values; /* borrowed */
  guint32 n_values;
  DaeRows *rows; /* set by dae_query_many */
} DaeQuery;

typedef enum { DAE_HEALTH_UP = 0, DAE_HEALTH_DEGRADED = 1, DAE_HEALTH_DOWN = 2 } DaeHealth;

/* ---- the descriptor ---------------------------------------------------- */

typedef struct {
  guint32 struct_size; /* set by DAE_PLUGIN_DEFINE */
  guint32 abi_minor;   /* set by DAE_PLUGIN_DEFINE: the minor this plugin asks for */

  const char *name;    /* the file's name without .so: a-z, 0-9, '-' */
  const char *version; /* the plugin's own */
  const char *summary; /* one line, no full stop */

  const char *const *needs; /* services it cannot run without, NULL-ended; NULL: none */
  const char *const *wants; /* services it uses where they are */

  DAE_TABLE_OF (DaeService) provides;
  DAE_TABLE_OF (DaeSetting) settings; /* [plugin NAME] */
  DAE_TABLE_OF (DaeGroup) groups;
  DAE_TABLE_OF (DaeMetric) metrics;
  DAE_TABLE_OF (DaeRoute) routes;
  DAE_TABLE_OF (DaeJob) jobs;

  gboolean (*configure) (DaePlugin *self, GError **error); /* settings can be read; no I/O, no threads */
  gboolean (*start) (DaePlugin *self, GError **error);     /* all are configured: build what lasts */
  void (*drain) (DaePlugin *self);                         /* no new requests come: wind up */
  void (*stop) (DaePlugin *self);                          /* none are left: free what you hold */
  DaeHealth (*health) (DaePlugin *self, GString *why);     /* answer from memory; loop */
  void (*collect) (DaePlugin *self);                       /* before a scrape: refresh gauges; loop */
  void (*merge_people) (DaeTx *tx, DaePlugin *self, const char *from, const char *to);
                                                           /* what its rows say of the subject FROM they say
                                                              of TO from now on, within TX */
} DaePluginInfo;

G_END_DECLS
