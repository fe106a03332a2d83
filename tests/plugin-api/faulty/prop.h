/* SPDX-License-Identifier: Apache-2.0 */
/* prop/1: what leaner cannot do without. */
#pragma once

#include <daedalus-plugin.h>

typedef struct {
  guint32 struct_size;
  void (*fall) (DaePlugin *provider); /* P: does what a plugin must not do */
} Prop1;
