// SPDX-License-Identifier: Apache-2.0
// Character references in running text. The names that people and agents write; others stay as written.
const NAMED: Record<string, string> = {
  amp: '&', lt: '<', gt: '>', quot: '"', apos: "'", nbsp: '\u00a0', iexcl: '¡', cent: '¢', pound: '£',
  yen: '¥', euro: '€', sect: '§', copy: '©', reg: '®', trade: '™', deg: '°', plusmn: '±', micro: 'µ',
  para: '¶', middot: '·', laquo: '«', raquo: '»', frac12: '½', frac14: '¼', frac34: '¾', iquest: '¿',
  times: '×', divide: '÷', ndash: '–', mdash: '—', lsquo: '‘', rsquo: '’', ldquo: '“', rdquo: '”',
  bull: '•', hellip: '…', prime: '′', larr: '←', uarr: '↑', rarr: '→', darr: '↓', harr: '↔', rArr: '⇒',
  infin: '∞', ne: '≠', le: '≤', ge: '≥', asymp: '≈', sum: '∑', prod: '∏', radic: '√', minus: '−',
  alpha: 'α', beta: 'β', gamma: 'γ', delta: 'δ', epsilon: 'ε', lambda: 'λ', mu: 'μ', pi: 'π',
  sigma: 'σ', omega: 'ω', Delta: 'Δ', Sigma: 'Σ', Omega: 'Ω', check: '✓', thinsp: '\u2009',
  ensp: '\u2002', emsp: '\u2003', shy: '\u00ad', zwj: '\u200d', zwnj: '\u200c', eacute: 'é',
  egrave: 'è', agrave: 'à', ccedil: 'ç', ouml: 'ö', uuml: 'ü', auml: 'ä', szlig: 'ß',
};

function codePoint(code: number): string {
  const valid = code > 0 && code <= 0x10ffff && !(code >= 0xd800 && code <= 0xdfff);
  return valid ? String.fromCodePoint(code) : '\ufffd';
}

export function decodeEntities(text: string): string {
  if (!text.includes('&')) return text;
  return text.replace(/&(?:#(\d{1,7})|#[xX]([\da-fA-F]{1,6})|([A-Za-z][A-Za-z\d]{1,31}));/g, (all, dec, hex, name) => {
    if (dec) return codePoint(Number.parseInt(dec, 10));
    if (hex) return codePoint(Number.parseInt(hex, 16));
    return Object.hasOwn(NAMED, name) ? NAMED[name] : all;
  });
}
