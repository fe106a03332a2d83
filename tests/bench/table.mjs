// SPDX-License-Identifier: Apache-2.0
// table: the results for people.

const digits = (value) => value === 0 ? '0' : Math.abs(value) >= 100 ? value.toFixed(0) : Math.abs(value) >= 10 ? value.toFixed(1) : value.toFixed(2);

/** "median (min–max)" */
function figure (spread, unit) {
  if (!spread) return '–';
  const range = spread.min === spread.max ? '' : ` (${digits(spread.min)}–${digits(spread.max)})`;
  return `${digits(spread.median)}${range}${unit ? ` ${unit}` : ''}`;
}

export function verdict ({ ratio, must, stretch, less }) {
  if (must === undefined && stretch === undefined) return '–';
  const keeps = (bound) => bound !== undefined && (less ? ratio <= bound : ratio >= bound);
  return keeps(stretch) ? 'stretch' : keeps(must) ? 'yes' : 'missed';
}

function bound (value, less) {
  return value === undefined ? '–' : `${less ? '≤' : '≥'} ${value}`;
}

export function table (results, facts) {
  const lines = [['row', 'figure', 'ours', 'beside', 'held', 'must', 'stretch', 'met']];
  for (const { title, checks, skipped, error } of results) {
    if (!checks) { lines.push([title, '', '', '', '', '', '', error ? `failed: ${error}` : `left out: ${skipped}`]); continue; }
    for (const check of checks)
      lines.push([title, check.what, figure(check.ours, check.unit), figure(check.peer, check.unit), digits(check.ratio),
        bound(check.must, check.less), bound(check.stretch, check.less), verdict(check)]);
  }
  lines.splice(1, 0, lines[0].map(() => '---'));
  const head = [`${facts.tier}, ${facts.rounds} rounds of ${facts.seconds} s in turn, ${facts.machine}, ${facts.at}`,
    [facts.daedalus, facts.postgres, facts.nginx, facts.peer, `Linux ${facts.kernel}`].filter(Boolean).join('; ')];
  return [...head, '', ...lines.map((cells) => `| ${cells.join(' | ')} |`)].join('\n');
}
