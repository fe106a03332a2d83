// SPDX-License-Identifier: Apache-2.0
// A Markdown text that grows on the page. Only the unsettled tail is lexed again: the last three
// top-level tokens can still change their kind with what comes next, those before them cannot. Link
// definitions that came late are the exception, so `finish` parses the whole once more.
import type { Tokens } from 'marked';
import { Builder, language, type Labels, type Part } from './build.ts';
import { lex, normalise, type Links, type Token } from './lex.ts';

const UNSETTLED = 3;

export class LiveMarkdown {
  private text = '';
  private shown = 0; // length of `text` that the page shows
  private settled = 0; // where the tail begins
  private tail: Part[] = [];
  private before: Part[] = [];
  private links: Links = Object.create(null);
  private readonly builder: Builder;

  /** `onCode` hears of each code block once it no longer grows. */
  constructor(
    private readonly root: Element,
    labels: Labels,
    private readonly onCode: (code: Element, language: string) => void = () => {},
  ) {
    this.builder = new Builder(labels);
  }

  /** Adds text; `flush` shows it. */
  append(text: string): void {
    this.text += text;
  }

  /** Lets the text be `text`: what it grew by is added, another text begins anew. */
  set(text: string): void {
    if (!text.startsWith(this.text)) this.clear();
    this.text = text;
  }

  clear(): void {
    this.text = '';
    this.shown = 0;
    this.settled = 0;
    this.tail = [];
    this.before = [];
    this.links = Object.create(null);
    this.root.replaceChildren();
  }

  get pending(): boolean {
    return this.shown !== this.text.length;
  }

  flush(): void {
    if (!this.pending) return;
    this.shown = this.text.length;
    // A CR may be half of a line end: it waits for the next flush.
    const end = this.text.endsWith('\r') ? this.text.length - 1 : this.text.length;
    const source = this.text.slice(this.settled, end);
    const clean = normalise(source);
    const tokens = lex(clean, this.links);
    this.tail = this.builder.reconcile(this.root, this.tail, tokens);
    this.settle(tokens, source, clean);
  }

  private settle(tokens: Token[], source: string, clean: string): void {
    const ready = tokens.length - UNSETTLED;
    if (ready <= 0) return;
    const length = tokens.slice(0, ready).reduce((sum, token) => sum + token.raw.length, 0);
    const raw = tokens.reduce((sum, token) => sum + token.raw.length, 0);
    if (raw !== clean.length) return;
    this.settled += source.length === clean.length ? length : sourceLength(source, length);
    const done = this.tail.splice(0, ready);
    this.before.push(...done);
    this.announceCode(done);
  }

  /** No more text comes: the page now shows exactly what the whole text says. */
  finish(): void {
    const links: Links = Object.create(null);
    const tokens = lex(normalise(this.text), links);
    const late = Object.keys(links).length > 0;
    if (late) this.root.replaceChildren();
    const parts = late ? [] : [...this.before, ...this.tail];
    const shownBefore = new Set(late ? [] : this.before);
    this.before = this.builder.reconcile(this.root, parts, tokens);
    this.tail = [];
    this.settled = this.text.length;
    this.shown = this.text.length;
    this.announceCode(this.before.filter((part) => !shownBefore.has(part)));
  }

  private announceCode(parts: Part[]): void {
    for (const part of parts) {
      if (part.token.type === 'code' && part.inner) this.onCode(part.inner, language(part.token as Tokens.Code));
      else this.announceCode(part.parts);
    }
  }
}

/** How much of `source` normalises to `length` characters. */
function sourceLength(source: string, length: number): number {
  let at = 0;
  for (let seen = 0; seen < length; seen++) at += source[at] === '\r' && source[at + 1] === '\n' ? 2 : 1;
  return at;
}

/** The whole of `text` at once. */
export function renderMarkdown(
  root: Element,
  text: string,
  labels: Labels,
  onCode: (code: Element, language: string) => void = () => {},
): LiveMarkdown {
  const live = new LiveMarkdown(root, labels, onCode);
  live.append(text);
  live.finish();
  return live;
}
