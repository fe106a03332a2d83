// SPDX-License-Identifier: Apache-2.0
// Kills: a ledger of acknowledged writes is compared with what the database holds afterwards.
// KILLS (default 20) on each database, alternately of a worker and of the whole group.
import { test } from 'node:test';
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { createInterface } from 'node:readline';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Host, daedalus, databaseSettings, databases, folder, sleep, until } from './kit.mjs';
import { freePort } from './ports.mjs';

const kills = Number(process.env.KILLS ?? 20);

/** A host on a directory and port that outlive it. */
class Lasting {
  constructor (database, dir, port) { Object.assign(this, { database, dir, port }); }

  async start () {
    const sets = [`host.data-dir=${this.dir}`, `http.listen=127.0.0.1:${this.port}`, 'host.workers=2', 'log.format=json'];
    sets.push(...databaseSettings(this.database));
    this.child = spawn(daedalus, ['run', '--config', '/dev/null', ...sets.flatMap((one) => ['--set', one])],
      { stdio: ['ignore', 'pipe', 'pipe'], detached: true });
    this.log = [];
    for (const stream of [this.child.stdout, this.child.stderr]) createInterface({ input: stream }).on('line', (line) => this.log.push(line));
    this.host = new Host(this.child, { url: `http://127.0.0.1:${this.port}`, pid: this.child.pid, data_dir: this.dir }, this.log);
    await until(async () => {
      try {
        this.host.token = readFileSync(join(this.dir, 'run', 'token'), 'utf8').trim();
        return (await this.host.request('GET', '/api/me')).status === 200;
      } catch { return false; }
    }, 15_000, 'the host to serve').catch((error) => { throw new Error(`${error.message}\n${this.log.slice(-20).join('\n')}`); });
  }

  killGroup () { process.kill(-this.child.pid, 'SIGKILL'); }

  async stop () {
    if (this.child.exitCode !== null || this.child.signalCode !== null) return;
    const ended = new Promise((done) => this.child.once('exit', done));
    this.child.kill('SIGTERM');
    await ended;
  }
}

test('durability', async (t) => {
  for (const [name, database] of await databases(t)) {
    await t.test(`${name}: ${kills} kills under 8 writers lose and double nothing`, async (t) => {
      const dir = folder(t);
      const lasting = new Lasting(database(), join(dir, 'data'), await freePort());
      await lasting.start();
      t.after(() => lasting.stop());
      const workspace = await lasting.host.workspace('Ledger');
      const conversations = [];
      for (let i = 0; i < 8; i++) conversations.push(await lasting.host.conversation(workspace));
      const acknowledged = new Map();
      let going = true, over = false;
      t.after(() => { going = false; over = true; });

      const writer = async (conversation) => {
        while (going) {
          const key = randomUUID();
          const content = `entry ${key}`;
          while (!over) { // the same key again until it is answered, as a client does
            try {
              const reply = await lasting.host.request('POST', `/api/conversations/${conversation.id}/messages`,
                { body: { content, agent: null }, headers: { 'Idempotency-Key': key } });
              if (reply.status >= 200 && reply.status < 300) { acknowledged.set(reply.json.message.id, { conversation, content }); break; }
              if (reply.status < 500 && reply.status !== 409) throw new Error(`${reply.status} ${reply.text}`);
            } catch (error) {
              if (!/ECONN|socket hang up|EPIPE/.test(error.message + error.code)) throw error;
            }
            await sleep(20);
          }
        }
      };
      const writers = conversations.map(writer);
      for (let kill = 0; kill < kills; kill++) {
        await sleep(150 + Math.random() * 150);
        if (kill % 2 === 0) {
          const [pid] = lasting.host.workers();
          if (pid) process.kill(pid, 'SIGKILL');
        } else {
          const gone = new Promise((done) => lasting.child.once('exit', done));
          lasting.killGroup();
          await gone;
          await lasting.start();
        }
      }
      await sleep(300);
      going = false;
      await Promise.all(writers);

      const stored = new Map();
      for (const conversation of conversations) {
        for (let cursor = ''; cursor !== null;) {
          const page = await lasting.host.ok('GET', `/api/conversations/${conversation.id}/messages?limit=200${cursor && `&cursor=${encodeURIComponent(cursor)}`}`);
          for (const message of page.items) {
            assert.ok(!stored.has(message.id), 'a message is listed twice');
            stored.set(message.id, message.content);
          }
          cursor = page.next;
        }
      }
      const contents = [...stored.values()];
      assert.equal(new Set(contents).size, contents.length, 'a write was done twice');
      for (const [id, { content }] of acknowledged) assert.equal(stored.get(id), content, 'an acknowledged write is lost or changed');
      t.diagnostic(`${acknowledged.size} acknowledged writes, ${kills} kills`);
      assert.ok(acknowledged.size > kills * 4, `${acknowledged.size} writes only`);
    });
  }
});
