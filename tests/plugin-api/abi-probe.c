/* SPDX-License-Identifier: Apache-2.0 */
/* abi-probe: names every public type once, so that abidw can write the ABI down:
 *   gcc -g -shared -fPIC ... abi-probe.c -o probe.so && abidw --out-file daedalus-plugin-1.abi
 * probe.so
 */
#include <daedalus-plugin.h>

void abi_probe (const DaeApi *api,
                const DaePluginInfo *info,
                const DaeUser *user,
                const DaeValue *value,
                const DaeField *field,
                const DaeQuery *query,
                const DaeHostInfo *host,
                const DaeFetchHooks *hooks);

void
abi_probe (const DaeApi *api,
           const DaePluginInfo *info,
           const DaeUser *user,
           const DaeValue *value,
           const DaeField *field,
           const DaeQuery *query,
           const DaeHostInfo *host,
           const DaeFetchHooks *hooks)
{
}
