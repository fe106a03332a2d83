/* SPDX-License-Identifier: Apache-2.0 */
/* store-s3-answer: what an object store says in XML. Pure. */
#pragma once

#include <glib.h>

/* An object of a list, or an upload that has not ended. */
typedef struct {
  char *key, *upload_id; /* owned; upload_id: of uploads */
  gint64 size;
  gint64 time; /* modified or begun, microseconds; 0: not said */
} S3Item;

typedef struct {
  char *root; /* the outermost element's name; all are owned, NULL: not said */
  char *code, *message;
  char *upload_id;
  char *next_key, *next_upload;
  gboolean truncated;
  GArray *items; /* of S3Item; NULL: none */
} S3Answer;

/* FALSE: TEXT is no XML that makes sense here, and RET is empty. */
gboolean s3_answer_read (const char *text, gsize length, S3Answer *ret, GError **error);
void s3_answer_clear (S3Answer *answer);
