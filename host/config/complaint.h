/* SPDX-License-Identifier: Apache-2.0 */
/* complaint: what is wrong for an admin, in three parts: where, why, remedy.
 *
 * Complaints are gathered, not thrown: a check reports all of them at once. The
 * grammar of the texts is in docs/decisions.md: why is one line, lower case, no
 * full stop; remedy is a sentence that says what to write.
 */
#pragma once

#include <glib.h>

typedef struct {
  char *plugin; /* or NULL */
  char *file;   /* or NULL; "environment" for a variable */
  guint line;   /* 0: unknown */
  char *group, *key; /* or NULL */
  char *why;
  char *remedy; /* or NULL */
} Complaint;

typedef struct Complaints Complaints;

Complaints *complaints_new (void);
void complaints_free (Complaints *complaints);
/* WHERE parts may be NULL; strings are copied. */
void complaints_add (Complaints *complaints, const char *plugin, const char *file, guint line, const char *group,
                     const char *key, const char *why, const char *remedy);
guint complaints_count (const Complaints *complaints);
const Complaint *complaints_get (const Complaints *complaints, guint index);
/* Text as a person reads it, two lines each ("FILE:LINE: [GROUP] KEY: WHY\n    REMEDY\n"): owned. */
char *complaints_to_text (const Complaints *complaints);
/* A GVariant "a(msmsumsmssms)" for the way between processes, and back: floating. */
GVariant *complaints_to_variant (const Complaints *complaints);
void complaints_add_variant (Complaints *complaints, GVariant *variant);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (Complaints, complaints_free)
