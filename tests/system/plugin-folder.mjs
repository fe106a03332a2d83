// SPDX-License-Identifier: Apache-2.0
// Where the installed plugins are: LIBDIR/daedalus/plugins-1 beside the program.
import { existsSync, readdirSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { daedalus } from './kit.mjs';

export function pluginFolder () {
  const lib = join(dirname(dirname(daedalus)), 'lib');
  for (const one of [lib, ...readdirSync(lib).map((name) => join(lib, name))]) {
    const path = join(one, 'daedalus', 'plugins-1');
    if (existsSync(path)) return path;
  }
  throw new Error('no plugin folder beside the program');
}
