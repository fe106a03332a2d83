// SPDX-License-Identifier: Apache-2.0
// The languages whose code is coloured, each loaded when its first block is seen.
import type { LanguageFn } from 'highlight.js';

type Load = () => Promise<{ default: LanguageFn }>;

const bash: Load = () => import('highlight.js/lib/languages/bash');
const cpp: Load = () => import('highlight.js/lib/languages/cpp');
const ini: Load = () => import('highlight.js/lib/languages/ini');
const javascript: Load = () => import('highlight.js/lib/languages/javascript');
const markdown: Load = () => import('highlight.js/lib/languages/markdown');
const python: Load = () => import('highlight.js/lib/languages/python');
const rust: Load = () => import('highlight.js/lib/languages/rust');
const typescript: Load = () => import('highlight.js/lib/languages/typescript');
const xml: Load = () => import('highlight.js/lib/languages/xml');
const yaml: Load = () => import('highlight.js/lib/languages/yaml');

export const languages: Readonly<Record<string, Load>> = {
  bash, sh: bash, shell: bash, zsh: bash, console: bash,
  c: () => import('highlight.js/lib/languages/c'),
  cpp, 'c++': cpp, cc: cpp, hpp: cpp,
  css: () => import('highlight.js/lib/languages/css'),
  diff: () => import('highlight.js/lib/languages/diff'),
  dockerfile: () => import('highlight.js/lib/languages/dockerfile'),
  go: () => import('highlight.js/lib/languages/go'),
  ini, toml: ini, conf: ini,
  java: () => import('highlight.js/lib/languages/java'),
  javascript, js: javascript, jsx: javascript, mjs: javascript,
  json: () => import('highlight.js/lib/languages/json'),
  markdown, md: markdown,
  python, py: python,
  rust, rs: rust,
  sql: () => import('highlight.js/lib/languages/sql'),
  typescript, ts: typescript, tsx: typescript,
  xml, html: xml, svg: xml,
  yaml, yml: yaml,
};
