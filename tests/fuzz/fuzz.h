/* SPDX-License-Identifier: Apache-2.0 */
/* fuzz: what the targets share.
 *
 * A target is one file, fuzz-NOUN.c, with LLVMFuzzerTestOneInput: libFuzzer's
 * main calls it, or that of replay.c. Inputs are what a peer would send,
 * without anything of ours around, so that a corpus can be read and written by hand.
 */
#pragma once

#include <glib.h>

int LLVMFuzzerInitialize (int *argc, char ***argv);
int LLVMFuzzerTestOneInput (const guint8 *data, gsize size);

/* What must hold for every input. */
#define MUST(condition)                                                                            \
  G_STMT_START                                                                                     \
  {                                                                                                \
    if (G_UNLIKELY (!(condition)))                                                                 \
      fuzz_fail (__FILE__, __LINE__, #condition);                                                  \
  }                                                                                                \
  G_STMT_END

G_NORETURN void fuzz_fail (const char *file, int line, const char *condition);

/* A copy of exactly LENGTH bytes, so that a read past the end is seen: owned. */
char *fuzz_copy (const void *data, gsize length);

/* The ways to cut an input into pieces: whole, byte by byte, and by chance. */
typedef enum { FUZZ_WHOLE = 0, FUZZ_BYTES, FUZZ_CHANCE, FUZZ_N_CUTS } FuzzCut;

typedef struct {
  FuzzCut cut;
  guint32 chance; /* of the input: the same input is always cut alike */
} FuzzCuts;

FuzzCuts fuzz_cuts (FuzzCut cut, const guint8 *data, gsize size);
/* The length of the next piece of the LEFT bytes: at least 1. */
gsize fuzz_cuts_next (FuzzCuts *cuts, gsize left);
