/* SPDX-License-Identifier: Apache-2.0 */
/* dae-settings: what the admin wrote, already checked against the descriptor's rows.
 *
 * Values are borrowed for the process's life and may be read from any thread.
 * Asking for a key that no row declares is a fault of the plugin and aborts.
 */
#pragma once

#include "dae-api.h"

G_BEGIN_DECLS

/* The text, URL, choice or secret of KEY, or its fallback; NULL if neither is set. */
static inline const char *
dae_setting_text (DaePlugin *self, const char *key)
{
  return self->api->setting_text (self, key);
}

/* A number, bytes of a size, milliseconds of a duration, 0 or 1 of a boolean. */
static inline gint64
dae_setting_int (DaePlugin *self, const char *key)
{
  return self->api->setting_int (self, key);
}

/* The items of a list, NULL-ended, never NULL. */
static inline const char *const *
dae_setting_list (DaePlugin *self, const char *key)
{
  return self->api->setting_list (self, key);
}

/* TRUE if ADDRESS (numeric, as dae_request_client gives it) lies in the networks of KEY. */
static inline gboolean
dae_setting_has_address (DaePlugin *self, const char *key, const char *address)
{
  return self->api->setting_has_address (self, key, address);
}

/* Names of the groups "[PREFIX NAME]" that the admin wrote, sorted, NULL-ended, never NULL. */
static inline const char *const *
dae_instances (DaePlugin *self, const char *prefix)
{
  return self->api->instances (self, prefix);
}

static inline const char *
dae_instance_text (DaePlugin *self, const char *prefix, const char *name, const char *key)
{
  return self->api->instance_text (self, prefix, name, key);
}

static inline gint64
dae_instance_int (DaePlugin *self, const char *prefix, const char *name, const char *key)
{
  return self->api->instance_int (self, prefix, name, key);
}

G_END_DECLS
