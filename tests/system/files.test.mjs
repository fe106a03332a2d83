// SPDX-License-Identifier: Apache-2.0
// files: what is uploaded comes back byte for byte; what is not whole is never seen.
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import http from 'node:http';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { places, sha256 } from './files-kit.mjs';
import { databases, sleep, startHost, until } from './kit.mjs';

const type = { 'Content-Type': 'application/octet-stream' };

/** What is tested on each database, and wherever the bytes are (`database.store`): [name, (t, database) => ...]. */
const cases = [];
const onEach = (name, func) => { cases.push([name, func]); };

async function begin (t, database, set = [], { env, ...options } = {}) {
  const host = await startHost(t, { database: database(), set, env: { ...database.store.env, ...env }, ...options });
  const workspace = await host.workspace('Files');
  const path = `/api/workspaces/${workspace.id}/files`;
  const upload = (name, body, headers = {}) => host.request('POST', `${path}?name=${encodeURIComponent(name)}`, { body, headers: { ...type, ...headers } });
  return { host, workspace, path, upload };
}

/** GET with bytes. */
function bytesOf (host, path, headers = {}, method = 'GET') {
  return new Promise((done, fail) => {
    const req = http.request(host.url + path, { method, headers: { ...host.headers(), ...headers }, agent: false }, async (res) => {
      const chunks = [];
      try { for await (const chunk of res) chunks.push(chunk); } catch (error) { fail(error); return; }
      done({ status: res.statusCode, headers: res.headers, bytes: Buffer.concat(chunks) });
    });
    req.on('error', fail);
    req.end();
  });
}

/** Keys of what is stored of a workspace. */
const objects = (database, host, workspace) => database.store.keys(host.dataDir, `workspaces/${workspace.id}/`);

onEach('a file comes back byte for byte, under the documented key', async (t, database) => {
  const { host, workspace, path, upload } = await begin(t, database);
  for (const size of [0, 1, 4095, 4096, 70_000, 3_000_000]) {
    const body = randomBytes(size);
    const made = await upload(`Größe ${size}.bin`, body);
    assert.equal(made.status, 201, made.text);
    assert.equal(made.headers.location, `/api/files/${made.json.id}`);
    assert.deepEqual([made.json.size, made.json.sha256], [size, sha256(body)]);
    const got = await bytesOf(host, `/api/files/${made.json.id}/content`);
    assert.equal(got.status, 200);
    assert.ok(got.bytes.equals(body), `${size} bytes`);
    assert.equal(got.headers.etag, `"${sha256(body)}"`);
    assert.deepEqual((await host.ok('GET', `/api/files/${made.json.id}`)), made.json);
    assert.deepEqual(await objects(database, host, { id: `${workspace.id}/files/${made.json.id}` }), [`workspaces/${workspace.id}/files/${made.json.id}/Größe ${size}.bin`]);
    assert.deepEqual(await database.store.look(host.dataDir, made.json), { size, sha256: sha256(body) }, 'to another client');
  }
  assert.equal((await host.ok('GET', path)).items.length, 6);
  const first = await host.ok('GET', `${path}?limit=4`);
  assert.equal((await host.ok('GET', `${path}?limit=4&cursor=${first.next}`)).items.length, 2);
});

onEach('ranges, conditions and HEAD', async (t, database) => {
  const { host, upload } = await begin(t, database);
  const body = randomBytes(200_000);
  const { id } = (await upload('x.bin', body)).json;
  const path = `/api/files/${id}/content`;
  const tag = `"${sha256(body)}"`;
  for (const [headers, status, wanted] of [
    [{ Range: 'bytes=10-99' }, 206, body.subarray(10, 100)], [{ Range: 'bytes=-5' }, 206, body.subarray(-5)], [{ Range: 'bytes=199999-' }, 206, body.subarray(199_999)],
    [{ Range: 'bytes=1-2', 'If-Range': tag }, 206, body.subarray(1, 3)], [{ Range: 'bytes=1-2', 'If-Range': '"other"' }, 200, body], [{ Range: 'bytes=0-1,3-4' }, 200, body],
    [{ Range: 'bytes=200000-' }, 416], [{ 'If-None-Match': tag }, 304], [{ 'If-Match': '"other"' }, 412],
  ]) {
    const got = await bytesOf(host, path, headers);
    assert.equal(got.status, status, JSON.stringify(headers));
    if (wanted) assert.ok(got.bytes.equals(wanted), JSON.stringify(headers));
    if (status < 400) assert.deepEqual([got.headers.etag, got.headers['cache-control']], [tag, 'private, no-cache'], JSON.stringify(headers));
    if (status === 416) assert.equal(got.headers['content-range'], 'bytes */200000');
  }
  const head = await bytesOf(host, path, {}, 'HEAD');
  assert.deepEqual([head.status, head.bytes.length, head.headers['content-length'], head.headers.etag], [200, 0, '200000', tag]);
});

onEach('what a browser is told of files that others made', async (t, database) => {
  const { host, upload } = await begin(t, database);
  for (const [name, body, wanted, shown] of [
    ['a.png', Buffer.from('89504e470d0a1a0a00', 'hex'), 'image/png', 'inline'], ['notes.txt', 'grüße', 'text/plain', 'inline'], ['page.png', '<html><script>1</script>', 'text/plain', 'inline'],
    ['page.html', '<script>1</script>', 'text/html', 'attachment'], ['pic.svg', '<svg onload="1"/>', 'image/svg+xml', 'attachment'], ['b.pdf', '%PDF-1.7', 'application/pdf', 'attachment'],
    ['c.txt', Buffer.from([0, 1, 2]), 'application/octet-stream', 'attachment'],
  ]) {
    const made = (await upload(name, body)).json;
    assert.equal(made.media_type, wanted, name);
    const { headers } = await bytesOf(host, `/api/files/${made.id}/content`);
    assert.ok(headers['content-disposition'].startsWith(shown), `${name}: ${headers['content-disposition']}`);
    assert.equal(headers['x-content-type-options'], 'nosniff');
    assert.match(headers['content-security-policy'], /^sandbox; default-src 'none'/);
  }
});

onEach('names are handled or refused by rule', async (t, database) => {
  const { host, upload } = await begin(t, database);
  for (const name of ['a/b', 'a\\b', '../a', '..', '.', '. .', 'a\u0007b', 'a\u202eb', '\u2066x', 'a\ufffe', ' ', 'é'.repeat(128), 'x'.repeat(256), 'x'.repeat(300)]) {
    const reply = await upload(name, 'x');
    assert.equal(reply.status, 422, JSON.stringify(name));
  }
  const made = (await upload('cafe\u0301.txt', 'x')).json;
  assert.equal(made.name, 'caf\u00e9.txt');
  const item = `/api/files/${made.id}`;
  assert.equal((await host.request('PATCH', item, { body: { name: 'a/b' } })).status, 422);
  assert.equal((await host.request('PATCH', item, { body: { name: 'b.txt' }, headers: { 'If-Match': '"v7"' } })).status, 412);
  const renamed = await host.request('PATCH', item, { body: { name: 'b.txt' }, headers: { 'If-Match': '"v1"' } });
  assert.deepEqual([renamed.status, renamed.json.name, renamed.json.version, renamed.headers.etag], [200, 'b.txt', 2, '"v2"']);
  assert.equal((await bytesOf(host, `${item}/content`)).bytes.toString(), 'x');
});

onEach('a form, or a part of a file, is not stored as if it were one', async (t, database) => {
  const { host, path, upload } = await begin(t, database);
  for (const [headers, status, code] of [[{ 'Content-Type': 'multipart/form-data; boundary=x' }, 415, 'unsupported_media_type'], [{ 'Content-Type': 'Multipart/Mixed' }, 415, 'unsupported_media_type'],
    [{ 'Content-Encoding': 'gzip' }, 415, 'unsupported_encoding'], [{ 'Content-Range': 'bytes 0-4/9' }, 400, 'partial_upload']]) {
    const reply = await upload('x', 'bytes', headers);
    assert.deepEqual([reply.status, reply.json.code], [status, code], JSON.stringify(headers));
  }
  assert.deepEqual((await host.ok('GET', path)).items, []);
});

onEach('limits: one file, a workspace, both with and without a length', async (t, database) => {
  const { upload, host, path } = await begin(t, database, ['plugin files.max-size=100K', 'plugin files.workspace-size=150K']);
  const space = async () => (await host.ok('GET', path)).space;
  assert.deepEqual(await space(), { used: 0, limit: 153_600, largest_file: 102_400 });
  assert.equal((await upload('a', randomBytes(102_401))).json.code, 'file_too_large');
  assert.equal((await upload('a', randomBytes(102_401), { 'Transfer-Encoding': 'chunked' })).json.code, 'file_too_large');
  assert.equal((await upload('a', randomBytes(100_000))).status, 201);
  assert.equal((await upload('b', randomBytes(100_000))).json.code, 'workspace_full');
  assert.equal((await upload('b', randomBytes(100_000), { 'Transfer-Encoding': 'chunked' })).json.code, 'workspace_full');
  assert.equal((await host.ok('GET', path)).items.length, 1);
  await until(async () => (await space()).used === 100_000, 5000, 'only what is stored is counted');
});

onEach('a workspace holds no more than it may, however many come at once', async (t, database) => {
  const { host, path, upload } = await begin(t, database, ['host.workers=2', 'limits.uploads=0', 'plugin files.workspace-size=150K']);
  for (const headers of [{ 'Transfer-Encoding': 'chunked' }, {}]) {
    const replies = await Promise.all(Array.from({ length: 16 }, (_, i) => upload(`${i}`, randomBytes(50_000), headers)));
    const kept = replies.filter(({ status }) => status === 201);
    for (const { status, json, text } of replies) assert.ok(status === 201 || json.code === 'workspace_full', text);
    assert.ok(kept.length <= 3, `${kept.length} of 50 kB in 150 KiB`);
    for (const { json } of kept) await host.ok('DELETE', `/api/files/${json.id}`);
  }
  assert.deepEqual((await host.ok('GET', path)).items, []);
});

onEach('a client that leaves in mid-upload leaves nothing; what is deleted goes with its bytes', async (t, database) => {
  const { host, workspace, path, upload } = await begin(t, database);
  await new Promise((done) => {
    const req = http.request(`${host.url}${path}?name=half`, { method: 'POST', headers: { ...host.headers(), ...type, 'Content-Length': 1_000_000 }, agent: false });
    req.on('error', done);
    req.write(randomBytes(500_000));
    setTimeout(() => req.destroy(new Error('left')), 300);
  });
  assert.deepEqual((await host.ok('GET', path)).items, []);
  const { id } = (await upload('x', 'y')).json;
  assert.equal((await host.request('DELETE', `/api/files/${id}`)).status, 204);
  assert.equal((await host.request('GET', `/api/files/${id}`)).status, 404);
  assert.equal((await host.request('GET', `/api/files/${id}/content`)).status, 404);
  await until(async () => (await objects(database, host, workspace)).length === 0, 10_000, 'the end of the bytes');
  await until(async () => await host.metric('daedalus_file_swept_total', { what: 'row' }) >= 2, 10_000, 'the end of both rows');
});

onEach('the files of a deleted workspace go', async (t, database) => {
  const { host, workspace, upload } = await begin(t, database);
  for (let i = 0; i < 5; i++) await upload(`${i}`, `${i}`);
  assert.equal((await objects(database, host, workspace)).length, 5);
  assert.deepEqual(await host.ok('DELETE', `/api/workspaces/${workspace.id}`), { conversations: 0, files: 5 });
  await until(async () => (await objects(database, host, workspace)).length === 0, 10_000, 'the end of the bytes');
});

onEach('files of a message: attached, shown with it everywhere, and named when they have gone', async (t, database) => {
  const { host, workspace, upload } = await begin(t, database);
  const a = (await upload('a.txt', 'one')).json, b = (await upload('b.png', Buffer.from('89504e470d0a1a0a00', 'hex'))).json;
  const elsewhere = await host.workspace('Elsewhere');
  const foreign = (await host.request('POST', `/api/workspaces/${elsewhere.id}/files?name=c`, { body: 'x', headers: type })).json;
  const conversation = await host.conversation(workspace);
  const messages = `/api/conversations/${conversation.id}/messages`;
  const post = (body) => host.request('POST', messages, { body: { content: 'see', agent: null, ...body } });
  for (const [file_ids, pointer] of [[[foreign.id], '/file_ids/0'], [[a.id, '0191b0a4-7c1e-7abc-8def-0123456789ab'], '/file_ids/1'], [[a.id, a.id], '/file_ids/1'], [['x'], '/file_ids/0']]) {
    const reply = await post({ file_ids });
    assert.deepEqual([reply.status, reply.json.errors?.[0].pointer], [422, pointer], reply.text);
  }
  const reader = await host.events(conversation, { after: 0 }).opened;
  const wanted = [{ id: b.id, name: 'b.png', media_type: 'image/png', size: 9 }, { id: a.id, name: 'a.txt', media_type: 'text/plain', size: 3 }];
  const posted = await post({ file_ids: [b.id, a.id] });
  assert.equal(posted.status, 202, posted.text);
  assert.deepEqual(posted.json.message.files, wanted);
  const created = await reader.find('message.created');
  reader.close();
  assert.deepEqual(created.data.message.files, wanted);
  assert.deepEqual((await host.ok('GET', messages)).items.map(({ files }) => files), [wanted]);
  await host.ok('PATCH', `/api/files/${a.id}`, { body: { name: 'c.txt' } });
  await host.ok('DELETE', `/api/files/${b.id}`);
  assert.deepEqual((await host.ok('GET', messages)).items[0].files, [{ ...wanted[0], size: null }, { ...wanted[1], name: 'c.txt' }]);
  assert.deepEqual((await post({ file_ids: [] })).json.message.files, []);
});

onEach('the librarian finds what is in files, and names them', async (t, database) => {
  const { host, workspace, upload } = await begin(t, database);
  const notes = (await upload('Harbour-plan.txt', `The crane\n${'filler '.repeat(60_000)}stands in the ornithopter shed.\n`)).json;
  await upload('early.md', `# Crane\nThe crane stands behind the samovar. ${'x'.repeat(300_000)}`);
  await upload('bytes.bin', Buffer.concat([Buffer.from([0]), Buffer.from('samovar')]));
  await upload('odd.txt', Buffer.concat([Buffer.from(`gantry ${'y'.repeat(5000)} `), Buffer.from([0xff, 0]), Buffer.from(' derrick')]));
  const conversation = await host.conversation(workspace);
  const ask = async (question) => {
    const { turn } = await host.post(conversation, question, { agent: 'librarian' });
    assert.equal((await host.ended(turn.id)).state, 'done');
    return (await host.ok('GET', `/api/conversations/${conversation.id}/messages`)).items.find(({ id }) => id === turn.answer_id).content;
  };
  const samovar = await ask('What is behind the samovar?');
  assert.match(samovar, /early\\?\.md/);
  assert.match(samovar, /crane stands behind the samovar/);
  assert.doesNotMatch(samovar, /bytes/);
  assert.match(await ask('harbour'), new RegExp(`/api/files/${notes.id}/content`), 'by its name');
  assert.match(await ask('gantry'), /odd/);
  for (const behind of ['ornithopter', 'derrick']) assert.doesNotMatch(await ask(behind), /api.files/, 'behind what is searched');
  await host.ok('PATCH', `/api/files/${notes.id}`, { body: { name: 'quay.txt' } });
  assert.match(await ask('quay'), new RegExp(notes.id));
  await host.ok('DELETE', `/api/files/${notes.id}`);
  assert.doesNotMatch(await ask('quay'), new RegExp(`files/${notes.id}`));
});

/** An agent that keeps the arguments of each question; EXTRA: arguments besides `message`. */
async function startListener (t, extra = []) {
  const heard = [];
  const server = http.createServer(async (req, res) => {
    let text = '';
    for await (const chunk of req) text += chunk;
    if (req.method !== 'POST') { res.writeHead(405).end(); return; }
    const { id, method, params } = JSON.parse(text);
    const results = {
      initialize: () => ({ protocolVersion: params.protocolVersion, capabilities: { tools: {} }, serverInfo: { name: 'listener', version: '1' } }),
      'tools/list': () => ({ tools: [{ name: 'send_message', inputSchema: { type: 'object', properties: Object.fromEntries(['message', ...extra].map((name) => [name, { type: name === 'message' ? 'string' : 'array' }])), required: ['message'] } }] }),
      'tools/call': () => { heard.push(params.arguments); return { content: [{ type: 'text', text: 'seen' }] }; },
    };
    if (id === undefined) { res.writeHead(202).end(); return; }
    res.writeHead(200, { 'Content-Type': 'application/json' }).end(JSON.stringify({ jsonrpc: '2.0', id, result: results[method]?.() ?? {} }));
  });
  await new Promise((done) => server.listen(0, '127.0.0.1', done));
  t.after(() => { server.closeAllConnections(); server.close(); });
  return { url: `http://127.0.0.1:${server.address().port}/mcp`, heard };
}

onEach('what is attached to a question reaches the agent: images as images, texts quoted, others by name and link', async (t, database) => {
  const seeing = await startListener(t, ['images', 'history']), blind = await startListener(t);
  const { host, workspace, upload } = await begin(t, database, [`agent seeing.url=${seeing.url}`, `agent blind.url=${blind.url}`]);
  const png = Buffer.concat([Buffer.from('89504e470d0a1a0a', 'hex'), randomBytes(50_000)]);
  const image = (await upload('p.png', png)).json, pdf = (await upload('d.pdf', '%PDF-1.7 x')).json;
  const notes = (await upload('notes.md', 'first line\nsecond line')).json, long = (await upload('long.txt', 'é'.repeat(100_000))).json;
  const conversation = await host.conversation(workspace);
  const ask = async (agent, file_ids) => {
    const { turn } = await host.ok('POST', `/api/conversations/${conversation.id}/messages`, { body: { content: 'What is this?', agent, file_ids } });
    const ended = await host.ended(turn.id);
    assert.equal(ended.state, 'done', JSON.stringify(ended));
  };
  const link = (file) => `${host.url}/api/files/${file.id}/content`;
  await ask('seeing', [image.id, notes.id, pdf.id, long.id]);
  const [saw] = seeing.heard;
  assert.deepEqual(saw.images, [{ data: png.toString('base64'), mime_type: 'image/png' }]);
  assert.ok(saw.message.startsWith('What is this?\n\nAttached file "p.png" (image/png, 50008 bytes), given as an image\n'), saw.message.slice(0, 300));
  assert.ok(saw.message.includes('Attached file "notes.md" (text/markdown, 22 bytes):\n\n> first line\n> second line\n'));
  assert.ok(saw.message.includes(`Attached file "d.pdf" (application/pdf, 10 bytes): ${link(pdf)}\n`));
  const quoted = /> (é+)\n\(these are the first (\d+) bytes\)/.exec(saw.message);
  assert.equal(Number(quoted[2]), Buffer.byteLength(quoted[1]));
  assert.ok(Buffer.byteLength(saw.message) < 70_000, `${Buffer.byteLength(saw.message)}`);
  await ask('blind', [image.id]);
  assert.equal(blind.heard[0].images, undefined);
  assert.ok(blind.heard[0].message.includes(`Attached file "p.png" (image/png, 50008 bytes): ${link(image)}\n`));
  await ask('seeing', []);
  assert.equal(seeing.heard[1].message, 'What is this?');
  assert.equal(seeing.heard[1].images, undefined);
});

// what a sanitizer keeps of freed memory would be most of what is measured
const lean = { ASAN_OPTIONS: `${process.env.ASAN_OPTIONS ?? ''}:quarantine_size_mb=1` };

onEach('40 uploads at once, and 64 MiB in flat memory', async (t, database) => {
  const { host, path, upload } = await begin(t, database, ['limits.uploads=100'], { env: lean });
  const bodies = Array.from({ length: 40 }, () => randomBytes(300_000));
  const made = await Promise.all(bodies.map((body, i) => upload(`${i}`, body)));
  made.forEach((one, i) => assert.deepEqual([one.status, one.json?.sha256], [201, sha256(bodies[i])], one.text));
  const memory = () => Math.max(...host.workers().map((pid) => Number(/^VmRSS:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))[1])));
  const before = memory();
  const big = randomBytes(64 << 20);
  const one = (await upload('big', big)).json;
  assert.equal(one.sha256, sha256(big));
  assert.ok((await bytesOf(host, `/api/files/${one.id}/content`)).bytes.equals(big));
  await sleep(100);
  const grown = memory() - before;
  t.diagnostic(`memory of the largest worker grew by ${grown} KiB`);
  assert.ok(grown < 8192 + 1024 * database.store.held, `${grown} KiB`);
  assert.equal((await host.ok('GET', path)).items.length, 41);
});

test('files', async (t) => {
  const stores = {};
  for (const [name, database] of await databases(t)) {
    for (const place of places(name)) {
      const store = stores[place.called] ??= await place(t);
      for (const [what, func] of cases) await t.test(`${name}, ${place.called}: ${what}`, async (t) => { await func(t, Object.assign(() => database(), { store })); });
    }
  }
});
