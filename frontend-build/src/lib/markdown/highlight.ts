// SPDX-License-Identifier: Apache-2.0
// Colours blocks of code: those near the view, when there is time. The highlighter's tree of scopes becomes
// nodes; its HTML is never asked for.
import type { HLJSApi } from 'highlight.js';
import { languages } from './languages.ts';

const LONGEST = 60_000; // characters; longer blocks stay plain

interface Scope {
  scope?: string;
  children: (Scope | string)[];
}

let core: Promise<HLJSApi> | undefined;
const ready = new Map<string, Promise<void>>();
const waiting = new WeakMap<Element, string>();
let observer: IntersectionObserver | undefined;

function whenIdle(work: () => void): void {
  if (typeof requestIdleCallback === 'function') requestIdleCallback(work, { timeout: 1000 });
  else setTimeout(work, 50);
}

function nodes(tree: Scope): Node[] {
  return tree.children.map((child) => {
    if (typeof child === 'string') return document.createTextNode(child);
    const inner = nodes(child);
    if (!child.scope) {
      const fragment = document.createDocumentFragment();
      fragment.append(...inner);
      return fragment;
    }
    const span = document.createElement('span');
    span.className = `hl-${child.scope.split('.')[0].replace(/[^\w-]/g, '')}`;
    span.append(...inner);
    return span;
  });
}

async function loaded(language: string): Promise<HLJSApi> {
  core ??= import('highlight.js/lib/core').then((module) => module.default);
  const api = await core;
  let registered = ready.get(language);
  if (!registered) {
    registered = languages[language]().then((module) => api.registerLanguage(language, module.default));
    ready.set(language, registered);
  }
  await registered;
  return api;
}

async function colour(code: Element, language: string): Promise<void> {
  const text = code.textContent;
  try {
    const api = await loaded(language);
    if (!code.isConnected || code.textContent !== text) return;
    const result = api.highlight(text, { language, ignoreIllegals: true }) as unknown as { _emitter: { rootNode: Scope } };
    code.replaceChildren(...nodes(result._emitter.rootNode));
  } catch {
    ready.delete(language); // a chunk that did not come: the block stays plain
  }
}

/** Colours `code` once it comes near the view. */
export function highlightWhenSeen(code: Element, language: string): void {
  if (!Object.hasOwn(languages, language) || code.textContent.length > LONGEST) return;
  observer ??= new IntersectionObserver(
    (entries) => {
      for (const { isIntersecting, target } of entries) {
        const wanted = waiting.get(target);
        if (!isIntersecting || !wanted) continue;
        observer?.unobserve(target);
        waiting.delete(target);
        whenIdle(() => void colour(target, wanted));
      }
    },
    { rootMargin: '600px' },
  );
  waiting.set(code, language);
  observer.observe(code);
}
