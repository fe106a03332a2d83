/* SPDX-License-Identifier: Apache-2.0 */
/* database-driver: what database.c and its two drivers (PostgreSQL, SQLite) know of each other.
 *
 * Private to host/data. A driver opens connections and runs statements; which
 * thread does so, when, how often again, and what becomes of the outcome is
 * decided above it, so that plugin code meets the same behaviour on both.
 */
#pragma once

#include "database.h"

/* ---- memory of one transaction ----------------------------------------- */

typedef struct {
  GPtrArray *blocks; /* owned */
  char *at;
  gsize left;
} DatabaseArena;

gpointer database_arena_alloc (DatabaseArena *arena, gsize size); /* 8-aligned, not cleared */
char *database_arena_text (DatabaseArena *arena, const char *text, gsize length);
char *database_arena_hex (DatabaseArena *arena, gconstpointer bytes, gsize length);
void database_arena_clear (DatabaseArena *arena); /* keeps one block */
void database_arena_free (DatabaseArena *arena);

/* ---- rows -------------------------------------------------------------- */

typedef enum { DATABASE_CELL_NULL = 0, DATABASE_CELL_INT, DATABASE_CELL_REAL, DATABASE_CELL_TEXT } DatabaseCellKind;

typedef struct {
  guint32 kind; /* DatabaseCellKind */
  union {
    gint64 number;
    double real;
    const char *text; /* in the arena */
  };
} DatabaseCell;

typedef struct DatabaseTx DatabaseTx;

typedef struct {
  DaeRows base;
  DatabaseTx *tx;
  guint n_columns;
  guint n_rows;
  gint64 at;        /* -1: before the first */
  gint64 n_changed; /* rows that INSERT, UPDATE, DELETE or MERGE touched */
  GArray *cells;    /* (element-type DatabaseCell) owned, or NULL */
} DatabaseRows;

/* ---- faults ------------------------------------------------------------ */

typedef enum {
  DATABASE_FAULT_NONE = 0,
  DATABASE_FAULT_SERIALIZATION, /* run again */
  DATABASE_FAULT_DEADLOCK,      /* run again */
  DATABASE_FAULT_STALE_PLAN,    /* run again with statements prepared anew */
  DATABASE_FAULT_LOST,          /* connection gone before COMMIT was sent: run again on another */
  DATABASE_FAULT_IN_DOUBT,      /* COMMIT was sent and its answer is lost */
  DATABASE_FAULT_BUSY,
  DATABASE_FAULT_CONFLICT,
  DATABASE_FAULT_INVALID,
  DATABASE_FAULT_DEADLINE,
  DATABASE_FAULT_FULL,
  DATABASE_FAULT_STORAGE, /* I/O error or damaged file: nobody's statement is to blame */
  DATABASE_FAULT_FAILED,  /* the statement is wrong */
} DatabaseFaultKind;

typedef struct {
  DatabaseFaultKind kind;
  char code[8];  /* SQLSTATE, or SQLite's extended code */
  char *message; /* owned */
  char *sql;     /* owned, or NULL */
} DatabaseFault;

/* Keeps the first fault of a transaction; later ones follow from it. */
void database_fault_set (DatabaseFault *fault, DatabaseFaultKind kind, const char *code, const char *message,
                         const char *sql);
void database_fault_clear (DatabaseFault *fault);

/* ---- values ------------------------------------------------------------ */

/* Copies VALUES to the arena in the one form both drivers take (UUIDs in lower case, booleans 0 or
 * 1). NULL if all are well; else why not (static) and *RET_INDEX. */
const char *database_values_check (DatabaseArena *arena, const DaeValue *values, guint n_values, const DaeValue **ret,
                                   guint *ret_index);
/* NULL if a plugin may send SQL; else the word (static) it may not begin with. */
const char *database_statement_refused (const char *sql);

/* ---- drivers ----------------------------------------------------------- */

typedef enum { DATABASE_USE_POOL = 0, DATABASE_USE_KEEPER, DATABASE_USE_SESSION, DATABASE_USE_LISTEN } DatabaseUse;

typedef enum { DATABASE_WAS_COMMITTED, DATABASE_WAS_ABORTED, DATABASE_WAS_UNKNOWN } DatabaseOutcome;

typedef struct DatabaseDriver DatabaseDriver;

/* Begins each driver's own connection. */
typedef struct {
  const DatabaseDriver *driver;
  DatabaseUse use;
  gboolean is_broken;  /* to be closed instead of used again */
  gboolean writes;     /* this transaction */
  gboolean begun;      /* BEGIN has left */
  gint64 deadline;     /* of this transaction, monotonic */
  gint64 now;          /* when it began, by the database's clock; 0: not known */
  DatabaseFault fault; /* of this transaction */
} DatabaseConnection;

struct DatabaseDriver {
  gboolean is_sqlite;
  void (*free_shared) (gpointer shared);
  /* Blocks until DEADLINE at most. */
  DatabaseConnection *(*open) (gpointer shared, DatabaseUse use, gint64 deadline, GError **error);
  void (*close) (DatabaseConnection *connection);
  /* The fields of CONNECTION are set: forget what the transaction before left. */
  void (*begin) (DatabaseConnection *connection);
  /* Runs QUERIES, whose `rows` are empty DatabaseRows and whose values are checked; sends BEGIN
   * first where that is due. None: only BEGIN, and `now` is known afterwards. */
  gboolean (*run) (DatabaseConnection *connection, DatabaseArena *arena, DaeQuery *queries, guint n_queries);
  /* Sends QUERY with what is run or committed next; its `rows` stay as they are. NULL: it is run. */
  gboolean (*later) (DatabaseConnection *connection, DatabaseArena *arena, DaeQuery *query);
  gboolean (*commit) (DatabaseConnection *connection);
  void (*rollback) (DatabaseConnection *connection);
  /* What became of the COMMIT that CONNECTION has in doubt; blocks until LIMIT at most. */
  DatabaseOutcome (*resolve) (gpointer shared, DatabaseConnection *connection, gint64 limit);
  /* Many statements as they are: inside the transaction, or ALONE, each on its own. */
  gboolean (*script) (DatabaseConnection *connection, DatabaseArena *arena, const char *sql, gboolean alone);
  /* Takes the lock that one migration run at a time holds; FALSE with the fault set. */
  gboolean (*lock_migrations) (DatabaseConnection *connection, DatabaseArena *arena, gint64 deadline);
  /* NULL on SQLite. */
  gboolean (*notify) (DatabaseConnection *connection, DatabaseArena *arena, GPtrArray *payloads, gint64 deadline);
  gpointer (*listen) (gpointer shared, void (*func) (const char *payload, gpointer data), gpointer data);
  void (*unlisten) (gpointer listener);
};

/* Each takes the URL as written; NULL with WHY (owned) if it is none. */
gpointer database_postgres_new (const char *url, const char *listen_url, gboolean prepare, char **ret_why);
gpointer database_sqlite_new (const char *url, const char *data_dir, char **ret_why);
extern const DatabaseDriver database_postgres_driver;
extern const DatabaseDriver database_sqlite_driver;

/* database-choose.c: the driver that the settings mean and what it shares; NULL with complaints. */
gpointer database_choose (Config *config, const DaeHostInfo *info, Complaints *complaints,
                          const DatabaseDriver **ret_driver);
