// SPDX-License-Identifier: Apache-2.0
// A text that arrives in pieces ends as the very same nodes as the text read at once.
import { describe, expect, it } from 'vitest';
import { LiveMarkdown, renderMarkdown } from '#lib/markdown/live.ts';
import { decodeEntities } from '#lib/markdown/entities.ts';
import { safeHref, safeImage } from '#lib/markdown/link.ts';

const LABELS = { copy: 'Copy', code: 'Code', table: 'Table', done: 'Done', open: 'Not done' };

function whole(text: string): string {
  const root = document.createElement('div');
  renderMarkdown(root, text, LABELS);
  return root.innerHTML;
}

/** The page after each piece, and at the end. */
function live(pieces: string[]): { before: string; after: string; root: Element } {
  const root = document.createElement('div');
  const markdown = new LiveMarkdown(root, LABELS);
  for (const piece of pieces) {
    markdown.append(piece);
    markdown.flush();
  }
  const before = root.innerHTML;
  markdown.finish();
  return { before, after: root.innerHTML, root };
}

function random(seed: number): () => number {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 32;
  };
}

const SAMPLE = `# Title

A paragraph with **strong**, *em*, \`code\`, ~~gone~~ and a [link](https://example.org "there").
Second line\\
third &amp; last.

- one
- two
  - inner *a*
  - inner b

    loose
- [x] done
- [ ] open

3. three
4. four

> quoted
> > twice

| a | b |
|:--|--:|
| 1 | \`x\` |
| 2 | **y** |

\`\`\`js
const a = "<b>";

\`\`\`

Setext
------

<b>raw</b> and <script>alert(1)</script>

![picture](https://tracker.example/x.png) ![own](/files/a.png)

***

    indented code

The end, see [ref].

[ref]: https://example.net
`;

describe('markdown', () => {
  it('grows to the same nodes, character by character', () => {
    const { after } = live([...SAMPLE]);
    expect(after).toBe(whole(SAMPLE));
  });

  it('shows the same before the end too where no link definition comes late', () => {
    const text = SAMPLE.slice(0, SAMPLE.indexOf('The end'));
    expect(live([...text]).before).toBe(whole(text));
  });

  it('is the same for every way to cut the text in two', () => {
    const expected = whole(SAMPLE);
    for (let at = 0; at <= SAMPLE.length; at += 3) {
      expect(live([SAMPLE.slice(0, at), SAMPLE.slice(at)]).after).toBe(expected);
    }
  });

  it('is the same for random hostile documents', () => {
    const bits = ['# ', '- ', '1. ', '> ', '```', '\n', '\n\n', '    ', '\t', '|', '---', '*', '**', '_', '`', '~~', '[a]',
      '(b)', '[a]: /u\n', '<div>', '</div>', '<!--', '-->', 'word ', 'x', '\\', '&amp;', '![', ']', '===', '\r\n', '\r', '- [ ] '];
    const next = random(20);
    for (let round = 0; round < 1500; round++) {
      const pieces = Array.from({ length: 3 + Math.floor(next() * 40) }, () => bits[Math.floor(next() * bits.length)]);
      const text = pieces.join('');
      const { before, after } = live(pieces);
      expect(after, JSON.stringify(text)).toBe(whole(text));
      if (!text.includes(']:') && !text.endsWith('\r')) expect(before, JSON.stringify(text)).toBe(whole(text));
    }
  });

  it('keeps the nodes that are settled', () => {
    const root = document.createElement('div');
    const markdown = new LiveMarkdown(root, LABELS);
    markdown.append('first\n\nsecond\n\nthird\n\nfourth\n\n');
    markdown.flush();
    const [first] = root.children;
    markdown.append('fifth **grows');
    markdown.flush();
    const fifth = root.children[4];
    markdown.append('** on');
    markdown.flush();
    markdown.finish();
    expect(root.children[0]).toBe(first);
    expect(root.children[4]).toBe(fifth);
    expect(root.children).toHaveLength(5);
  });

  it('grows an open fence on one text node and tells once when it is closed', () => {
    const root = document.createElement('div');
    const told: string[] = [];
    const markdown = new LiveMarkdown(root, LABELS, (code, language) => told.push(`${language}:${code.textContent}`));
    markdown.append('```ts\nlet a');
    markdown.flush();
    const node = root.querySelector('code')?.firstChild;
    markdown.append(' = 1;\nlet b');
    markdown.flush();
    expect(root.querySelector('code')?.firstChild).toBe(node);
    expect(told).toEqual([]);
    markdown.append(';\n```\n\none\n\ntwo\n\nthree\n');
    markdown.flush();
    markdown.finish();
    expect(told).toEqual(['ts:let a = 1;\nlet b;']);
  });

  it('has no element that an agent could act through', () => {
    const { root } = live([SAMPLE]);
    expect(root.querySelector('script, iframe, style, object, form, input')).toBeNull();
    expect(root.textContent).toContain('<script>alert(1)</script>');
    expect([...root.querySelectorAll('img')].map((image) => image.getAttribute('src'))).toEqual(['/files/a.png']);
  });

  it('shows nesting without end as text', () => {
    const { root } = live(['> '.repeat(3000) + 'deep']);
    expect(root.textContent).toContain('deep');
  });

  it.each([
    ['https://a.example/x', 'https://a.example/x'],
    ['mailto:a@b.example', 'mailto:a@b.example'],
    ['/c/1', '/c/1'],
    ['#m-1', '#m-1'],
    ['//evil.example', null],
    ['/\\evil.example', null],
    ['javascript:alert(1)', null],
    [' JaVaScRiPt:alert(1)', null],
    ['data:text/html,x', null],
    ['relative', null],
  ])('a link to %s leads to %s', (href, expected) => expect(safeHref(href)).toBe(expected));

  it.each([
    ['/files/x.png', true],
    ['data:image/png;base64,AAAA', true],
    ['data:image/svg+xml;base64,AAAA', false],
    ['https://a.example/x.png', false],
    ['//a.example/x.png', false],
  ])('an image at %s is loaded: %s', (href, expected) => expect(safeImage(href)).toBe(expected));

  it.each([
    ['a &lt;b&gt; &amp;amp; &#39;&#x41; &unknown; &#0; &constructor;', "a <b> &amp; 'A &unknown; \ufffd &constructor;"],
    ['AT&T', 'AT&T'],
  ])('decodes %s', (text, expected) => expect(decodeEntities(text)).toBe(expected));
});
