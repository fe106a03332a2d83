/* SPDX-License-Identifier: Apache-2.0 */
/* config-file: the text of one keyfile, line by line (the notation of GKeyFile).
 *
 * GKeyFile itself tells neither the line of a key nor that it is there twice.
 */
#pragma once

#include "complaint.h"

/* A group's head (KEY and VALUE are NULL) or one key in it; strings are borrowed for the call. */
typedef void (*ConfigFileFunc) (const char *group, const char *key, const char *value, guint line, gpointer data);

/* Reads the lines of TEXT; PATH is for complaints only. */
void config_file_parse (const char *path, const char *text, gsize length, ConfigFileFunc func, gpointer data,
                        Complaints *complaints);
/* The same with a file's content. */
void config_file_read (const char *path, ConfigFileFunc func, gpointer data, Complaints *complaints);
