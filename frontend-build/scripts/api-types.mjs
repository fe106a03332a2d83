// SPDX-License-Identifier: Apache-2.0
// Writes src/lib/api/schema.d.ts from schema/openapi.yaml; with --check only says whether it is current.
import { readFile, writeFile } from 'node:fs/promises';
import openapiTS, { astToString } from 'openapi-typescript';

const source = new URL('../../schema/openapi.yaml', import.meta.url);
const target = new URL('../src/lib/api/schema.d.ts', import.meta.url);
const head = '// SPDX-License-Identifier: Apache-2.0\n// Made from schema/openapi.yaml by `npm run types`. Do not edit.\n\n';

const made = head + astToString(await openapiTS(source));
if (process.argv.includes('--check')) {
  if ((await readFile(target, 'utf8').catch(() => '')) !== made) {
    console.error('src/lib/api/schema.d.ts is not what schema/openapi.yaml says. Run: npm run types');
    process.exit(1);
  }
} else {
  await writeFile(target, made);
}
