/* SPDX-License-Identifier: Apache-2.0 */
/* database-postgres-value: parameters and results in PostgreSQL's binary format. */
#include "database-postgres.h"

#include <string.h>

/* from server/catalog/pg_type_d.h, which clients have not; they never change */
enum {
  OID_BOOL = 16,
  OID_BYTEA = 17,
  OID_NAME = 19,
  OID_INT8 = 20,
  OID_INT2 = 21,
  OID_INT4 = 23,
  OID_TEXT = 25,
  OID_JSON = 114,
  OID_FLOAT4 = 700,
  OID_FLOAT8 = 701,
  OID_UNKNOWN = 705,
  OID_BPCHAR = 1042,
  OID_VARCHAR = 1043,
  OID_TIMESTAMPTZ = 1184,
  OID_VOID = 2278,
  OID_UUID = 2950,
  OID_JSONB = 3802,
};

/* 2000-01-01, where PostgreSQL's times begin */
#define EPOCH_US G_GINT64_CONSTANT (946684800000000)

Oid
database_postgres_type (guint32 type)
{
  switch ((DaeValueType)type) {
  case DAE_VALUE_NULL:
    return 0;
  case DAE_VALUE_TEXT:
    return OID_TEXT;
  case DAE_VALUE_INT:
    return OID_INT8;
  case DAE_VALUE_BOOL:
    return OID_BOOL;
  case DAE_VALUE_TIME:
    return OID_TIMESTAMPTZ;
  case DAE_VALUE_UUID:
    return OID_UUID;
  case DAE_VALUE_JSON:
    return OID_JSONB;
  case DAE_VALUE_REAL:
    return OID_FLOAT8;
  case DAE_VALUE_BYTES:
    return OID_BYTEA;
  }
  return 0;
}

void
database_postgres_encode (PostgresParams *params, const DaeValue *values, guint n_values)
{
  for (guint i = 0; i < n_values; i++) {
    const DaeValue *value = &values[i];

    params->types[i] = database_postgres_type (value->type);
    params->values[i] = (const char *)&params->numbers[i];
    params->lengths[i] = 8;
    params->formats[i] = 1;
    switch ((DaeValueType)value->type) {
    case DAE_VALUE_NULL:
      params->values[i] = NULL;
      break;
    case DAE_VALUE_INT:
      params->numbers[i] = GUINT64_TO_BE ((guint64)value->number);
      break;
    case DAE_VALUE_TIME:
      params->numbers[i] = GUINT64_TO_BE ((guint64)(value->number - EPOCH_US));
      break;
    case DAE_VALUE_BOOL:
      params->values[i] = value->number != 0 ? "\1" : "\0";
      params->lengths[i] = 1;
      break;
    case DAE_VALUE_REAL:
      memcpy (&params->numbers[i], &value->real, 8);
      params->numbers[i] = GUINT64_TO_BE (params->numbers[i]);
      break;
    case DAE_VALUE_BYTES:
      params->values[i] = value->text;
      params->lengths[i] = (int)value->size;
      break;
    case DAE_VALUE_TEXT:
    case DAE_VALUE_UUID:
    case DAE_VALUE_JSON:
      /* text format: the server parses it either way */
      params->values[i] = value->text;
      params->lengths[i] = 0;
      params->formats[i] = 0;
      break;
    }
  }
}

static guint64
database_postgres_be (const char *bytes, guint size)
{
  guint64 ret = 0;

  for (guint i = 0; i < size; i++)
    ret = ret << 8 | (guint8)bytes[i];
  return ret;
}

static gint64
database_postgres_to_time (const char *bytes)
{
  gint64 ret = (gint64)database_postgres_be (bytes, 8);

  /* infinity and -infinity stay the ends of the range */
  return ret > G_MAXINT64 - EPOCH_US ? G_MAXINT64 : ret == G_MININT64 ? G_MININT64 : ret + EPOCH_US;
}

gint64
database_postgres_time (PGresult *result, int row, int column)
{
  return database_postgres_to_time (PQgetvalue (result, row, column));
}

static char *
database_postgres_uuid (DatabaseArena *arena, const char *bytes)
{
  const char *hex = database_arena_hex (arena, bytes, 16);
  char *ret = database_arena_alloc (arena, 37);
  char *at = ret;

  for (guint i = 0; i < 32; i++) {
    if (i == 8 || i == 12 || i == 16 || i == 20)
      *at++ = '-';
    *at++ = hex[i];
  }
  *at = '\0';
  return ret;
}

/* TYPE is one of those that are passed on. */
static void
database_postgres_cell (
    Oid type, const char *bytes, int length, DatabaseArena *arena, DatabaseCell *ret)
{
  guint64 bits;
  guint32 half;
  float small;

  ret->kind = DATABASE_CELL_TEXT;
  switch (type) {
  case OID_TEXT:
  case OID_VARCHAR:
  case OID_BPCHAR:
  case OID_NAME:
  case OID_UNKNOWN:
  case OID_JSON:
  case OID_VOID:
    ret->text = database_arena_text (arena, bytes, length);
    break;
  case OID_JSONB:
    /* a version byte, then text */
    ret->text = database_arena_text (arena, bytes + 1, length - 1);
    break;
  case OID_UUID:
    ret->text = database_postgres_uuid (arena, bytes);
    break;
  case OID_BYTEA:
    ret->text = database_arena_hex (arena, bytes, length);
    break;
  case OID_BOOL:
    ret->kind = DATABASE_CELL_INT;
    ret->number = bytes[0] != 0;
    break;
  case OID_INT2:
    ret->kind = DATABASE_CELL_INT;
    ret->number = (gint16)database_postgres_be (bytes, 2);
    break;
  case OID_INT4:
    ret->kind = DATABASE_CELL_INT;
    ret->number = (gint32)database_postgres_be (bytes, 4);
    break;
  case OID_INT8:
    ret->kind = DATABASE_CELL_INT;
    ret->number = (gint64)database_postgres_be (bytes, 8);
    break;
  case OID_TIMESTAMPTZ:
    ret->kind = DATABASE_CELL_INT;
    ret->number = database_postgres_to_time (bytes);
    break;
  case OID_FLOAT8:
    bits = database_postgres_be (bytes, 8);
    ret->kind = DATABASE_CELL_REAL;
    memcpy (&ret->real, &bits, sizeof ret->real);
    break;
  case OID_FLOAT4:
    half = (guint32)database_postgres_be (bytes, 4);
    ret->kind = DATABASE_CELL_REAL;
    memcpy (&small, &half, sizeof small);
    ret->real = small;
    break;
  default:
    g_assert_not_reached ();
  }
}

/* Types are judged before values, so that a statement fails on its first run and not only where a
 * value is there. */
static gboolean
database_postgres_check_columns (PGresult *result, int n_columns, char **ret_why)
{
  static const Oid known[] = { OID_TEXT,   OID_INT8,  OID_UUID,    OID_TIMESTAMPTZ, OID_BOOL,
                               OID_JSONB,  OID_INT4,  OID_VARCHAR, OID_FLOAT8,      OID_JSON,
                               OID_INT2,   OID_BYTEA, OID_UNKNOWN, OID_BPCHAR,      OID_NAME,
                               OID_FLOAT4, OID_VOID };

  for (int column = 0; column < n_columns; column++) {
    Oid type = PQftype (result, column);
    gsize i = 0;

    while (i < G_N_ELEMENTS (known) && known[i] != type)
      i++;
    if (i == G_N_ELEMENTS (known)) {
      *ret_why =
          g_strdup_printf ("column \"%s\" has a type (oid %u) that is not passed on; cast it to "
                           "text, bigint, double precision, boolean or timestamptz",
                           PQfname (result, column), type);
      return FALSE;
    }
  }
  return TRUE;
}

static gint64
database_postgres_changed (PGresult *result)
{
  const char *status = PQcmdStatus (result);

  /* SELECT counts too, but changes nothing */
  if (g_str_has_prefix (status, "INSERT") || g_str_has_prefix (status, "UPDATE") ||
      g_str_has_prefix (status, "DELETE") || g_str_has_prefix (status, "MERGE"))
    return g_ascii_strtoll (PQcmdTuples (result), NULL, 10);
  return 0;
}

gboolean
database_postgres_decode (PGresult *result,
                          DatabaseArena *arena,
                          DatabaseRows *rows,
                          char **ret_why)
{
  int n_rows = PQntuples (result);
  int n_columns = PQnfields (result);

  rows->n_changed = database_postgres_changed (result);
  rows->n_columns = n_columns;
  if (!database_postgres_check_columns (result, n_columns, ret_why))
    return FALSE;
  if (n_rows == 0)
    return TRUE;
  rows->cells = g_array_sized_new (FALSE, FALSE, sizeof (DatabaseCell), (guint)n_rows * n_columns);
  g_array_set_size (rows->cells, (guint)n_rows * n_columns);
  for (int column = 0; column < n_columns; column++) {
    Oid type = PQftype (result, column);
    DatabaseCell *cell = &g_array_index (rows->cells, DatabaseCell, column);

    for (int row = 0; row < n_rows; row++, cell += n_columns) {
      if (PQgetisnull (result, row, column))
        cell->kind = DATABASE_CELL_NULL;
      else
        database_postgres_cell (type, PQgetvalue (result, row, column),
                                PQgetlength (result, row, column), arena, cell);
    }
  }
  rows->n_rows = n_rows;
  return TRUE;
}
