/* SPDX-License-Identifier: Apache-2.0 */
/* commands: what an admin types besides `run`. Each returns an exit status. */
#pragma once

#include "options.h"

int command_check (Options *options);
int command_plugins (Options *options);
int command_config (Options *options);
int command_migrate (Options *options);
int command_reload (Options *options);
int command_version (Options *options);
/* Any other word: commands-plugin.c. */
int command_of_plugin (Options *options);
