/* SPDX-License-Identifier: Apache-2.0 */
/* stub-plugin: a plugin handle for code that only has JSON checked. */
#pragma once

#include "http/json-check.h"

#include <daedalus-plugin.h>

static gboolean
stub_json_check (DaePlugin *self,
                 const char *text,
                 gsize length,
                 guint max_depth,
                 guint max_nodes,
                 GError **error)
{
  const char *why = NULL;

  if (json_check (text, length, (JsonLimits){ max_depth, max_nodes }, NULL, &why))
    return TRUE;
  g_set_error_literal (error, G_IO_ERROR, G_IO_ERROR_INVALID_DATA, why);
  return FALSE;
}

static inline DaePlugin *
stub_plugin (void)
{
  static const DaeApi api = { .struct_size = sizeof (DaeApi), .json_check = stub_json_check };
  static DaePlugin plugin = { .api = &api };

  return &plugin;
}
