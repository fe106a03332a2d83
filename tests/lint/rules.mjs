// SPDX-License-Identifier: Apache-2.0
// rules: what every file of the tree must keep. A rule is a function from a tree (path -> text) to
// complaints "path:line: text".

import { families, render } from '../../docs/metrics.mjs';

const at = (path, text, index, what) => `${path}:${text.slice(0, index).split('\n').length}: ${what}`;
const isC = (path) => /\.[ch]$/.test(path);
const own = (path) => isC(path) && /^(host|plugins|plugin-api)\//.test(path);

function matches (tree, wanted, pattern, what) {
  const found = [];
  for (const [path, text] of tree) {
    if (!wanted(path)) continue;
    for (const match of text.matchAll(pattern)) {
      const said = what(path, match);
      if (said) found.push(at(path, text, match.index, said));
    }
  }
  return found;
}

const include = /^\s*#\s*include\s+[<"]([^>"]+)[>"]/gm;

const mayInclude = {
  'libsoup/': /^host\/http\/(wire|server|exchange|stream)(-[a-z]+)*\.c$/,
  'libpq-fe.h': /^host\/data\/database-postgres(-[a-z]+)*\.[ch]$/,
  'sqlite3.h': /^host\/data\/database-sqlite(-[a-z]+)*\.c$/,
  'jose/': /^plugins\/auth\/auth-keys\.c$/,
  'openssl/': /^plugins\/(auth\/auth-keys|common\/sha256)\.c$/,
  'jansson.h': /^plugins\/auth\/auth-jwt\.h$/,
};

// Bodies of functions: the name's line, then '{' in column 0 to '}' in column 0.
function* functions (text) {
  for (const match of text.matchAll(/^(?:([A-Za-z_][^\n;={}()]*)\n)?([A-Za-z_]\w*) \([^;{}]*\)\n\{\n([\s\S]*?)^\}/gm))
    yield { type: match[1] ?? '', name: match[2], index: match.index, lines: match[0].split('\n').length };
}

export const rules = {
  'includes-direction': (tree) =>
    matches(tree, own, include, (path, [, name]) => {
      if (path.startsWith('plugin-api/') && !/^(gio|glib)\/|^daedalus-plugin\.h$|^(\.\.\/)?dae-[a-z]+\.h$/.test(name))
        return `plugin-api includes "${name}": it depends on GIO only`;
      if (path.startsWith('plugins/') && /host|process\/|http\/|data\/|observe\/|config\//.test(name))
        return `a plugin includes "${name}" of the host`;
      if (path.startsWith('host/') && /plugins?\/(?!plugin)[a-z]+\//.test(name) && !name.startsWith('services/'))
        return `the host includes "${name}" of a plugin`;
      const sibling = /^plugins\/([a-z-]+)\//.exec(path);
      if (sibling && /^\.\.\//.test(name) && !/^\.\.\/common\//.test(name))
        return `plugin ${sibling[1]} includes "${name}" of another`;
    }),
  'includes-library': (tree) =>
    matches(tree, own, include, (path, [, name]) => {
      for (const [library, allowed] of Object.entries(mayInclude))
        if (name.startsWith(library) && !allowed.test(path)) return `includes <${name}>: not this file's`;
    }),
  size: (tree) => {
    const found = [];
    for (const [path, text] of tree) {
      if (!isC(path) || path.includes('/fixtures/')) continue;
      const lines = text.split('\n').length - 1;
      if (lines > 600) found.push(`${path}:1: ${lines} lines; 600 are the most`);
      for (const { name, index, lines: long } of functions(text))
        if (long > 82) found.push(at(path, text, index, `${name} has ${long} lines; 80 are the most`));
    }
    return found;
  },
  names: (tree) => {
    const found = [];
    for (const [path, text] of tree) {
      const file = /^host\/(?:[a-z]+\/)?([a-z-]+)\.c$/.exec(path);
      if (!file || file[1] === 'main') continue;
      const noun = file[1].split('-')[0].replace(/(s|e)$/, '');
      for (const { type, name, index } of functions(text))
        if (!/\bstatic\b/.test(type) && !/^G_DEFINE/.test(name) && !name.startsWith(noun))
          found.push(at(path, text, index, `${name} is not static and does not begin with "${noun}"`));
    }
    return found;
  },
  'sql-printf': (tree) =>
    matches(tree, own, /printf\s*\([^;]*?"\s*(SELECT|INSERT|UPDATE|DELETE|WITH|CREATE|ALTER)\b/g, () => 'SQL made by printf'),
  licence: (tree) => {
    const found = [];
    for (const [path, text] of tree)
      if (/\.([ch]|mjs|ts|svelte|sh|sql|css)$|(^|\/)(quickstart|run|meson\.build)$/.test(path) && !/\.d\.ts$/.test(path)
          && !text.split('\n', 3).join('\n').includes('SPDX-License-Identifier: Apache-2.0'))
        found.push(`${path}:1: no SPDX line in the first three`);
    return found;
  },
  unfinished: (tree) =>
    matches(tree, (path) => /^(host|plugins?|plugin-api|schema|frontend-build\/src|data|docs)\b/.test(path),
      /\b(TODO|FIXME|XXX|HACK|not (?:yet )?implemented|for now)\b/g, (path, [word]) => `"${word}" stands where something is missing`),
  'html-strings': (tree) =>
    matches(tree, (path) => /^frontend-build\/src\//.test(path), /\{@html\b|\.(inner|outer)HTML\b|insertAdjacentHTML/g,
      (path, [word]) => `${word}: the page makes no HTML out of strings`),
  'machine-paths': (tree) =>
    matches(tree, (path) => !path.startsWith('tests/lint/'), /(?<![\w.$}])\/(work|root|farm|home\/[a-z]+)\//g, (path, [word]) => `a path of one machine: ${word}`),
  'comment-first': (tree) => {
    const found = [];
    for (const [path, text] of tree)
      if (own(path) && !/^\/\* SPDX[^\n]*\n\/\* [a-z0-9-]+(\/\d+)?: /.test(text))
        found.push(`${path}:2: the file does not say what it is for ("/* noun: ...")`);
    return found;
  },
  'metrics-doc': (tree) => {
    const found = families(tree).filter(({ help }) => help === '').map(({ name }) => `docs/metrics.md:1: ${name} has no meaning`);
    if (tree.get('docs/metrics.md') !== render(tree)) found.push('docs/metrics.md:1: is out of date: run "node docs/metrics.mjs"');
    return found;
  },
};
