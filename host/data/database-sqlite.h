/* SPDX-License-Identifier: Apache-2.0 */
/* database-sqlite: what the parts of the SQLite driver share. Private to them. */
#pragma once

#include "database-driver.h"
#include "database-lane.h"

#define SQLITE_BUSY_US (5 * G_USEC_PER_SEC)

struct sqlite3;

typedef struct {
  char *path, *marker;
  GMutex lock; /* of the opening of the file */
  DatabaseLane *lane;
  gboolean is_ready; /* the file was checked by this process */
} DatabaseSqlite;

typedef struct {
  DatabaseConnection base;
  DatabaseSqlite *shared;
  struct sqlite3 *handle;
  GHashTable *statements; /* SQL -> SqliteStatement, owned */
  gboolean has_lane;
  gboolean has_migrations; /* the lock of migrations */
  gint64 busy_since;
} SqliteConnection;

/* database-sqlite.c. What the handle says last becomes the fault. */
void database_sqlite_fail (SqliteConnection *sqlite, const char *sql);
gboolean database_sqlite_exec (SqliteConnection *sqlite, const char *sql);
void database_sqlite_rollback (DatabaseConnection *base);
void database_sqlite_statement_free (gpointer statement);

/* database-sqlite-open.c */
DatabaseConnection *database_sqlite_open (gpointer shared, DatabaseUse use, gint64 deadline, GError **error);
void database_sqlite_close (DatabaseConnection *base);
void database_sqlite_free_shared (gpointer shared);
