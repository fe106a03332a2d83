/* SPDX-License-Identifier: Apache-2.0 */
/* config-private: what config.c, config-declare.c and config-finish.c share. */
#pragma once

#include "config.h"
#include "setting.h"

/* Force of a value's origin: keyfiles count from 1. */
enum { CONFIG_RANK_ENVIRONMENT = 1 << 20, CONFIG_RANK_COMMAND_LINE = 1 << 21 };

/* A value as it is written somewhere. */
typedef struct {
  ConfigEntry entry; /* strings in the config's chunk */
  guint rank;
} ConfigWritten;

/* A declared key and what it came to. */
typedef struct {
  DaeSetting row; /* strings borrowed from who declared it */
  const char *group;
  ConfigEntry entry; /* file NULL: nothing is written */
  gboolean is_set;
  Setting value;
} ConfigKey;

typedef struct {
  const char *name, *file;
  guint line;
  gboolean known;      /* declared, or ignored */
  gboolean ignored;    /* keys are nobody's business */
  GHashTable *written; /* key -> ConfigWritten, owned */
  GHashTable *keys;    /* key -> ConfigKey, owned */
  GPtrArray *order;    /* (element-type ConfigKey) borrowed, as declared */
} ConfigGroup;

struct Config {
  GStringChunk *chunk;
  GHashTable *groups;          /* name -> ConfigGroup, owned */
  GPtrArray *order;            /* (element-type ConfigGroup) borrowed, as first seen */
  GHashTable *variables;       /* DAEDALUS_* that are set and not empty: name -> value, in the chunk */
  GHashTable *known_variables; /* names that somebody declared, in the chunk */
  GPtrArray *ignored;          /* (element-type char *) patterns of variables and groups, in the chunk */
  GHashTable *instances;       /* prefix -> names: owned strv */
};

ConfigGroup *config_group_find (Config *config, const char *name);
ConfigGroup *config_group_ensure (Config *config, const char *name);
const char *config_keep (Config *config, const char *text); /* NULL stays NULL */
