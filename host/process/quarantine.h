/* SPDX-License-Identifier: Apache-2.0 */
/* quarantine: which plugins of a generation have crashed too often, and until when their routes answer
 * 503. Three faults within a minute: 5 minutes, twice as long each further time. A reload makes a
 * new generation, and so ends it.
 */
#pragma once

#include <glib.h>

typedef struct Quarantine Quarantine;

/* NEEDED (NULL-ended, copied; may be NULL) are the plugins that others cannot do without: they are never
 * taken away, their process only comes back ever later. */
Quarantine *quarantine_new (const char *const *needed);
void quarantine_free (Quarantine *quarantine);
/* PLUGIN has ended a process at NOW (monotonic). Returns until when it is out of service if this was
 * one fault too many, else 0. */
gint64 quarantine_note (Quarantine *quarantine, const char *plugin, gint64 now);
/* Those out of service at NOW, for quarantine_each: "faulty=123456;other=234567". Owned. */
char *quarantine_to_text (Quarantine *quarantine, gint64 now);
/* Calls FUNC for each plugin in TEXT. */
void quarantine_each (const char *text, void (*func) (const char *plugin, gint64 until, gpointer data), gpointer data);
