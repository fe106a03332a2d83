/* SPDX-License-Identifier: Apache-2.0 */
/* workspaces/1: who may do what in a workspace. */
#pragma once

#include "../dae-types.h"

G_BEGIN_DECLS

typedef enum { DAE_MAY_READ = 0, DAE_MAY_WRITE = 1, DAE_MAY_OWN = 2 } DaeMay;

typedef struct {
  guint32 struct_size;
  /* T: TRUE if SUBJECT may do WHAT in the workspace. Owners may all, editors write, viewers read. */
  gboolean (*may) (DaePlugin *provider, DaeTx *tx, const char *subject, const char *workspace_id, DaeMay what);
  /* T: the workspace's instructions for agents and its default agent, borrowed from TX; each may be
   * NULL. */
  void (*settings) (DaePlugin *provider, DaeTx *tx, const char *workspace_id, const char **ret_instructions,
                    const char **ret_default_agent);
  /* T: TRUE if conversations of the workspace may use AGENT. */
  gboolean (*has_agent) (DaePlugin *provider, DaeTx *tx, const char *workspace_id, const char *agent);
} DaeWorkspaces1;

G_END_DECLS
