/* SPDX-License-Identifier: Apache-2.0 */
/* plugin-file: from a path or descriptor to a checked description of a plugin, or to complaints.
 *
 * No function of the plugin runs but what its own constructors do inside
 * dlopen. What is opened stays open for the life of the process.
 */
#pragma once

#include "plugin.h"

typedef struct {
  DaePluginInfo info; /* copied and zero-filled; its tables have this host's row sizes and belong to the
                         file; strings are the plugin's own and never go away */
  GPtrArray *memory;  /* of the tables */
} PluginFile;

/* Loads SOURCE and judges its descriptor; all that is wrong with it is complained of at once. NULL
 * if anything is. */
PluginFile *plugin_file_load (const PluginSource *source, Complaints *complaints);
void plugin_file_free (PluginFile *file);

/* The remedy for faults that an admin cannot repair. */
#define PLUGIN_FILE_AUTHOR "Ask the plugin's author for a repaired version, or remove the file."

/* Judges a normalized descriptor against the rules of dae-types.h: plugin-check.c. */
void plugin_check (const PluginSource *source, const DaePluginInfo *info, Complaints *complaints);
/* a-z, 0-9 and '-', a letter first. */
gboolean plugin_check_is_name (const char *name);
