/* SPDX-License-Identifier: Apache-2.0 */
/* metrics-private: the shared memory and this process's picture of it.
 *
 * A cell is 64 bits: a double, where all bits zero mean "not set"; a zero that
 * was set is kept as -0.0.
 */
#pragma once

#include <pthread.h>
#include <string.h>

#include "metrics.h"

#define METRICS_SLOTS      321
#define METRICS_CELLS      65536           /* a process's array */
#define METRICS_DICTIONARY (8u << 20)      /* bytes */
#define METRICS_MAX_LABELS 8
#define METRICS_MAX_VALUE  200             /* bytes of a label value */

typedef struct {
  guint32 magic, layout;
  pthread_mutex_t mutex;     /* robust, of all processes: growth */
  guint32 dictionary_used;   /* bytes; published last, atomic */
  guint32 cells_used;
  guint32 fold_sequence;     /* odd while a fold is under way; atomic */
  guint32 pids[METRICS_SLOTS]; /* 0: the slot is free; atomic */
} MetricsHeader;

typedef enum { METRICS_ENTRY_FAMILY = 1, METRICS_ENTRY_SERIES = 2 } MetricsEntryKind;

/* An entry of the dictionary. Behind it: the family's buckets (doubles), then strings: of a family
 * its name, help, and per label its name and known values ("a|b" or ""); of a series its values. */
typedef struct {
  guint32 size; /* bytes, a multiple of 8 */
  guint32 kind;
  guint32 family; /* of a series: number of its family */
  guint32 cell;   /* of a series: its first */
  guint32 type, combine, max_series, n_buckets, n_labels;
  guint32 is_hidden; /* of a series; atomic */
  guint32 has_exemplars;
  guint32 spare;
} MetricsEntry;

typedef struct {
  guint8 *map;
  gsize size;
  MetricsHeader *header;
  guint8 *dictionary;
  guint64 *base;  /* counters of the dead */
  guint64 *slots; /* [METRICS_SLOTS][METRICS_CELLS] */
} MetricsMemory;

struct MetricsFamily {
  Metrics *metrics;
  guint number;
  char *name; /* whole */
  char *help;
  guint32 type, combine, max_series;
  double *buckets;
  guint n_buckets;
  char *label_names[METRICS_MAX_LABELS];
  char **label_values[METRICS_MAX_LABELS]; /* known ones, or NULL: any */
  guint n_labels;
  gboolean has_exemplars;   /* a series has room for one of each bucket */
  gboolean is_fixed;        /* all labels list their values: series exist from the first scrape */
  gboolean is_superseded;   /* another generation declares the name otherwise */
  gboolean told_full;
  char *owner;              /* of this process; NULL: the host */
  gboolean is_registered;   /* in this process */
  GPtrArray *series;        /* (element-type MetricsSeries) owned */
  GHashTable *by_values;    /* joined values -> MetricsSeries */
};

struct MetricsSeries {
  DaeSeries base; /* first: a DaeSeries * of the API is a MetricsSeries * here */
  MetricsFamily *family;
  char *key;      /* values joined by METRICS_JOIN */
  char *labels;   /* a="b",c="d" as the exposition has it; "" */
  guint32 cell;
  guint32 *is_hidden;
  guint64 *own;   /* this process's cells */
  guint64 *alone; /* owned: cells outside of the shared memory, where that is full */
};

#define METRICS_JOIN "\037"

struct Metrics {
  MetricsMemory memory;
  guint slot;
  GMutex mutex;          /* of this process: the picture */
  guint32 seen;          /* bytes of the dictionary that are in the picture */
  GPtrArray *families;   /* (element-type MetricsFamily) owned, by number */
  GHashTable *by_name;   /* whole name -> the latest family of it */
  MetricsFamily *process[6]; /* process_*, metrics-process.c */
};

/* metrics-memory.c */
gboolean metrics_memory_map (MetricsMemory *memory, int fd);
void metrics_memory_unmap (MetricsMemory *memory);
void metrics_memory_lock (MetricsMemory *memory);
void metrics_memory_unlock (MetricsMemory *memory);
/* Both with the lock held. An empty entry with SIZE bytes in all, or NULL if the memory is full. */
MetricsEntry *metrics_memory_begin (MetricsMemory *memory, gsize size);
void metrics_memory_publish (MetricsMemory *memory, MetricsEntry *entry, guint n_cells);
static inline guint64 *
metrics_memory_slot (MetricsMemory *memory, guint slot)
{
  return memory->slots + (gsize) slot * METRICS_CELLS;
}

/* metrics-row.c */
typedef struct {
  char *names[METRICS_MAX_LABELS];
  char *values[METRICS_MAX_LABELS]; /* "a|b", "" */
  guint count;
} MetricsLabels;

gboolean metrics_labels_parse (const char *text, MetricsLabels *ret);
void metrics_labels_clear (MetricsLabels *labels);

/* metrics.c */
MetricsFamily *metrics_add_named (Metrics *metrics, const char *owner, const char *name, const DaeMetric *row,
                                  GError **error);
/* With the mutex held. */
void metrics_sync (Metrics *metrics);
/* Cells that hold values, and all that a series has. */
guint metrics_family_cells (const MetricsFamily *family);
guint metrics_family_room (const MetricsFamily *family);

/* metrics-exemplar.c: one request of each bucket, in cells behind the series' values. */
#define METRICS_EXEMPLAR_CELLS 8

typedef struct {
  double value;
  gint64 time;    /* microseconds since 1970 */
  char labels[96]; /* trace_id="...",request_id="..." */
} MetricsExemplar;

typedef struct MetricsReading MetricsReading;
/* The latest one of BUCKET over the living processes; FALSE if there is none. */
gboolean metrics_read_exemplar (const MetricsSeries *series, const MetricsReading *reading, guint bucket,
                                MetricsExemplar *ret);
void metrics_keep_exemplar (MetricsSeries *series, guint bucket, double value, const char *request_id,
                            const char *trace_id);

/* metrics-value.c */
static inline double
metrics_cell_value (guint64 bits)
{
  double value;

  memcpy (&value, &bits, sizeof value);
  return value + 0.0; /* -0.0 becomes 0.0 */
}

static inline guint64
metrics_cell_bits (double value)
{
  guint64 bits;

  memcpy (&bits, &value, sizeof bits);
  return bits != 0 ? bits : (guint64) 1 << 63;
}

static inline guint64
metrics_cell_load (const guint64 *cell)
{
  return __atomic_load_n (cell, __ATOMIC_RELAXED);
}

/* The slots that live, for one reading. */
struct MetricsReading {
  guint slots[METRICS_SLOTS];
  guint count;
  guint32 sequence;
};

/* The bucket of a histogram that VALUE falls into. */
guint metrics_bucket (const MetricsFamily *family, double value);
void metrics_reading_begin (Metrics *metrics, MetricsReading *reading);
/* FALSE if a fold has moved values meanwhile: read again. */
gboolean metrics_reading_is_sound (Metrics *metrics, const MetricsReading *reading);
/* Counter or histogram: cell INDEX of SERIES, over all processes and the dead. */
double metrics_read_sum (const MetricsSeries *series, const MetricsReading *reading, guint index);
/* Gauge: FALSE if no living process has set it. */
gboolean metrics_read_gauge (const MetricsSeries *series, const MetricsReading *reading, double *ret);
