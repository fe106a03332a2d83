/* SPDX-License-Identifier: Apache-2.0 */
/* idempotency: the first answer to an Idempotency-Key, kept in the handler's own transaction.
 *
 * On PostgreSQL an advisory lock shows that the first request still runs; on
 * SQLite writers come one after another, so nobody ever meets one that runs.
 */
#include "idempotency.h"

#include <string.h>

#define KEEP_US    (24 * 3600 * (gint64)G_USEC_PER_SEC)
#define BODY_MAX   (64 * 1024)
#define SWEEP_ROWS 500

static const char select_sql[] = "SELECT hash, status, headers, body, is_kept, created_at "
                                 "FROM idempotency WHERE subject = $1 AND key = $2";

/* The row of SUBJECT and KEY, or NULL; *RET_LOCKED: another transaction is at it. */
static DaeRows *
idempotency_find (DaeTx *tx, const char *subject, const char *key, gboolean *ret_locked)
{
  const DaeValue values[] = { DAE_TEXT (subject), DAE_TEXT (key) };
  DaeQuery queries[] = {
    { "SELECT pg_try_advisory_xact_lock (hashtextextended ($1 || chr (31) || $2, 0))", values,
      G_N_ELEMENTS (values), NULL },
    { select_sql, values, G_N_ELEMENTS (values), NULL },
  };

  *ret_locked = FALSE;
  if (dae_tx_is_sqlite (tx))
    return dae_query_one (tx, select_sql, DAE_TEXT (subject), DAE_TEXT (key));
  /* one round trip; the second statement sees what a holder before us has committed */
  dae_query_many (tx, queries, G_N_ELEMENTS (queries));
  if (dae_rows_next (queries[0].rows))
    *ret_locked = dae_row_int (queries[0].rows, 0) == 0;
  return dae_rows_next (queries[1].rows) ? queries[1].rows : NULL;
}

IdempotencyState
idempotency_begin (
    DaeTx *tx, const char *subject, const char *key, const char *hash, IdempotencyAnswer *ret)
{
  gboolean is_locked;
  DaeRows *row = idempotency_find (tx, subject, key, &is_locked);

  if (row == NULL)
    return is_locked ? IDEMPOTENCY_IN_FLIGHT : IDEMPOTENCY_NEW;
  if (dae_row_int (row, 5) <= dae_tx_now (tx) - KEEP_US) {
    if (is_locked)
      return IDEMPOTENCY_IN_FLIGHT;
    dae_exec (tx, "DELETE FROM idempotency WHERE subject = $1 AND key = $2", DAE_TEXT (subject),
              DAE_TEXT (key));
    return IDEMPOTENCY_NEW;
  }
  if (g_strcmp0 (dae_row_text (row, 0), hash) != 0)
    return IDEMPOTENCY_OTHER;
  if (!dae_row_int (row, 4))
    return IDEMPOTENCY_STATUS_ONLY;
  *ret = (IdempotencyAnswer){
    .status = (guint)dae_row_int (row, 1),
    .headers = dae_row_text (row, 2),
    .body = dae_row_text (row, 3),
  };
  return IDEMPOTENCY_REPEAT;
}

static gboolean
idempotency_is_text (const char *text)
{
  return text == NULL || (strlen (text) <= BODY_MAX && g_utf8_validate (text, -1, NULL));
}

void
idempotency_keep (DaeTx *tx,
                  const char *subject,
                  const char *key,
                  const char *hash,
                  guint status,
                  const char *headers,
                  const char *body,
                  gboolean status_only)
{
  gboolean is_kept = !status_only && idempotency_is_text (headers) && idempotency_is_text (body);

  dae_exec_later (
      tx,
      "INSERT INTO idempotency (subject, key, hash, status, headers, body, is_kept, created_at) "
      "VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
      DAE_TEXT (subject), DAE_TEXT (key), DAE_TEXT (hash), DAE_INT (status),
      DAE_TEXT (is_kept ? headers : NULL), DAE_TEXT (is_kept ? body : NULL), DAE_BOOL (is_kept),
      DAE_TIME (dae_tx_now (tx)));
}

void
idempotency_forget (DaeTx *tx, const char *subject)
{
  dae_exec (tx, "DELETE FROM idempotency WHERE subject = $1", DAE_TEXT (subject));
}

gboolean
idempotency_sweep (DaeTx *tx)
{
  return dae_exec (tx,
                   "DELETE FROM idempotency WHERE (subject, key) IN (SELECT subject, key FROM "
                   "idempotency WHERE created_at <= $1 ORDER BY created_at LIMIT $2)",
                   DAE_TIME (dae_tx_now (tx) - KEEP_US), DAE_INT (SWEEP_ROWS)) == SWEEP_ROWS;
}
