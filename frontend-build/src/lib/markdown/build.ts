// SPDX-License-Identifier: Apache-2.0
// Tokens to DOM nodes, and growing tokens onto the nodes that stand already. A part is one token with
// the one node it made (or none) and the parts inside it; `reconcile` changes as little as it can.
import type { Tokens } from 'marked';
import { decodeEntities } from './entities.ts';
import type { Token } from './lex.ts';
import { leavesSite, safeHref, safeImage } from './link.ts';

export interface Labels {
  copy: string;
  code: string;
  table: string;
  done: string;
  open: string;
}

export interface Part {
  token: Token;
  node: Element | Text | null;
  inner: Element | null; // where the nodes of `parts` are
  parts: Part[];
}

const HEADING_SHIFT = 2; // a message stands under its own h2; its headings follow
const DEEPEST = 60; // deeper nesting is shown as text

function element<K extends keyof HTMLElementTagNameMap>(name: K, className = ''): HTMLElementTagNameMap[K] {
  const made = document.createElement(name);
  if (className) made.className = className;
  return made;
}

/** The tokens inside `token`; rows and cells of a table are given the shape of tokens. */
function inside(token: Token): Token[] {
  if (token.type === 'list') return token.items as Token[];
  if (token.type === 'table') {
    const table = token as Tokens.Table;
    return [table.header, ...table.rows].map((cells) => row(cells));
  }
  return (token.tokens ?? []) as Token[];
}

function row(cells: Tokens.TableCell[]): Token {
  const tokens = cells.map((cell) => ({ ...cell, type: 'cell', raw: cell.text }));
  return { type: 'row', raw: tokens.map((cell) => cell.raw).join('\0'), head: cells[0]?.header ?? false, tokens };
}

/** What decides, besides the text itself, what a token looks like. */
function shape(token: Token): string {
  switch (token.type) {
    case 'heading':
      return `h${token.depth}`;
    case 'code':
      return `code ${language(token as Tokens.Code)}`;
    case 'list':
      return `list ${token.ordered} ${token.start}`;
    case 'list_item':
      return `item ${token.task}`;
    case 'table':
      return `table ${(token as Tokens.Table).align.join()}`;
    case 'cell':
      return `cell ${token.header} ${token.align}`;
    case 'row':
      return `row ${token.head}`;
    case 'link':
    case 'image':
      return `${token.type} ${token.href} ${token.title ?? ''}`;
    case 'checkbox':
      return `checkbox ${token.checked}`;
    case 'text':
      return token.tokens ? 'inline' : 'text';
    default:
      return token.type;
  }
}

function same(a: Token, b: Token): boolean {
  return a.raw === b.raw && shape(a) === shape(b) && (a.loose ?? false) === (b.loose ?? false);
}

export function language(token: Tokens.Code): string {
  return /^[\w+#.-]{1,32}/.exec(token.lang ?? '')?.[0].toLowerCase() ?? '';
}

function plain(token: Token): string {
  if (token.type === 'escape') return token.text;
  if (token.type === 'html') return token.raw;
  return decodeEntities(token.text ?? token.raw);
}

function growText(node: Text, text: string): void {
  if (node.data === text) return;
  if (text.startsWith(node.data)) node.appendData(text.slice(node.data.length));
  else node.data = text;
}

export class Builder {
  private depth = 0;

  constructor(private readonly labels: Labels) {}

  /** Makes `parts`, whose nodes are the last ones in `box`, look like `tokens`. */
  reconcile(box: Element, parts: Part[], tokens: Token[]): Part[] {
    let kept = 0;
    while (kept < parts.length && kept < tokens.length && same(parts[kept].token, tokens[kept])) kept++;
    if (kept < parts.length && kept < tokens.length && this.grow(parts[kept], tokens[kept])) kept++;
    for (const gone of parts.slice(kept)) gone.node?.remove();
    const result = parts.slice(0, kept);
    for (const token of tokens.slice(kept)) {
      const part = this.make(token);
      if (part.node) box.append(part.node);
      result.push(part);
    }
    return result;
  }

  /** Turns `part` into `token` in place; false if it has to be made anew. */
  private grow(part: Part, token: Token): boolean {
    if (shape(part.token) !== shape(token)) return false;
    if (part.node instanceof Text) {
      growText(part.node, plain(token));
    } else if (token.type === 'code' && part.inner) {
      this.growCode(part.inner, token.text);
    } else if (part.inner && token.type !== 'image') {
      this.depth++;
      part.parts = this.reconcile(part.inner, part.parts, inside(token));
      this.depth--;
    } else {
      return false;
    }
    part.token = token;
    return true;
  }

  private growCode(code: Element, text: string): void {
    const only = code.childNodes.length === 1 ? code.firstChild : null;
    if (only instanceof Text) growText(only, text);
    else code.replaceChildren(document.createTextNode(text));
  }

  private make(token: Token): Part {
    const part: Part = { token, node: null, inner: null, parts: [] };
    if (this.depth >= DEEPEST) {
      part.node = document.createTextNode(plain(token));
      return part;
    }
    this.depth++;
    part.node = this.node(token, part);
    if (part.inner && token.type !== 'code') part.parts = this.reconcile(part.inner, [], inside(token));
    this.depth--;
    return part;
  }

  private node(token: Token, part: Part): Element | Text | null {
    const holds = <E extends Element>(made: E): E => ((part.inner = made), made);
    switch (token.type) {
      case 'space':
      case 'def':
        return null;
      case 'paragraph':
        return holds(element('p'));
      case 'heading':
        return holds(this.heading(token.depth));
      case 'blockquote':
      case 'strong':
      case 'em':
      case 'del':
        return holds(element(token.type));
      case 'list':
        return holds(this.list(token as Tokens.List));
      case 'list_item':
        return holds(element('li', token.task ? 'task' : ''));
      case 'checkbox':
        return this.checkbox(token.checked);
      case 'code':
        return this.code(token as Tokens.Code, part);
      case 'table':
        return this.table(part);
      case 'row':
        return holds(element('tr'));
      case 'cell':
        return holds(this.cell(token));
      case 'codespan': {
        const made = element('code');
        made.textContent = token.text;
        return made;
      }
      case 'hr':
      case 'br':
        return element(token.type);
      case 'link':
        return holds(this.link(token.href, token.title));
      case 'image':
        return this.image(token as Tokens.Image);
      case 'html':
        return token.block ? this.source(token.raw) : document.createTextNode(token.raw);
      case 'text':
        return token.tokens ? holds(element('span')) : document.createTextNode(plain(token));
      default:
        return document.createTextNode(plain(token));
    }
  }

  private heading(depth: number): Element {
    const made = document.createElement(`h${Math.min(depth + HEADING_SHIFT, 6)}`);
    made.className = `heading-${depth}`;
    return made;
  }

  private list(token: Tokens.List): Element {
    if (!token.ordered) return element('ul');
    const made = element('ol');
    if (token.start !== '' && token.start !== 1) made.start = token.start;
    return made;
  }

  private checkbox(checked: boolean): Element {
    const made = element('span', checked ? 'box checked' : 'box');
    made.setAttribute('role', 'img');
    made.setAttribute('aria-label', checked ? this.labels.done : this.labels.open);
    return made;
  }

  private code(token: Tokens.Code, part: Part): Element {
    const figure = element('figure', 'code');
    const bar = element('figcaption');
    const name = element('span');
    const copy = element('button', 'copy');
    const pre = element('pre');
    const code = element('code');
    const lang = language(token);
    name.textContent = lang || this.labels.code;
    copy.type = 'button';
    copy.dataset.copy = '';
    copy.textContent = this.labels.copy;
    bar.append(name, copy);
    pre.tabIndex = 0;
    pre.setAttribute('role', 'region');
    pre.setAttribute('aria-label', lang ? `${this.labels.code}: ${lang}` : this.labels.code);
    if (lang) code.dataset.language = lang;
    code.append(document.createTextNode(token.text));
    pre.append(code);
    figure.append(bar, pre);
    part.inner = code;
    return figure;
  }

  private table(part: Part): Element {
    const scroll = element('div', 'table');
    const table = element('table');
    scroll.tabIndex = 0;
    scroll.setAttribute('role', 'region');
    scroll.setAttribute('aria-label', this.labels.table);
    scroll.append(table);
    part.inner = table;
    return scroll;
  }

  private cell(token: Token): Element {
    const made = element(token.header ? 'th' : 'td');
    if (token.header) made.scope = 'col';
    if (token.align) made.className = `align-${token.align}`;
    return made;
  }

  private link(href: string, title?: string | null): Element {
    const target = safeHref(href);
    if (target === null) return element('span');
    const made = element('a');
    made.href = target;
    made.rel = 'noreferrer nofollow';
    if (leavesSite(target)) made.target = '_blank';
    if (title) made.title = title;
    return made;
  }

  private image(token: Tokens.Image): Element {
    if (safeImage(token.href)) {
      const made = element('img');
      made.alt = token.text;
      made.loading = 'lazy';
      made.decoding = 'async';
      made.src = token.href;
      return made;
    }
    const made = this.link(token.href, token.title);
    made.textContent = token.text || token.href;
    return made;
  }

  private source(raw: string): Element {
    const made = element('p', 'source');
    made.textContent = raw.trimEnd();
    return made;
  }
}
