/* SPDX-License-Identifier: Apache-2.0 */
/* problem: documents of application/problem+json (RFC 9457). */
#pragma once

#include <glib.h>

typedef struct {
  guint status;
  const char *code;
  const char *detail; /* may be NULL */
  const char *request_id;
  const char *sign_in_url; /* may be NULL */
  const GPtrArray *errors; /* pointer, detail, pointer, ...; may be NULL */
} Problem;

/* The short name of a status: static text. */
const char *problem_title (guint status);
/* Owned by the caller. */
GBytes *problem_write (const Problem *problem);
