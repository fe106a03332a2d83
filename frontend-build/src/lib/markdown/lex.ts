// SPDX-License-Identifier: Apache-2.0
// Markdown text to tokens. Only marked's lexer is used: what it finds becomes DOM nodes (build.ts),
// never a string of HTML.
import { Lexer, type Tokens, type TokensList } from 'marked';

/** A token of any kind; its `type` says what else it has. */
export type Token = Tokens.Generic;

export type Links = TokensList['links'];

const OPTIONS = { gfm: true, breaks: false, pedantic: false, silent: true };

/** Markdown as the lexer wants it: one kind of line end, no NUL. */
export function normalise(text: string): string {
  return text.replace(/\r\n?/g, '\n').replaceAll('\0', '\ufffd');
}

/** The tokens of normalised `text`. `links` are definitions known from before; new ones are added to it. */
export function lex(text: string, links: Links): Token[] {
  const lexer = new Lexer(OPTIONS);
  Object.assign(lexer.tokens.links, links);
  try {
    const tokens = lexer.lex(text);
    Object.assign(links, tokens.links);
    return [...tokens] as Token[];
  } catch {
    // Nesting too deep for the lexer: shown as it was written.
    return [{ type: 'html', raw: text, text, block: true }];
  }
}
