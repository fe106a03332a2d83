// SPDX-License-Identifier: Apache-2.0
// wire: a client on the raw socket that sends any bytes, and a strict reader of what comes back.
import net from 'node:net';

export const pause = (ms) => new Promise((done) => setTimeout(done, ms));

/** Splits BYTES into answers. `heads`: indexes of answers to HEAD. What is cut or no HTTP is `odd`; `begin`: what
 * an answer begins with. */
export function readAnswers (bytes, heads = [], begin = /^HTTP\/1\.1 (\d{3}) [ -~]*$/) {
  const answers = [];
  const interim = [];
  let at = 0;
  const odd = (why) => ({ answers, interim, odd: why });
  while (at < bytes.length) {
    const end = bytes.indexOf('\r\n\r\n', at);
    if (end < 0) return odd('a head without an end');
    const [first, ...lines] = bytes.toString('latin1', at, end).split('\r\n');
    const status = Number(begin.exec(first)?.[1]);
    if (!status) return odd(`no status line: ${JSON.stringify(first.slice(0, 60))}`);
    at = end + 4;
    if (status < 200) { interim.push(status); continue; }
    const fields = new Map();
    for (const line of lines) {
      const [, name, value] = /^([\w-]+): ?([ -~]*)$/.exec(line) ?? [];
      if (!name) return odd(`no field: ${JSON.stringify(line)}`);
      const key = name.toLowerCase();
      if (fields.has(key) && ['content-length', 'transfer-encoding', 'connection'].includes(key)) return odd(`two fields ${key}`);
      fields.set(key, value);
    }
    const answer = { status, fields, closes: /\bclose\b/i.test(fields.get('connection') ?? '') };
    const bare = heads.includes(answers.length) || status === 204 || status === 304;
    answers.push(answer);
    const from = at;
    if (bare) {
      answer.body = Buffer.alloc(0);
    } else if (fields.get('transfer-encoding') === 'chunked') {
      for (;;) {
        const line = bytes.indexOf('\r\n', at);
        const size = Number.parseInt(bytes.toString('latin1', at, line), 16);
        if (line < 0 || Number.isNaN(size) || line + 4 + size > bytes.length) return odd('a chunk is cut');
        at = line + 4 + size;
        if (size === 0) break;
      }
      answer.body = bytes.subarray(from, at);
    } else if (fields.has('content-length')) {
      at += Number(fields.get('content-length'));
      if (at > bytes.length) return odd('a body is cut');
      answer.body = bytes.subarray(from, at);
    } else {
      at = bytes.length;
      answer.body = bytes.subarray(from);
    }
  }
  return { answers, interim, odd: null };
}

/** A connection that is read all the time. */
export class Wire {
  constructor (port, { paused = false } = {}) {
    this.chunks = [];
    this.length = 0;
    this.closed = false;
    this.reset = false;
    this.waiting = new Set();
    this.socket = net.connect({ port, host: '127.0.0.1', allowHalfOpen: true, noDelay: true });
    this.opened = new Promise((done) => { this.socket.once('connect', done); this.socket.once('error', done); });
    this.socket.on('error', () => { this.reset = true; this.#end(); });
    this.socket.on('end', () => this.#end());
    this.socket.on('close', () => this.#end());
    if (!paused) this.read();
  }

  read () {
    this.socket.on('data', (chunk) => { this.chunks.push(chunk); this.length += chunk.length; this.#tell(); });
  }

  #end () { this.closed = true; this.#tell(); }
  #tell () { for (const look of this.waiting) look(); }

  get bytes () { return Buffer.concat(this.chunks); }

  /** Sends BYTES; gives up when the server no longer reads for MS. */
  async send (bytes, ms = 3000) {
    await this.opened;
    if (this.closed) return;
    await new Promise((done) => {
      const timer = setTimeout(done, ms);
      const look = () => { if (this.closed) { clearTimeout(timer); done(); } };
      this.waiting.add(look);
      this.socket.write(bytes, () => { clearTimeout(timer); this.waiting.delete(look); done(); });
    });
  }

  /** Waits until LOOK is true, at most MS; false if it never was. */
  async until (look, ms) {
    if (look()) return true;
    return await new Promise((done) => {
      const again = () => { if (look()) end(true); };
      const timer = setTimeout(() => end(false), ms);
      const end = (seen) => { clearTimeout(timer); this.waiting.delete(again); done(seen); };
      this.waiting.add(again);
    });
  }

  untilClosed (ms) { return this.until(() => this.closed, ms); }
  untilAnswers (n, ms, heads) { return this.until(() => this.closed || readAnswers(this.bytes, heads).answers.length >= n, ms); }

  shut () { this.socket.end(); }
  leave () { this.socket.destroy(); }
  break () { this.socket.resetAndDestroy(); }
}
