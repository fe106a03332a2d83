/* SPDX-License-Identifier: Apache-2.0 */
/* header: values of header fields as they are written: what may leave, dates, names of files.
 *
 * Pure functions over text. Whatever writes a head of an answer writes its
 * fields by header_write, so that no control byte can leave as part of one.
 */
#pragma once

#include <glib.h>

#define HEADER_DATE_SIZE 30 /* "Sun, 06 Nov 1994 08:49:37 GMT" and its NUL */

/* TRUE if NAME is a token and VALUE (may be NULL: it is not) has no control bytes. */
gboolean header_is_sound (const char *name, const char *value);
/* Appends "NAME: VALUE" and its line end to HEAD; FALSE and nothing if they are not sound. */
gboolean header_write (GString *head, const char *name, const char *value);
/* SECONDS since 1970 as RFC 9110, 5.6.7 wants it, whatever the locale. */
void header_date (gint64 seconds, char text[HEADER_DATE_SIZE]);
/* The seconds of a date in that form, or -1: the two obsolete forms count as no date. */
gint64 header_parse_date (const char *text);
/* Content-Disposition for any FILE_NAME (RFC 6266, RFC 8187); may be NULL or bad UTF-8. */
char *header_disposition (gboolean is_inline, const char *file_name);
