/* SPDX-License-Identifier: Apache-2.0 */
#include "fuzz.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void
fuzz_fail (const char *file, int line, const char *condition)
{
  fprintf (stderr, "%s:%d: does not hold: %s\n", file, line, condition);
  abort ();
}

/* A warning is a finding, and abort is what libFuzzer keeps an input for. */
static GLogWriterOutput
fuzz_log (GLogLevelFlags level, const GLogField *fields, gsize n_fields, gpointer data)
{
  if ((level & (G_LOG_LEVEL_ERROR | G_LOG_LEVEL_CRITICAL | G_LOG_LEVEL_WARNING)) == 0)
    return G_LOG_WRITER_HANDLED;
  g_log_writer_standard_streams (level, fields, n_fields, NULL);
  abort ();
}

int
LLVMFuzzerInitialize (int *argc, char ***argv)
{
  g_log_set_writer_func (fuzz_log, NULL, NULL);
  return 0;
}

char *
fuzz_copy (const void *data, gsize length)
{
  char *copy = malloc (length > 0 ? length : 1);

  if (copy == NULL)
    abort ();
  if (length > 0)
    memcpy (copy, data, length);
  return copy;
}

FuzzCuts
fuzz_cuts (FuzzCut cut, const guint8 *data, gsize size)
{
  guint32 hash = 2166136261u;

  for (gsize i = 0; i < size; i++)
    hash = (hash ^ data[i]) * 16777619u;
  return (FuzzCuts){ cut, hash };
}

gsize
fuzz_cuts_next (FuzzCuts *cuts, gsize left)
{
  switch (cuts->cut) {
  case FUZZ_WHOLE:
    return left;
  case FUZZ_BYTES:
    return 1;
  default:
    cuts->chance = cuts->chance * 1664525u + 1013904223u;
    return 1 + (cuts->chance >> 8) % MIN (left, 1u << ((cuts->chance >> 28) & 7));
  }
}
