/* SPDX-License-Identifier: Apache-2.0 */
/* idempotency: the first answer to an Idempotency-Key, kept in the handler's own transaction for 24 h. */
#pragma once

#include "database.h"

typedef enum {
  IDEMPOTENCY_NEW = 0,   /* go on, then idempotency_keep */
  IDEMPOTENCY_REPEAT,    /* the stored answer is filled in */
  IDEMPOTENCY_OTHER,     /* same key, other request: 422 */
  IDEMPOTENCY_IN_FLIGHT, /* 409 with Retry-After */
  IDEMPOTENCY_STATUS_ONLY, /* done before, its answer was not kept: 409 already_done */
} IdempotencyState;

typedef struct {
  guint status;
  const char *headers; /* JSON array of [name, value]; borrowed from the transaction */
  const char *body;    /* NUL-terminated text, borrowed from the transaction; NULL: none */
} IdempotencyAnswer;

/* HASH: 64 hex digits over method, target and body. Takes the advisory lock of (SUBJECT, KEY). */
IdempotencyState idempotency_begin (DaeTx *tx, const char *subject, const char *key, const char *hash,
                                    IdempotencyAnswer *ret);
/* BODY NULL with IS_SECRET or over 64 KiB: only the status is kept. */
void idempotency_keep (DaeTx *tx, const char *subject, const char *key, const char *hash, guint status,
                       const char *headers, const char *body, gboolean status_only);
/* Forgets the keys of SUBJECT, who is another from now on. */
void idempotency_forget (DaeTx *tx, const char *subject);
/* Deletes what is older than 24 h; TRUE if more is left. A job of the host's. */
gboolean idempotency_sweep (DaeTx *tx);
