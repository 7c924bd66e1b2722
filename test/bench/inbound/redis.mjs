/** A Redis server of Debian's, for what a ledger is measured against. */
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { Redis } from 'ioredis';
import { installFromDebian } from '../../run/debian.mjs';

const isThere = () => spawnSync('redis-server', ['--version']).status === 0;

const freePort = async () => {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = /** @type {import('node:net').AddressInfo} */ (server.address());
  server.close();
  await once(server, 'close');
  return port;
};

/** A server that keeps nothing on the disk, and a client of it; or why there is none. */
export const startRedis = async () => {
  const missing = installFromDebian('redis-server', isThere);
  if (missing !== undefined) return { missing };
  const folder = mkdtempSync(path.join(tmpdir(), 'tokenvisor-redis-'));
  const port = await freePort();
  const settings = { port, bind: '127.0.0.1', dir: folder, save: '', appendonly: 'no' };
  const given = Object.entries(settings).flatMap(([name, value]) => [`--${name}`, String(value)]);
  const server = spawn('redis-server', given, { stdio: 'ignore' });
  const ended = once(server, 'exit');
  process.once('exit', () => server.kill());
  const client = new Redis(port, '127.0.0.1', { retryStrategy: () => 50, maxRetriesPerRequest: 200 });
  client.on('error', () => undefined); // Until it listens.
  await client.ping();
  return {
    client,
    stop: async () => {
      client.disconnect();
      server.kill();
      await ended;
      rmSync(folder, { recursive: true, force: true });
    },
  };
};
