/* SPDX-License-Identifier: Apache-2.0 */
/* value: is this text a UUID, an integer, a slug, a choice? For paths, queries and bodies alike. */
#pragma once

#include "dae-types.h"

/* The canonical form: 8-4-4-4-12 hexadecimal digits. */
gboolean value_is_uuid (const char *text, gsize length);
/* A decimal integer of 64 bits, without a plus or leading zeros. *RET may be NULL. */
gboolean value_is_int (const char *text, gsize length, gint64 *ret);
gboolean value_is_slug (const char *text, gsize length);
/* CHOICES are separated by '|'. */
gboolean value_is_choice (const char *text, gsize length, const char *choices);
/* NULL if the characters of TEXT (valid UTF-8) are allowed, else why not: static text. */
const char *value_check_characters (const char *text, gsize length, gboolean multiline);
/* TRUE if there is nothing in TEXT but blanks. */
gboolean value_is_blank (const char *text, gsize length);
/* Undoes percent-encoding, and '+' for a blank where PLUS; FALSE if it is malformed, or what comes
 * out is not UTF-8 or holds NUL. */
gboolean value_decode (const char *text, gsize length, gboolean plus, GString *out);
