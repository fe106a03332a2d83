/* SPDX-License-Identifier: Apache-2.0 */
/* dae-database: statements inside a transaction.
 *
 * One SQL text serves PostgreSQL and SQLite wherever it can; parameters are
 * $1, $2, ... and typed by the caller. Results: uuid, text, jsonb, bigint,
 * boolean, timestamptz (microseconds, dae_row_int), double precision; cast
 * others in the statement. Errors are sticky (dae-route.h). Lock by the first
 * UPDATE; state expected conflicts in SQL (ON CONFLICT, affected rows).
 * Building a statement by printf is a lint error.
 */
#pragma once

#include "dae-api.h"

G_BEGIN_DECLS

#define DAE_NULL                                                                                   \
  {                                                                                                \
    .type = DAE_VALUE_NULL                                                                         \
  }
#define DAE_TEXT(v)                                                                                \
  {                                                                                                \
    .type = DAE_VALUE_TEXT, .text = (v)                                                            \
  }
#define DAE_UUID(v)                                                                                \
  {                                                                                                \
    .type = DAE_VALUE_UUID, .text = (v)                                                            \
  }
#define DAE_JSON(v)                                                                                \
  {                                                                                                \
    .type = DAE_VALUE_JSON, .text = (v)                                                            \
  }
#define DAE_INT(v)                                                                                 \
  {                                                                                                \
    .type = DAE_VALUE_INT, .number = (v)                                                           \
  }
#define DAE_BOOL(v)                                                                                \
  {                                                                                                \
    .type = DAE_VALUE_BOOL, .number = (v)                                                          \
  }
#define DAE_TIME(v)                                                                                \
  {                                                                                                \
    .type = DAE_VALUE_TIME, .number = (v)                                                          \
  }
#define DAE_REAL(v)                                                                                \
  {                                                                                                \
    .type = DAE_VALUE_REAL, .real = (v)                                                            \
  }
#define DAE_BYTES(v, n)                                                                            \
  {                                                                                                \
    .type = DAE_VALUE_BYTES, .text = (const char *) (v), .size = (guint32) (n)                     \
  }

#define DAE_VALUES_(...) (const DaeValue[]){ { 0 }, ##__VA_ARGS__ } + 1
#define DAE_N_VALUES_(...) G_N_ELEMENTS (((const DaeValue[]){ { 0 }, ##__VA_ARGS__ })) - 1

/* Runs a statement; returns the number of rows it changed.
 * dae_exec (tx, "DELETE FROM t WHERE id = $1", DAE_UUID (id)) */
#define dae_exec(tx, sql, ...)                                                                     \
  ((tx)->api->exec ((tx), (sql), DAE_VALUES_ (__VA_ARGS__), DAE_N_VALUES_ (__VA_ARGS__)))

static inline void
dae_exec_later_ (DaeTx *tx, const char *sql, const DaeValue *values, guint n_values)
{
  /* a host from before it knew this waits */
  if (tx->api->struct_size >= G_STRUCT_OFFSET (DaeApi, exec_later) + sizeof (gpointer))
    tx->api->exec_later (tx, sql, values, n_values);
  else
    tx->api->exec (tx, sql, values, n_values);
}

/* The same for a statement whose number nobody needs: it may leave together with the next one that
 * is waited for, or with COMMIT, and fail there. What comes after it sees what it did. */
#define dae_exec_later(tx, sql, ...)                                                               \
  (dae_exec_later_ ((tx), (sql), DAE_VALUES_ (__VA_ARGS__), DAE_N_VALUES_ (__VA_ARGS__)))

/* Runs a query: call dae_rows_next before each row. The rows and their text live until the handler
 * or work function returns. */
#define dae_query(tx, sql, ...)                                                                    \
  ((tx)->api->query ((tx), (sql), DAE_VALUES_ (__VA_ARGS__), DAE_N_VALUES_ (__VA_ARGS__)))

/* Runs a query for at most one row: NULL if there is none, else that row, ready to be read. */
#define dae_query_one(tx, sql, ...)                                                                \
  ((tx)->api->query_one ((tx), (sql), DAE_VALUES_ (__VA_ARGS__), DAE_N_VALUES_ (__VA_ARGS__)))

/* Runs several statements in one round trip and sets each one's `rows`. */
static inline void
dae_query_many (DaeTx *tx, DaeQuery *queries, guint n_queries)
{
  tx->api->query_many (tx, queries, n_queries);
}

static inline gboolean
dae_rows_next (DaeRows *rows)
{
  return rows->api->rows_next (rows);
}

static inline gboolean
dae_row_is_null (DaeRows *rows, guint column)
{
  return rows->api->row_is_null (rows, column);
}

/* Text, uuid or JSON; NULL for SQL NULL. */
static inline const char *
dae_row_text (DaeRows *rows, guint column)
{
  return rows->api->row_text (rows, column);
}

/* Integer, boolean or time; 0 for SQL NULL. */
static inline gint64
dae_row_int (DaeRows *rows, guint column)
{
  return rows->api->row_int (rows, column);
}

static inline double
dae_row_real (DaeRows *rows, guint column)
{
  return rows->api->row_real (rows, column);
}

/* TRUE once a statement has failed: what is computed from here on is thrown away. Needed only to
 * end a long loop early. */
static inline gboolean
dae_tx_failed (DaeTx *tx)
{
  return tx->api->tx_failed (tx);
}

/* For the few statements that differ (full-text search). */
static inline gboolean
dae_tx_is_sqlite (DaeTx *tx)
{
  return tx->api->tx_is_sqlite (tx);
}

/* When this transaction began, by the database's clock, microseconds. */
static inline gint64
dae_tx_now (DaeTx *tx)
{
  return tx->api->tx_now (tx);
}

/* The plugin whose handler, work or job step this is. */
static inline DaePlugin *
dae_tx_plugin (DaeTx *tx)
{
  return tx->api->tx_plugin (tx);
}

/* Runs FUNC once on this worker's loop after the commit; on rollback or re-run it is dropped. DATA
 * is given and freed by FREE_DATA in each case. */
static inline void
dae_after_commit (DaeTx *tx, DaeAfterCommit func, gpointer data, GDestroyNotify free_data)
{
  tx->api->after_commit (tx, func, data, free_data);
}

enum {
  DAE_WORK_WRITES = 1u << 0, /* a write transaction; else a read-only snapshot */
  DAE_WORK_KEEPER = 1u << 1, /* on the keeper's own thread and connection: short and regular work */
  DAE_WORK_SLOW = 1u << 2,   /* at most one pool thread at a time */
};

/* Runs WORK in a transaction on another thread, then DONE exactly once on the loop, also when REQ
 * (shared, may be NULL) has gone. WORK makes a fresh result each time it runs; FREE_RESULT frees it
 * before a re-run and after DONE. INPUT is given, constant while WORK runs, freed by FREE_INPUT
 * after DONE. PROBLEM is NULL on success, else "unavailable" (database down, queue full),
 * "conflict", "invalid", "deadline", "full" or "failed", and RESULT is NULL. Loop. */
static inline void
dae_work (DaePlugin *self,
          DaeRequest *req,
          guint32 flags,
          DaeWork work,
          gconstpointer input,
          GDestroyNotify free_input,
          GDestroyNotify free_result,
          DaeWorkDone done,
          gpointer data)
{
  self->api->work (self, req, flags, work, input, free_input, free_result, done, data);
}

G_END_DECLS
