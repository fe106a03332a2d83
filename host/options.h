/* SPDX-License-Identifier: Apache-2.0 */
/* options: the command line, the same for the supervisor and the children that it starts. */
#pragma once

#include "config/config.h"

typedef struct {
  char *command;    /* "run", "check", ...; owned */
  char **words;     /* what follows it, never NULL; a plugin's command takes them */
  char **configs;   /* --config FILE|DIR, in order; NULL: the installed ones */
  char **sets;      /* --set GROUP.KEY=VALUE; NULL: none */
  char **plugins;   /* --plugin FILE; NULL: none */
  char *plugin_dir; /* --plugin-dir; NULL: as configured */
  char *listen;     /* --listen ADDRESS:PORT; NULL: as configured */
  gboolean print_link; /* --print-link: show the sign-in link also where output is no terminal */
  gboolean ephemeral, json, status, dry_run, routes, reference;
  int handover;    /* --handover FD: what the supervisor before this one left; internal, 0: none */
  gboolean prepare; /* --prepare: migrate, or complain of what is pending; internal */
} Options;

/* Parses ARGV; on FALSE ERROR tells what is wrong in one line. */
gboolean options_parse (Options *options, int argc, char **argv, GError **error);
void options_clear (Options *options);
char *options_help (void);
/* The arguments (without the program) that give a child the same configuration: owned strv. */
char **options_to_argv (const Options *options, const char *command);
/* Reads keyfiles, environment and --set; host groups are declared. Never NULL. */
Config *options_read_config (const Options *options, Complaints *complaints);
