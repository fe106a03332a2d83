/* SPDX-License-Identifier: Apache-2.0 */
/* database-postgres: what the parts of the PostgreSQL driver share. Private to them. */
#pragma once

#include <libpq-fe.h>

#include "database-driver.h"

/* One set of connection parameters, of one host of the URL. */
typedef struct {
  GPtrArray *keywords, *values; /* (element-type char *) NULL-ended */
  char *name;                   /* HOST:PORT, for messages */
} PostgresTarget;

typedef struct {
  GPtrArray *targets, *listen_targets; /* (element-type PostgresTarget) in order of trial */
  gint last;                           /* atomic: which one answered last */
  gboolean prepare;
} DatabasePostgres;

/* database-postgres-connect.c: a connection in non-blocking mode, or NULL with ERROR by DEADLINE. */
PGconn *database_postgres_connect (DatabasePostgres *shared, DatabaseUse use, gint64 deadline, GError **error);

/* Waits until a result or its absence (NULL) can be told: FALSE if DEADLINE came first
 * (*RET_LATE) or the connection was lost. */
gboolean database_postgres_wait (PGconn *pg, gint64 deadline, gboolean *ret_late);

/* database-postgres-value.c */
#define POSTGRES_PARAMS_MAX 1000
typedef struct {
  Oid types[POSTGRES_PARAMS_MAX];
  const char *values[POSTGRES_PARAMS_MAX];
  int lengths[POSTGRES_PARAMS_MAX];
  int formats[POSTGRES_PARAMS_MAX];
  guint64 numbers[POSTGRES_PARAMS_MAX]; /* big-endian, what `values` points at */
} PostgresParams;

Oid database_postgres_type (guint32 type);
void database_postgres_encode (PostgresParams *params, const DaeValue *values, guint n_values);
/* Fills ROWS from a binary RESULT; FALSE with WHY (owned) if a column's type is not passed on. */
gboolean database_postgres_decode (PGresult *result, DatabaseArena *arena, DatabaseRows *rows, char **ret_why);
gint64 database_postgres_time (PGresult *result, int row, int column);

/* database-postgres-listen.c */
gpointer database_postgres_listen (gpointer shared, void (*func) (const char *payload, gpointer data), gpointer data);
void database_postgres_unlisten (gpointer listener);

/* ---- one connection ---------------------------------------------------- */

/* Tells whether a transaction's number can still be looked up: another time line, or statistics
 * that a crash has reset, and the number may meanwhile be somebody else's. */
#define LINEAGE                                                                                    \
  "concat_ws ('/', left (pg_walfile_name (pg_current_wal_insert_lsn ()), 8), "                     \
  "pg_stat_get_bgwriter_stat_reset_time ())"

typedef enum { EXPECT_NOTHING = 0, EXPECT_PREPARED, EXPECT_INFO, EXPECT_LINEAGE, EXPECT_ROWS, EXPECT_DONE } ExpectKind;

typedef struct {
  ExpectKind kind;
  const char *sql;  /* for faults */
  char *key;        /* EXPECT_PREPARED: borrowed from the table */
  DatabaseRows *rows; /* EXPECT_ROWS */
} Expect;

typedef struct {
  DatabaseConnection base;
  DatabasePostgres *shared;
  PGconn *pg;
  GHashTable *statements; /* text and types -> name, owned */
  guint n_named;
  guint n_owed; /* pipelines whose results have not been read */
  guint n_later; /* statements of the pipeline that has no end yet */
  GArray *expected; /* (element-type Expect) */
  GString *key;
  char xid[24]; /* of this write transaction; "" unknown */
  char *lineage;
  PostgresParams *params;
} PostgresConnection;

/* database-postgres.c. What RESULT (NULL: the connection) says becomes the fault. */
void database_postgres_fail (PostgresConnection *postgres, PGresult *result, const char *sql);
/* Queues a statement. */
gboolean database_postgres_send (PostgresConnection *postgres, const char *sql, const DaeValue *values, guint n_values,
                                 ExpectKind kind, DatabaseRows *rows);
gboolean database_postgres_send_settings (PostgresConnection *postgres, gboolean is_local);
/* The next result; NULL at the end of one statement's; FALSE with the fault set. */
gboolean database_postgres_next (PostgresConnection *postgres, gint64 deadline, const char *sql, PGresult **ret);
/* Reads to the end of what was sent before: results that nobody waited for. */
gboolean database_postgres_settle (PostgresConnection *postgres);
/* Ends the pipeline, sends it and reads all of it. TRUE if nothing failed. */
gboolean database_postgres_exchange (PostgresConnection *postgres, DatabaseArena *arena, gint64 deadline);
gboolean database_postgres_run (DatabaseConnection *base, DatabaseArena *arena, DaeQuery *queries, guint n_queries);
DatabaseConnection *database_postgres_open (gpointer data, DatabaseUse use, gint64 deadline, GError **error);
void database_postgres_close (DatabaseConnection *base);

/* database-postgres-session.c */
DatabaseOutcome database_postgres_resolve (gpointer shared, DatabaseConnection *base, gint64 limit);
gboolean database_postgres_script (DatabaseConnection *base, DatabaseArena *arena, const char *sql, gboolean alone);
gboolean database_postgres_lock_migrations (DatabaseConnection *base, DatabaseArena *arena, gint64 deadline);
gboolean database_postgres_notify (DatabaseConnection *base, DatabaseArena *arena, GPtrArray *payloads,
                                   gint64 deadline);
