/* SPDX-License-Identifier: Apache-2.0 */
/* config: the keyfiles and the environment, merged, with the origin of each value.
 *
 * Order, later wins: fallbacks; /usr/lib/daedalus/conf.d (or its prefix);
 * /etc/daedalus/daedalus.conf; /etc/daedalus/conf.d (sorted by name); environment; --set.
 * Keys are consumed: what nobody has declared by the time of config_finish is a
 * complaint that names the nearest known key.
 */
#pragma once

#include "complaint.h"
#include "dae-types.h"

typedef struct Config Config;

typedef struct {
  const char *group, *key, *value; /* value as written; borrowed from the Config */
  const char *file;                /* path, "environment", "command line" or "default" */
  guint line;
  const char *variable;            /* name of the environment variable, or NULL */
} ConfigEntry;

typedef struct {
  const char *const *files;   /* keyfiles in rising order of force; those missing are skipped if
                                 they are directories ("....d", ".../"), complained of if files */
  const char *const *environ; /* g_get_environ () */
  const char *const *sets;    /* "GROUP.KEY=VALUE" of the command line; or NULL */
} ConfigSources;

/* Reads everything; syntax faults become complaints. Never NULL. */
Config *config_new (const ConfigSources *sources, Complaints *complaints);
void config_free (Config *config);

/* Declares the rows of GROUP (with the environment names DAEDALUS_<PREFIX>_<KEY> where ENV_PREFIX
 * is not NULL, and each row's own), checks what is written, keeps the typed values. Complaints
 * name PLUGIN (may be NULL). Returns FALSE if any was made. *RET_MISSING (may be NULL): names of
 * REQUIRED keys that are not set, which then are no complaints; owned strv or NULL. */
gboolean config_declare (Config *config, const char *group, const char *env_prefix, const DaeSetting *rows,
                         guint n_rows, const char *plugin, Complaints *complaints, char ***ret_missing);
/* Declares groups "[PREFIX NAME]" and returns the sorted NAMEs that are written: borrowed. */
const char *const *config_declare_group (Config *config, const DaeGroup *group, const char *plugin,
                                         Complaints *complaints);
/* The same names later: borrowed, NULL-ended, empty if nobody declared PREFIX. */
const char *const *config_instances (Config *config, const char *prefix);
/* Accepts a group or environment name without looking into it: for a plugin that is not there or
 * not enabled. A name that ends in '*' stands for all that begin alike. */
void config_ignore_group (Config *config, const char *group);
void config_ignore_variable (Config *config, const char *name);
/* TRUE if there are groups or DAEDALUS_* names that nobody has declared yet. */
gboolean config_has_unknown (Config *config);
/* Complains of all groups, keys and DAEDALUS_* names that nobody declared. */
void config_finish (Config *config, Complaints *complaints);

/* Typed values of declared keys; asserts that the key was declared. */
gboolean config_is_set (Config *config, const char *group, const char *key); /* by anything but its fallback */
const char *config_text (Config *config, const char *group, const char *key);
gint64 config_int (Config *config, const char *group, const char *key);
const char *const *config_list (Config *config, const char *group, const char *key);
gboolean config_has_address (Config *config, const char *group, const char *key, const char *address);
gboolean config_has_group (Config *config, const char *group);
/* Where KEY's value came from, for complaints made later, also if it could not be read. NULL if
 * unset. */
const ConfigEntry *config_origin (Config *config, const char *group, const char *key);

/* All entries in force as a GVariant for the pinned snapshot, secrets included, and back. A Config
 * from a snapshot knows no files but keeps each value's origin. */
GVariant *config_to_variant (Config *config);
Config *config_from_variant (GVariant *variant);

/* For `daedalus config`: each declared key, its value ("(secret)" for secrets) and origin. */
typedef void (*ConfigVisit) (const ConfigEntry *entry, const DaeSetting *row, gpointer data);
void config_each (Config *config, ConfigVisit visit, gpointer data);

/* The host's own groups ([host], [http], [database], [upstream], [log], [limits],
 * [services]) and their rows. */
void config_declare_host (Config *config, Complaints *complaints);

/* The one of NAMES (NULL-ended) that is nearest to WANTED by Levenshtein's distance, if near enough
 * to be meant: borrowed, else NULL. */
const char *config_nearest (const char *const *names, const char *wanted);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (Config, config_free)
