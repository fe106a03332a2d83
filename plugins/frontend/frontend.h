/* SPDX-License-Identifier: Apache-2.0 */
/* frontend: what the files of this plugin share. */
#pragma once

#include <daedalus-plugin.h>

#define IMMUTABLE "_app/immutable/" /* names below it carry a hash of what is in them */

typedef enum {
  FRONTEND_PLAIN = 0,
  FRONTEND_GZIP,
  FRONTEND_BROTLI,
  FRONTEND_N_CODINGS
} FrontendCoding;

typedef struct {
  GBytes *bytes; /* NULL: there is no such variant */
  char tag[35];  /* ETag with its quotes */
} FrontendVariant;

typedef struct {
  char *path; /* below the directory, without a leading '/' */
  const char *type;
  gboolean is_immutable;
  FrontendVariant variants[FRONTEND_N_CODINGS];
} FrontendFile;

typedef struct {
  char *directory;
  GHashTable *files;         /* path -> FrontendFile */
  const FrontendFile *index; /* what unknown paths without an extension give; NULL: none */
} FrontendFiles;

/* frontend-files.c */

/* Reads all of DIRECTORY: what cannot be read is logged and left out. */
FrontendFiles *frontend_read (DaePlugin *self, const char *directory);
void frontend_files_free (gpointer files);
/* The file of PATH, or of PATH.html; NULL: none. */
const FrontendFile *frontend_find (const FrontendFiles *files, const char *path);

/* frontend-coding.c */

/* The best variant that ACCEPT (may be NULL) takes: Brotli, gzip, then as it is. */
FrontendCoding frontend_choose (const FrontendFile *file, const char *accept);
