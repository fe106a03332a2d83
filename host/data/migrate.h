/* SPDX-License-Identifier: Apache-2.0 */
/* migrate: brings the schema up to what the host and its plugins want.
 *
 * Files SCHEMA-DIR/OWNER/NNNN-what.{postgres,sqlite}.sql, in order of owner ("host" first, then
 * plugins in their order) and number; each is one transaction together with its row in `migration`.
 * A file that was applied and has since changed is refused. One runner at a time in an
 * installation. A file whose first line is "-- no transaction" runs each of its statements (one ends
 * where a line ends in ';') on its own: for CREATE INDEX CONCURRENTLY, and such a file must bear
 * to be run again.
 */
#pragma once

#include "database.h"

typedef struct {
  char *owner;
  guint number;
  char *name;
  char *sha256;
  gint64 applied_at; /* 0: pending */
  gboolean is_unknown; /* applied, but this build has no such file: by a newer release */
} Migration;

/* State of all migrations of OWNERS (NULL-ended): owned array of Migration; NULL with complaints. */
GPtrArray *migrate_status (Database *database, const char *schema_dir, const char *const *owners, Complaints *complaints);
/* Applies what is pending; calls REPORT (may be NULL) after each. FALSE with complaints: the failed one left
 * nothing behind, those before it stay. */
gboolean migrate_run (Database *database, const char *schema_dir, const char *const *owners,
                      void (*report) (const Migration *migration, gpointer data), gpointer data, Complaints *complaints);
void migration_free (Migration *migration);
