/* SPDX-License-Identifier: Apache-2.0 */
/* no-descriptor: a library that is no plugin. */
#include <daedalus-plugin.h>

G_MODULE_EXPORT int nothing_of_ours (void);

int
nothing_of_ours (void)
{
  return 1;
}
