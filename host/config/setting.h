/* SPDX-License-Identifier: Apache-2.0 */
/* setting: one typed value: from the text that an admin wrote to what the program reads.
 *
 * Knows types, units and ranges; where the text came from is config's.
 */
#pragma once

#include "dae-types.h"

typedef struct {
  guint32 type;  /* DaeSettingType */
  char *text;    /* the text, trimmed; NULL: not set */
  gint64 number; /* of INT, BOOL, SIZE (bytes), DURATION (milliseconds) */
  char **list;   /* of LIST and NETWORKS, else NULL; never NULL there */
  GArray *networks; /* of NETWORKS: the setting's own */
} Setting;

/* Parses TEXT by ROW. On FALSE *RET is untouched and *RET_WHY, *RET_REMEDY (owned) say what is wrong
 * and what to write; a secret is never quoted. */
gboolean setting_parse (const DaeSetting *row, const char *text, Setting *ret, char **ret_why, char **ret_remedy);
/* The value of a row that nobody has set and that has no fallback. */
void setting_init_unset (const DaeSetting *row, Setting *ret);
void setting_clear (Setting *setting);
/* TRUE if the numeric ADDRESS, or "unix", lies in a setting of type NETWORKS. IPv4 inside IPv6
 * (::ffff:a.b.c.d) counts as IPv4. */
gboolean setting_has_address (const Setting *setting, const char *address);
/* The secret in the file PATH without one trailing newline: owned. NULL with *RET_WHY, *RET_REMEDY
 * if it cannot be read, anyone may read it, or it is no text. */
char *setting_read_secret (const char *path, char **ret_why, char **ret_remedy);
/* What is wrong with ROW itself, as a plugin's descriptor has it: owned, NULL if nothing. */
char *setting_check_row (const DaeSetting *row);
