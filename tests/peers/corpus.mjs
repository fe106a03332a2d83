// SPDX-License-Identifier: Apache-2.0
// corpus: what peers send that they should not, what they may send, and what must come of it.
//
// A row is { name, send, answers, ... }:
//   send      parts: text (its characters are bytes), or a pause in milliseconds, or 'FIN'
//   answers   the statuses of the answers, in order; a list of them where more than one is right
//   creates   TRUE if the workspace of the row's name is there afterwards; else it must not be
//   then      'closed' (where nothing is said), 'open': it lives on and is in step, or 'either'
//   heads     which of the answers are to HEAD
//   interim   1xx answers that must come before
//   never     text that must not come back
//   most      bytes that may come back at most
// Each body that is sent asks for a workspace of the row's name, and whatever is hidden behind a
// body asks for one called "hidden": so a request that ran although it must not can be seen
// long after.

import { gzipSync } from 'node:zlib';

const FIN = Symbol('FIN');
export { FIN };

const repeat = (text, n) => text.repeat(n);

/** The rows for a server that is reached as HOST (name:port) by whoever has TOKEN; ASSET is the
 * path of a file of ASSETLENGTH bytes that anybody may have. */
export function corpus ({ host, token, asset = '/', assetLength = 0 }) {
  const fields = `Host: ${host}\r\nAuthorization: Bearer ${token}\r\nContent-Type: application/json\r\n`;
  const rows = [];
  const json = (name) => JSON.stringify({ name });
  const chunk = (text) => `${text.length.toString(16)}\r\n${text}\r\n`;
  const post = (extra, body = '', version = 'HTTP/1.1') => `POST /api/workspaces ${version}\r\n${fields}${extra}\r\n${body}`;
  const get = (extra = '', target = '/live', method = 'GET') => `${method} ${target} HTTP/1.1\r\n${fields}${extra}\r\n`;
  const line = (first, extra = '') => `${first}\r\n${fields}${extra}\r\n`;
  const sized = (name) => post(`Content-Length: ${json(name).length}\r\n`, json(name));
  const hidden = sized('hidden');

  const add = (kind, name, row) => rows.push({ then: 'closed', ...row, name: `${kind}: ${name}`, send: [row.send].flat() });
  /** A request that must be refused, its connection closed, and what is behind it never run. */
  const refuse = (kind, name, send, statuses = 400) => add(kind, name, { send: [send, hidden].flat(), answers: [[statuses].flat()] });
  const take = (kind, name, send, answers, row = {}) => add(kind, name, { send, answers, then: 'open', ...row });

  // ---- what must work ----------------------------------------------------------
  let kind = 'sound';
  take(kind, 'get', get(), [200]);
  take(kind, 'get that says close', get('Connection: close\r\n'), [200], { then: 'closed' });
  take(kind, 'nothing after close is run', get('Connection: close\r\n') + hidden, [200], { then: 'closed' });
  take(kind, 'HTTP/1.0', `GET /live HTTP/1.0\r\n${fields}\r\n`, [200], { then: 'closed' });
  take(kind, 'HTTP/1.0 that stays', `GET /live HTTP/1.0\r\n${fields}Connection: Keep-Alive\r\n\r\n`, [200]);
  take(kind, 'HTTP/1.0 without Host', 'GET /live HTTP/1.0\r\n\r\n', [[200, 400, 421]], { then: 'closed' });
  take(kind, 'a later HTTP/1.x', line('GET /live HTTP/1.3'), [200]);
  take(kind, 'HEAD', get('', '/live', 'HEAD'), [200], { heads: [0] });
  take(kind, 'two at once', get() + get(), [200, 200]);
  take(kind, 'sixty at once', repeat(get(), 60), Array(60).fill(200));
  take(kind, 'byte by byte', [...get()].flatMap((c) => [c, 1]), [200]);
  take(kind, 'empty lines first', `\r\n\r\n${get()}`, [200]);
  take(kind, 'half-closed', [get(), FIN], [200], { then: 'closed' });
  take(kind, 'body with a length', (name) => [sized(name)], [201], { creates: true });
  take(kind, 'two bodies at once', (name) => [sized(name) + post('Content-Length: 2\r\n', '{}')], [201, 422], { creates: true });
  take(kind, 'body in chunks', (name) => [post('Transfer-Encoding: chunked\r\n', `${chunk(json(name))}0\r\n\r\n`)], [201], { creates: true });
  take(kind, 'chunks of one byte', (name) => [post('transfer-encoding: CHUNKED\r\n', `${[...json(name)].map(chunk).join('')}0\r\n\r\n`)], [201], { creates: true });
  take(kind, 'chunk size with zeros and capitals', (name) => [post('Transfer-Encoding: chunked\r\n',
    `${json(name).length.toString(16).toUpperCase().padStart(9, '0')}\r\n${json(name)}\r\n000\r\n\r\n`)], [201], { creates: true });
  take(kind, 'chunk extensions and a trailer', (name) => [post('Transfer-Encoding: chunked\r\n',
    `${json(name).length.toString(16)};a=b;c="d e"\r\n${json(name)}\r\n0;last\r\nX-Sum: 1\r\nX-Two:2\r\n\r\n`)], [201], { creates: true });
  take(kind, 'a trailer changes nothing', (name) => [post('Transfer-Encoding: chunked\r\n',
    `${chunk(json(name))}0\r\nContent-Length: 5\r\nX-Forwarded-User: root\r\nHost: other\r\n\r\n`)], [201], { creates: true });
  take(kind, 'head and body apart', (name) => [sized(name).slice(0, -json(name).length), 60, json(name).slice(0, 5), 60, json(name).slice(5)], [201], { creates: true });
  take(kind, 'GET with a body', (name) => [get(`Content-Length: ${json(name).length}\r\n`) + json(name)], [[200, 413]], { then: 'either' });
  take(kind, 'HEAD with a body', `${get('Content-Length: 5\r\n', '/live', 'HEAD')}hello`, [[200, 413]], { then: 'either', heads: [0] });
  take(kind, 'POST without a length', post(''), [[400, 422]]);
  take(kind, 'POST without a length, then another', (name) => [post('') + sized(name)], [[400, 422], 201], { creates: true });
  take(kind, 'OPTIONS *', line('OPTIONS * HTTP/1.1'), [[200, 204, 404]]);
  take(kind, 'absolute target', line(`GET http://${host}/live HTTP/1.1`), [200]);
  take(kind, 'long query', get('', `/live?${repeat('a', 8000)}`), [200]);
  take(kind, 'long cookie', get(`Cookie: a=${repeat('a', 8000)}\r\n`), [200]);
  take(kind, 'ninety fields', get(repeat('X-A: b\r\n', 90)), [200]);

  // ---- where does the body end? ---------------------------------------------------
  kind = 'framing';
  const behind = `0\r\n\r\n${hidden}`;
  refuse(kind, 'length and coding', (name) => [post(`Content-Length: ${json(name).length}\r\nTransfer-Encoding: chunked\r\n`, `${chunk(json(name))}0\r\n\r\n`)]);
  refuse(kind, 'coding and length', (name) => [post(`Transfer-Encoding: chunked\r\nContent-Length: ${json(name).length}\r\n`, json(name))]);
  refuse(kind, 'coding and a length of nothing', post('Transfer-Encoding: chunked\r\nContent-Length: 0\r\n', behind));
  refuse(kind, 'coding in HTTP/1.0', post('Transfer-Encoding: chunked\r\nConnection: keep-alive\r\n', behind, 'HTTP/1.0'));
  for (const [name, value, status] of [
    ['identity', 'identity'], ['unknown', 'xchunked'], ['chunked twice', 'chunked, chunked'], ['chunked, identity', 'chunked, identity'],
    ['gzip, chunked', 'gzip, chunked'], ['quoted', '"chunked"'], ['parameter', 'chunked;q=1'], ['comma', 'chunked,'], ['empty', ''],
    ['tab and word', 'chunked\tx'], ['vertical tab', '\x0bchunked'], ['NUL', 'chunked\0'], ['no-break space', 'chunked\xa0'],
  ]) refuse(kind, `coding: ${name}`, post(`Transfer-Encoding: ${value}\r\n`, behind), status ?? [400, 501]);
  refuse(kind, 'two codings', post('Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n', behind));
  refuse(kind, 'two codings, one unknown', post('Transfer-Encoding: x\r\nTransfer-Encoding: chunked\r\n', behind), [400, 501]);
  refuse(kind, 'blank before the colon of a coding', post('Content-Length: 4\r\nTransfer-Encoding : chunked\r\n', behind));
  refuse(kind, 'tab before the colon of a coding', post('Content-Length: 4\r\nTransfer-Encoding\t: chunked\r\n', behind));
  refuse(kind, 'folded coding', post('Transfer-Encoding:\r\n chunked\r\n', behind));
  refuse(kind, 'folded length', post('Content-Length:\r\n\t4\r\n', behind));
  refuse(kind, 'coding behind a bare line feed', post('X-A: b\nTransfer-Encoding: chunked\r\n', behind));
  refuse(kind, 'coding behind a bare carriage return', post('X-A: b\rTransfer-Encoding: chunked\r\n', behind));
  for (const [name, value, status] of [
    ['minus', '-1'], ['plus', '+4'], ['hexadecimal', '0x4'], ['letters', '4a'], ['exponent', '4e0'], ['empty', ''], ['point', '4.0'],
    ['blank inside', '4 4'], ['list of the same', '4, 4'], ['list', '4, 0'], ['semicolon', '4;'], ['quoted', '"4"'], ['leading zero', '04'],
    ['NUL', '4\0'], ['over any body', '9007199254740993', [400, 413]], ['2^63', '9223372036854775808', [400, 413]], ['2^64 + 4', '18446744073709551620', [400, 413]],
    ['2^62', '4611686018427387904', [400, 413]], ['hundred digits', repeat('9', 100), [400, 413]],
  ]) refuse(kind, `length: ${name}`, post(`Content-Length: ${value}\r\n`, behind), status ?? 400);
  refuse(kind, 'length over the limit of the route', post(`Content-Length: ${1 << 30}\r\n`, 'x'), 413);
  refuse(kind, 'two lengths, the same', post('Content-Length: 4\r\nContent-Length: 4\r\n', behind));
  refuse(kind, 'two lengths', post('Content-Length: 4\r\ncontent-length: 0\r\n', behind));
  refuse(kind, 'blank before the colon of a length', post('Content-Length : 4\r\n', behind));
  take(kind, 'a length with an underscore is none', post('Content_Length: 4\r\n'), [[400, 422]]);

  // ---- chunks ----------------------------------------------------------------------
  kind = 'chunk';
  const chunked = (body) => post('Transfer-Encoding: chunked\r\n', body);
  const whole = '{"name":"hidden"}';
  const size = whole.length.toString(16);
  for (const [name, body] of [
    ['size with 0x', `0x${size}\r\n${whole}\r\n0\r\n\r\n`], ['negative size', `-${size}\r\n${whole}\r\n0\r\n\r\n`], ['plus', `+${size}\r\n${whole}\r\n0\r\n\r\n`],
    ['blank before', ` ${size}\r\n${whole}\r\n0\r\n\r\n`], ['blank behind', `${size} \r\n${whole}\r\n0\r\n\r\n`], ['tab behind', `${size}\t\r\n${whole}\r\n0\r\n\r\n`],
    ['underscore', `1_1\r\n${whole}\r\n0\r\n\r\n`], ['no size', `\r\n${whole}\r\n0\r\n\r\n`], ['no number', `xyz\r\n${whole}\r\n0\r\n\r\n`],
    ['2^32 + 17', `100000011\r\n${whole}\r\n0\r\n\r\n`], ['2^63', `8000000000000000\r\n${whole}\r\n0\r\n\r\n`], ['2^64 - 1', `ffffffffffffffff\r\n${whole}\r\n0\r\n\r\n`],
    ['2^64 + 17', `10000000000000011\r\n${whole}\r\n0\r\n\r\n`], ['three hundred zeros', `${repeat('0', 300)}${size}\r\n${whole}\r\n0\r\n\r\n`],
    ['line feed after the size', `${size}\n${whole}\r\n0\r\n\r\n`], ['line feed after the data', `${size}\r\n${whole}\n0\r\n\r\n`],
    ['line feed at the end', `${size}\r\n${whole}\r\n0\n\n`], ['line feed after an extension', `${size};a\n${whole}\r\n0\r\n\r\n`],
    ['carriage return in an extension', `${size};a\rb\r\n${whole}\r\n0\r\n\r\n`], ['NUL after the size', `${size}\0\r\n${whole}\r\n0\r\n\r\n`],
    ['no break after the data', `${size}\r\n${whole}0\r\n\r\n`], ['data longer than its size', `4\r\n${whole}\r\n0\r\n\r\n`],
    ['extension of 70 KB', `${size};${repeat('a', 70_000)}\r\n${whole}\r\n0\r\n\r\n`], ['trailer of 200 KB', `${size}\r\n${whole}\r\n0\r\nX: ${repeat('a', 200_000)}\r\n\r\n`],
    ['trailer with NUL', `${size}\r\n${whole}\r\n0\r\nX: a\0b\r\n\r\n`], ['trailer without a colon', `${size}\r\n${whole}\r\n0\r\nGET /live HTTP/1.1\r\n\r\n`],
    ['trailer that is folded', `${size}\r\n${whole}\r\n0\r\nX: a\r\n b\r\n\r\n`],
  ]) refuse(kind, name, chunked(body), [400, 413]);
  take(kind, 'twenty thousand of one byte', (name) => [chunked(`${[...json(name).padEnd(20_000)].map(chunk).join('')}0\r\n\r\n`)], [201], { creates: true });
  add(kind, 'cut within a chunk', { send: [chunked(`${size}\r\n${whole.slice(0, 7)}`), FIN], answers: [] });
  add(kind, 'cut between chunks', { send: [chunked(`${size}\r\n${whole}\r\n`), FIN], answers: [] });
  add(kind, 'body cut before its length', { send: [post('Content-Length: 18\r\n', whole), FIN], answers: [] });
  refuse(kind, 'two megabytes in chunks', chunked(`${repeat(`400\r\n${repeat('x', 1024)}\r\n`, 2048)}0\r\n\r\n`), 413);

  // ---- the first line and the fields --------------------------------------------------
  kind = 'line';
  for (const [name, first, status] of [
    ['HTTP/0.9', 'GET /live'], ['HTTP/2.0', 'GET /live HTTP/2.0', 505], ['HTTP/3', 'GET /live HTTP/3'], ['small letters', 'GET /live http/1.1'],
    ['version 1.10', 'GET /live HTTP/1.10'], ['version with a letter', 'GET /live HTTP/1.1x'], ['version 01.1', 'GET /live HTTP/01.1'], ['no dot', 'GET /live HTTP/11'], ['more behind', 'GET /live HTTP/1.1 x'],
    ['a word too many', 'GET /live x HTTP/1.1'], ['two blanks', 'GET  /live HTTP/1.1'], ['tabs', 'GET\t/live\tHTTP/1.1'], ['blank at the end', 'GET /live HTTP/1.1 '],
    ['blank first', ' GET /live HTTP/1.1'], ['method in small letters', 'get /live HTTP/1.1', 501], ['unknown method', 'BREW /live HTTP/1.1', 501],
    ['method is no token', 'GE(T /live HTTP/1.1'], ['NUL in the method', 'GE\0T /live HTTP/1.1'], ['method of 9000 letters', `${repeat('A', 9000)} /live HTTP/1.1`, 501],
    ['CONNECT', 'CONNECT 127.0.0.1:22 HTTP/1.1', 501], ['no method', '/live HTTP/1.1'], ['only a word', 'hello'],
  ]) refuse(kind, name, line(first), status ?? 400);
  refuse(kind, 'line in two', `GET /live\r\n HTTP/1.1\r\n${fields}\r\n`);
  add(kind, 'TRACE does not echo', { send: [line('TRACE /live HTTP/1.1', 'X-Secret: sesame\r\n')], answers: [[405, 501]], never: 'sesame' });
  refuse(kind, 'first field folded', `GET /live HTTP/1.1\r\n X: y\r\n${fields}\r\n`);
  for (const [name, field] of [
    ['folded', 'X-A: b\r\n c\r\n'], ['line feed', 'X-A: b\nX-B: c\r\n'], ['carriage return', 'X-A: b\rX-B: c\r\n'], ['NUL in a value', 'X-A: a\0b\r\n'],
    ['NUL in a name', 'X\0A: b\r\n'], ['control byte', 'X-A: a\x01b\r\n'], ['delete byte', 'X-A: a\x7fb\r\n'], ['blank in a name', 'X A: b\r\n'], ['no name', ': b\r\n'],
    ['no colon', 'garbage\r\n'], ['brackets in a name', 'X(A): b\r\n'], ['byte over 127 in a name', 'X-\xe9: b\r\n'], ['blank before the colon', 'X-A : b\r\n'],
  ]) refuse('field', name, get(field));
  refuse('field', 'line feeds alone', get().replaceAll('\r\n', '\n'));
  take('field', 'byte over 127 in a value', get('X-A: caf\xe9\r\nAccept-Language: \xff;q=\xc0\xaf\r\n'), [200]);
  refuse('field', 'too many', get(repeat('X-A: b\r\n', 1000)), 431);
  refuse('field', 'a megabyte of them', get(repeat('X-A: b\r\n', 131_072)), 431);
  refuse('field', 'too large', get(`X-A: ${repeat('a', 100_000)}\r\n`), 431);
  refuse('field', 'never ends', ['GET /live HTTP/1.1\r\nX-A: ', ...Array(32).fill(repeat('a', 65536))], 431);
  refuse('field', 'target of 64 KB', get('', `/live?${repeat('a', 65536)}`), 414);
  for (const [name, bytes] of [
    ['every byte', String.fromCharCode(...Array(256).keys())], ['TLS', '\x16\x03\x01\0\xc8\x01\0\0\xc4\x03\x03'], ['PROXY', 'PROXY TCP4 192.0.2.1 192.0.2.2 1 2\r\n'],
    ['PROXY v2', '\r\n\r\n\0\r\nQUIT\n'], ['HTTP/2', 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'], ['SSH', 'SSH-2.0-OpenSSH_9.2\r\n'], ['SMTP', 'EHLO example.org\r\n'],
    ['Redis', '*1\r\n$4\r\nPING\r\n'], ['eighty empty lines', repeat('\r\n', 80)], ['ten thousand empty lines', `${repeat('\r\n', 10_000)}${get()}`], ['an answer', 'HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n'],
  ]) refuse('other protocol', name, bytes, [400, 501, 505]);

  // ---- Host and the target -----------------------------------------------------------
  kind = 'host';
  const named = (value) => `GET /live HTTP/1.1\r\nHost: ${value}\r\n\r\n`;
  refuse(kind, 'none', 'GET /live HTTP/1.1\r\n\r\n');
  refuse(kind, 'twice the same', get(`Host: ${host}\r\n`));
  refuse(kind, 'two', get('Host: other.example\r\n'));
  for (const [name, value] of [
    ['empty', ''], ['blank inside', 'a b'], ['slash', 'a/b'], ['user', 'u@a'], ['question mark', 'a?b'], ['number sign', 'a#b'], ['list', 'a, b'], ['bracket', '[::1'],
    ['port over the last', 'a:65536'], ['port below the first', 'a:-1'], ['port of letters', 'a:http'], ['NUL', 'a\0b'], ['percent', 'a%00b'], ['markup', '<b>'], ['backslash', 'a\\b'],
    ['byte over 127', 'b\xfccher'], ['300 letters', repeat('a', 300)],
  ]) refuse(kind, name, named(value));
  take(kind, 'of another site', named('rebound.example'), [421]);
  take(kind, 'of another site with our port', named(`rebound.example:${host.split(':')[1]}`), [421]);
  take(kind, 'absolute target of another site', line('GET http://other.example/live HTTP/1.1'), [421]);
  kind = 'target';
  for (const [name, target] of [
    ['no slash', 'live'], ['star', '*'], ['file', 'file:///etc/passwd'], ['ftp', 'ftp://a/'], ['user', `http://u:p@${host}/live`], ['no host', 'http:///live'], ['fragment', '/live#a'],
    ['percent alone', '/%'], ['percent of nothing', '/%zz'], ['NUL', '/a%00b'], ['raw NUL', '/a\0b'], ['line break', '/%0d%0aX-Made:%201'], ['control byte', '/a%01'], ['raw control byte', '/a\x01'],
    ['byte over 127', '/\xff\xfe'], ['backslash', '/..\\..\\etc\\passwd'], ['quote', '/"'], ['angle bracket', '/<b>'], ['delete', '/%7f'],
  ]) add(kind, name, { send: [get('', target), hidden], answers: [400], never: 'X-Made' });
  for (const [name, target] of [
    ['dots', '/../../../../etc/passwd'], ['encoded dots', '/%2e%2e/%2e%2e/%2e%2e/etc/passwd'], ['encoded slashes', '/..%2f..%2f..%2fetc%2fpasswd'], ['encoded twice', '/%252e%252e/etc/passwd'],
    ['two slashes', '//etc/passwd'], ['semicolons', '/;/..;/etc/passwd'], ['overlong dots', '/%c0%ae%c0%ae/etc/passwd'], ['wide dots', '/%ef%bc%8e%ef%bc%8e/etc/passwd'], ['a surrogate', '/%ed%a0%80'], ['braces', '/{}|^`'],
    ['long segment', `/${repeat('a', 5000)}`], ['deep', repeat('/a', 3000)], ['of the API', '/api/../../etc/passwd'], ['of the assets', '/_app/../../../../etc/passwd'],
  ]) take(kind, name, get('', target), [[200, 301, 400, 404]], { never: 'root:x:' });

  // ---- what heads ask for --------------------------------------------------------------
  kind = 'asks';
  const expecting = (name) => post(`Content-Length: ${json(name).length}\r\nExpect: 100-continue\r\n`);
  take(kind, '100-continue', (name) => [expecting(name), 300, json(name)], [201], { creates: true, interim: [100] });
  take(kind, '100-continue that does not wait', (name) => [expecting(name) + json(name) + get()], [201, 200], { creates: true });
  take(kind, '100-continue without a body', get('Expect: 100-continue\r\n'), [200]);
  refuse(kind, 'another expectation', get('Expect: tea\r\n'), 417);
  add(kind, '100-continue for what is refused', { send: [`POST /api/workspaces HTTP/1.1\r\nHost: ${host}\r\nContent-Type: application/json\r\nContent-Length: 17\r\nExpect: 100-continue\r\n\r\n`], answers: [401], interim: [] });
  take(kind, 'upgrade to HTTP/2', get('Upgrade: h2c\r\nConnection: Upgrade, HTTP2-Settings\r\nHTTP2-Settings: AAMAAABkAAQAAP__\r\n'), [200]);
  take(kind, 'upgrade to a web socket', get('Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n'), [200]);
  take(kind, 'Connection names other fields', get('Connection: Host, Authorization, Content-Length\r\n', '/api/me'), [200]);
  take(kind, 'a coded body', (name) => [post(`Content-Encoding: gzip\r\nContent-Length: ${json(name).length}\r\n`, json(name))], [[400, 415]], { then: 'either' });
  const bomb = gzipSync(Buffer.alloc(32 << 20), { level: 9 }).toString('latin1');
  take(kind, 'a coded body that grows a thousandfold', post(`Content-Encoding: gzip\r\nContent-Length: ${bomb.length}\r\n`, bomb), [415], { then: 'either' });
  take(kind, 'three thousand ranges', get(`Range: bytes=${repeat('0-,', 3000)}0-\r\n`), [[200, 206, 416]]);
  for (const range of ['bytes=0-0', 'bytes=-1', 'bytes=-0', 'bytes=9-1', 'bytes=99999999999999999999-', 'bytes=-99999999999999999999', 'bytes=--1', 'bytes=a-b', 'lines=0-1', 'bytes=0-0x', ''])
    for (const target of ['/live', asset])
      take(kind, `range ${JSON.stringify(range)} of ${target === asset ? 'a file' : 'an answer'}`, get(`Range: ${range}\r\n`, target), [[200, 206, 416]], { most: assetLength + 4096 });
  for (const [name, range] of [['all of it 500 times', repeat('0-,', 499) + '0-'], ['500 pieces', Array.from({ length: 500 }, (_, i) => `${i * 200}-${i * 200 + 1}`).join(',')], ['first and last 1300 times', repeat('0-,-1,', 1299) + '0-,-1']])
    take(kind, `${name} of a file`, get(`Range: bytes=${range}\r\n`, asset), [[200, 206, 416]], { most: assetLength + 4096 });
  for (const [name, extra, target] of [
    ['no credentials of that kind', `Accept: ${repeat('a/b;q=0.5,', 2000)}\r\n`], ['cookies of nothing', `Cookie: ${repeat('=;', 2000)}\r\n`],
    ['a date that is none', 'If-Modified-Since: Sat, 99 Foo 99999999999 99:99:99 GMT\r\nIf-Unmodified-Since: x\r\n'], ['versions of nothing', `If-None-Match: ${repeat('"', 999)}, W/\r\nIf-Match: \xff\r\n`],
    ['languages', `Accept-Language: ${repeat('x-', 3000)}\r\n`], ['codings', `Accept-Encoding: ${repeat('gzip;q=9,', 900)}*;q=\r\n`, '/'],
  ]) take(kind, name, get(extra, target), [[200, 404]]);
  take(kind, 'two tokens', `GET /api/me HTTP/1.1\r\n${fields}Authorization: Bearer other\r\n\r\n`, [[200, 400, 401]]);
  take(kind, 'a token of 5000 signs', `GET /api/me HTTP/1.1\r\nHost: ${host}\r\nAuthorization: Basic ${repeat('=', 5000)}\r\n\r\n`, [[400, 401]]);
  take(kind, 'a form without an end', (name) => [`POST /api/workspaces HTTP/1.1\r\nHost: ${host}\r\nAuthorization: Bearer ${token}\r\nContent-Type: multipart/form-data; boundary="\r\nContent-Length: 9\r\n\r\n--"\r\n--"--`], [415], { then: 'either' });
  take(kind, 'a form', (name) => [`POST /api/workspaces HTTP/1.1\r\nHost: ${host}\r\nAuthorization: Bearer ${token}\r\nContent-Type: multipart/form-data; boundary=${repeat('b', 5000)}\r\nContent-Length: ${json(name).length}\r\n\r\n${json(name)}`], [415], { then: 'either' });
  for (const [name, body] of [
    ['deep', repeat('[', 50_000)], ['many', `[${repeat('{},', 60_000)}{}]`], ['twice', '{"name":"hidden","name":"hidden"}'], ['a lone surrogate', '{"name":"\\ud800"}'], ['NUL', '{"name":"\\u0000"}'],
    ['a byte order mark', '\xef\xbb\xbf{"name":"hidden"}'], ['bad UTF-8', '{"name":"\xc0\xaf"}'], ['a comment', '{"name":"hidden"/**/}'], ['two values', '{"name":"hidden"}{}'], ['a number that is none', '{"name":"hidden","n":1e999}'], ['nothing', ''],
  ]) take('JSON', name, post(`Content-Length: ${body.length}\r\n`, body), [400]);

  for (const row of rows) {
    const name = row.name.slice(0, 90);
    row.workspace = name;
    row.send = row.send.flatMap((part) => (typeof part === 'function' ? part(name) : [part]))
      .map((part) => (typeof part === 'string' ? Buffer.from(part, 'latin1') : part));
  }
  return rows;
}

/** The largest file of the page that HOST serves. */
export async function largestFile (host) {
  const { text } = await host.request('GET', '/', { anonymous: true });
  const files = [...new Set([...text.matchAll(/_app\/[\w./-]+\.(?:js|css)/g)].map(([path]) => `/${path}`))];
  let found = { asset: '/', assetLength: Buffer.byteLength(text) };
  for (const path of files) {
    const length = Buffer.byteLength((await host.request('GET', path, { anonymous: true })).text);
    if (length > found.assetLength) found = { asset: path, assetLength: length };
  }
  return found;
}
