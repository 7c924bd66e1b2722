/** `isJtiRevoked(uuid)` with a million revocations, beside a Redis of the same keys over loopback, and LMDB in this process. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { open } from 'lmdb';
import { startSupervisor } from 'tokenvisor';
import { revocationLedger } from 'tokenvisor/inbound';
import { median } from '../statistics.mjs';
import { uuidOf } from '../table/keys.mjs';
import { freshKeys, lookingFor } from '../table/fresh-keys.mjs';
import { startRedis } from './redis.mjs';

const PIPELINED = 1_000;
/** The first uuid that is not revoked. */
const OTHERS = 2 ** 30;

const tokensOf = function* (/** @type {number} */ count) {
  const part = (/** @type {object} */ value) => Buffer.from(JSON.stringify(value)).toString('base64url');
  const header = part({ alg: 'none' });
  for (let index = 0; index < count; index += 1) yield `${header}.${part({ jti: uuidOf(index) })}.`;
};

/** @param {import('ioredis').Redis} client @param {number} entries */
const fillRedis = async (client, entries) => {
  for (let first = 0; first < entries; first += PIPELINED) {
    await client.mset(Array.from({ length: 2 * PIPELINED }, (_, at) => (at % 2 === 0 ? uuidOf(first + at / 2) : '1')));
  }
};

/** @param {import('../harness.mjs').Harness} harness @param {{ entries: number }} bench */
export const run = async (harness, { entries: most }) => {
  const entries = Math.min(most, 1_000_000);
  const supervisor = await startSupervisor({ revoked: revocationLedger() });
  await supervisor.ready();
  const { revoked } = supervisor.children;
  const startedAt = performance.now();
  await revoked.revokeMany(tokensOf(entries), { verified: true });
  harness.figure(
    'revokeMany() of verified tokens, memory store, thousands a second',
    entries / (performance.now() - startedAt),
  );

  const folder = mkdtempSync(path.join(tmpdir(), 'tokenvisor-bench-'));
  const lmdb = open({ path: folder, encoding: 'binary' });
  lmdb.transactionSync(() => {
    for (let index = 0; index < entries; index += 1) void lmdb.put(uuidOf(index), Buffer.of(1));
  });
  const redis = await startRedis();
  if (redis.client) await fillRedis(redis.client, entries);
  else harness.note(`EXISTS of Redis was skipped: ${redis.missing.split('\n', 1)[0]}`);

  const count = (/** @type {readonly string[]} */ keys, /** @type {(key: string) => boolean} */ has) => {
    let found = 0;
    for (const key of keys) if (has(key)) found += 1;
    return found;
  };
  const hits = freshKeys(entries, 0);
  const misses = freshKeys(entries, OTHERS);
  const isRevoked = (/** @type {readonly string[]} */ keys) => count(keys, (key) => revoked.isJtiRevoked(key));
  const inLmdb = (/** @type {readonly string[]} */ keys) => count(keys, (key) => lmdb.get(key) !== undefined);
  const { client } = redis;
  const oneByOne = async (/** @type {readonly string[]} */ keys) => {
    let found = 0;
    for (const key of keys) found += (await client?.exists(key)) ?? NaN;
    return found;
  };
  const pipelined = async (/** @type {readonly string[]} */ keys) => {
    let found = 0;
    for (let at = 0; at < keys.length; at += PIPELINED) {
      const pipeline = client?.pipeline();
      for (const key of keys.slice(at, at + PIPELINED)) pipeline?.exists(key);
      for (const [, answer] of (await pipeline?.exec()) ?? []) found += Number(answer);
    }
    return found;
  };
  const series = await harness.throughput({
    'isJtiRevoked(uuid), revoked': lookingFor(hits, true, isRevoked),
    'isJtiRevoked(uuid), not revoked': lookingFor(misses, false, isRevoked),
    'get of LMDB, there': lookingFor(hits, true, inLmdb),
    'get of LMDB, not there': lookingFor(misses, false, inLmdb),
    ...(client && {
      'EXISTS of Redis, one call at a time': lookingFor(hits, true, oneByOne),
      [`EXISTS of Redis, ${PIPELINED} pipelined`]: lookingFor(hits, true, pipelined),
    }),
  });
  const hit = series['isJtiRevoked(uuid), revoked'];
  const miss = series['isJtiRevoked(uuid), not revoked'];
  harness.figure('isJtiRevoked(uuid), revoked, ns', median(hit ?? []), { atMost: 600 });
  harness.figure('isJtiRevoked(uuid), not revoked, ns', median(miss ?? []), { atMost: 600 });
  harness.ratio('get of LMDB over isJtiRevoked, there', series['get of LMDB, there'], hit, { atLeast: 1 });
  harness.ratio('get of LMDB over isJtiRevoked, not there', series['get of LMDB, not there'], miss, { atLeast: 1 });
  if (client) {
    const single = series['EXISTS of Redis, one call at a time'];
    harness.ratio('EXISTS of Redis, one at a time, over isJtiRevoked', single, hit, { atLeast: 20 });
    // A request that waits for its answer has nothing to pipeline: it is told what a batch could have.
    harness.ratio(
      'EXISTS of Redis, pipelined, over isJtiRevoked',
      series[`EXISTS of Redis, ${PIPELINED} pipelined`],
      hit,
    );
  }
  await lmdb.close();
  rmSync(folder, { recursive: true, force: true });
  await redis.stop?.();
  await supervisor.close();
};
