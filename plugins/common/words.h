/* SPDX-License-Identifier: Apache-2.0 */
/* words: what people look for, as queries of full text that neither database can misread. */
#pragma once

#include <glib.h>

/* The first 16 words of letters and digits, in lower case: owned (element-type char *). */
GPtrArray *words_split (const char *text);
/* PostgreSQL's to_tsquery or SQLite's FTS5 for rows that hold all of them, or any: owned. Longer words match
 * their beginnings too. */
char *words_query (GPtrArray *words, gboolean is_sqlite, gboolean any);
