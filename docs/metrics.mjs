// SPDX-License-Identifier: Apache-2.0
// metrics: docs/metrics.md out of the rows that declare metrics, `const DaeMetric`. `node docs/metrics.mjs` writes
// it; the lint "metrics-doc" refuses one that is out of date, a system test compares it with a live scrape.
import { readFileSync, readdirSync, statSync, writeFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';

const isSource = (path) => /^(host|plugins)\/.*\.[ch]$/.test(path);

/** The text between the brace at START and its partner. */
function braced (text, start) {
  let depth = 0, quoted = false;
  for (let i = start; i < text.length; i++) {
    if (text[i] === '"' && text[i - 1] !== '\\') quoted = !quoted;
    else if (!quoted && text[i] === '{') depth += 1;
    else if (!quoted && text[i] === '}' && --depth === 0) return text.slice(start + 1, i);
  }
  return '';
}

/** `"a" B "c"` with its macros, or null. */
function words (text, defines) {
  let out = '';
  for (const [, quoted, name] of (text ?? '').matchAll(/"((?:[^"\\]|\\.)*)"|([A-Za-z_]\w*)/g))
    out += quoted !== undefined ? quoted.replace(/\\(.)/g, '$1') : words(defines.get(name), defines);
  return out;
}

function row (body, path, text, defines) {
  const field = (name) => new RegExp(`\\.${name}\\s*=\\s*((?:"(?:[^"\\\\]|\\\\.)*"|[^,"{}])+)`).exec(body)?.[1].trim();
  const name = words(field('name'), defines);
  const list = new RegExp(`const double ${field('buckets')}\\[\\] = \\{([^}]*)\\}`).exec(text)?.[1];
  return {
    name: name.startsWith('process_') ? name : `daedalus_${name}`,
    type: field('type').replace('DAE_', '').toLowerCase(),
    combine: (field('combine') ?? 'DAE_SUM').replace('DAE_', '').toLowerCase(),
    help: words(field('help'), defines),
    labels: words(field('labels'), defines).split(' ').filter(Boolean).map((label) => label.split('=')),
    buckets: list?.split(',').map((one) => Number(one)).filter((one) => !Number.isNaN(one)) ?? [],
    owner: /^plugins\/([^/]+)\//.exec(path)?.[1] ?? 'host',
  };
}

/** All declared families of TREE (path -> text), by name. */
export function families (tree) {
  const defines = new Map(), found = [];
  for (const [path, text] of tree)
    if (isSource(path))
      for (const [, name, value] of text.matchAll(/^#define (\w+)[ \t\\\n]+((?:"(?:[^"\\]|\\.)*"|\w+|[ \t]|\\\n)+)$/gm)) defines.set(name, value);
  for (const [path, text] of tree) {
    if (!isSource(path)) continue;
    for (const match of text.matchAll(/const DaeMetric \w+(\[\])? = (?=\{)/g)) {
      const body = braced(text, match.index + match[0].length);
      if (!match[1]) found.push(row(body, path, text, defines));
      else for (const start of body.matchAll(/\{(?=\s*\.name)/g)) found.push(row(braced(body, start.index), path, text, defines));
    }
  }
  return found.sort((a, b) => (a.name < b.name ? -1 : 1));
}

const units = { _seconds: 'seconds', _bytes: 'bytes' };

function line ({ name, type, combine, help, labels, buckets }) {
  const unit = Object.entries(units).find(([ending]) => name.replace(/_total$/, '').endsWith(ending))?.[1] ?? '';
  const kind = type === 'gauge' && combine !== 'sum' ? `${type}, ${combine}` : type;
  const values = labels.map(([label, known]) => (known ? `\`${label}\`: ${known.split('|').join(', ')}` : `\`${label}\``)).join('<br>');
  return `| \`${name}\` | ${kind} | ${unit} | ${values} | ${help}${buckets.length ? `. Buckets: ${buckets.join(' ')}` : ''} |`;
}

export function render (tree) {
  const all = families(tree);
  const owners = [...new Set(all.map(({ owner }) => owner))].sort((a, b) => (a === 'host' ? -1 : b === 'host' ? 1 : a < b ? -1 : 1));
  return `# Metrics
<!-- made by docs/metrics.mjs from the sources; do not edit -->

\`GET /metrics\` of any worker answers for all processes of the service, to the addresses in \`networks\` of
\`[plugin metrics]\`: Prometheus text 0.0.4, or OpenMetrics 1.0 where \`Accept\` prefers it. Counters and histograms are
sums, and keep what processes that have ended counted; a gauge is the sum over the living ones unless its type says
max, min or last. A label whose values are listed has no others; what does not fit is \`other\`. No label value comes
from a client.

With OpenMetrics each bucket of \`daedalus_http_request_duration_seconds\` carries an exemplar: \`request_id\`, as in
\`X-Request-Id\` and the log line, and \`trace_id\` where the request had a \`traceparent\`. Prometheus keeps them with
\`--enable-feature=exemplar-storage\`.

${owners.map((owner) => `## ${owner === 'host' ? 'The host' : `Plugin ${owner}`}
| family | type | unit | labels | meaning |
|---|---|---|---|---|
${all.filter((one) => one.owner === owner).map(line).join('\n')}
`).join('\n')}`;
}

function load (root, from, tree) {
  for (const name of readdirSync(from)) {
    const path = join(from, name);
    if (statSync(path).isDirectory()) load(root, path, tree);
    else if (isSource(relative(root, path))) tree.set(relative(root, path), readFileSync(path, 'utf8'));
  }
  return tree;
}

/** The sources under ROOT. */
export function sources (root) {
  const tree = new Map();
  for (const room of ['host', 'plugins']) load(root, join(root, room), tree);
  return tree;
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) {
  const root = join(dirname(fileURLToPath(import.meta.url)), '..');
  writeFileSync(join(root, 'docs', 'metrics.md'), render(sources(root)));
}
