/* SPDX-License-Identifier: Apache-2.0 */
/* ephemeral: a throw-away instance: a temporary directory, a free loopback port, one line of JSON on
 * standard output, and an end with its parent. */
#pragma once

#include "../options.h"

/* Makes the directory, chooses a port unless one is given, turns logs to standard error, watches
 * parent and standard input. GONE is called once when the parent has ended or closed our input. */
gboolean ephemeral_begin (Options *options, void (*gone) (gpointer data), gpointer data);
/* Prints {"url", "pid", "token", "start_link"}; the last two may be NULL. */
void ephemeral_print (const char *url, const char *token, const char *start_link);
/* Removes the directory. */
void ephemeral_end (void);
