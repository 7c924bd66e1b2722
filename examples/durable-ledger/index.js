// @ts-check
/**
 * A ledger of revocations on disk (lmdb), and a server that is killed with revocations under way.
 *
 * What you see: a server process revokes tokens as fast as it can, and prints each acknowledged one. It is killed by
 * SIGKILL meanwhile, and another one is started on the same directory: it has every acknowledged
 * revocation. Until it has loaded them, it answers that every token is revoked. This happens three times.
 */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';

const directory = await mkdtemp(path.join(tmpdir(), 'durable-ledger-'));
const SERVER = fileURLToPath(new URL('./server.js', import.meta.url));

/** The output of a server, line by line. @param {number} upTo */
const startServer = (upTo) => {
  const server = spawn(process.execPath, [SERVER, directory, String(upTo)], {
    stdio: ['ignore', 'pipe', 'inherit'],
    detached: true, // It and its child processes form a process group.
  });
  const exit = once(server, 'exit');
  /** @type {string[]} */
  const lines = [];
  const reading = createInterface({ input: server.stdout }).on('line', (line) => lines.push(line));
  const end = once(reading, 'close');
  return {
    lines,
    kill: async () => {
      process.kill(-(server.pid ?? 0), 'SIGKILL');
      await Promise.all([exit, end]);
    },
  };
};

/** @type {Set<string>} */
const acknowledged = new Set();
let upTo = 0;
for (let round = 1; round <= 4; round += 1) {
  const server = startServer(upTo);
  while (server.lines.length < 3) await sleep(5);
  const [closed = '', opened = '', knows = ''] = server.lines;
  console.log(closed);
  console.log(opened);
  const known = new Set(JSON.parse(knows));
  const lost = [...acknowledged].filter((jti) => !known.has(jti));
  console.log(`  of ${acknowledged.size} acknowledged revocations, it has lost ${lost.length}`);
  assert.deepEqual(lost, []);
  if (round < 4) await sleep(250);
  await server.kill();
  for (const jti of server.lines.slice(3)) acknowledged.add(jti);
  upTo = Math.max(0, ...[...acknowledged].map((jti) => Number(jti.slice('token-'.length)))) + 100;
  console.log(`  killed by SIGKILL, when it had acknowledged ${server.lines.length - 3} more`);
}
assert.ok(acknowledged.size > 0);
await rm(directory, { recursive: true, maxRetries: 20, retryDelay: 100 });
