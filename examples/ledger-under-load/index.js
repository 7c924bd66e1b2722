// @ts-check
/**
 * Lookups in a ledger from several threads, while tokens are revoked; prints the lookups a second.
 *
 * What you see: twenty thousand tokens are revoked to begin with. Then reader threads look up tokens as fast as they can,
 * while the main thread goes on revoking, and its actor is killed once: the readers never stop, and until
 * the next actor runs, nothing can be revoked. At the end every reader finds every revocation, and no other.
 */
import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { availableParallelism } from 'node:os';
import { setTimeout as sleep } from 'node:timers/promises';
import { Worker } from 'node:worker_threads';
import { startSupervisor } from 'tokenvisor';
import { revocationLedger } from 'tokenvisor/inbound';
import { killChildThread } from 'tokenvisor/testing';

const SECONDS = 4;
const EVERY_MS = 250;
const EXPIRES_AT_MS = Date.now() + 3_600_000;

const supervisor = await startSupervisor({ revoked: revocationLedger({ maxEntries: 1_000_000 }) });
await supervisor.ready();
const { revoked } = supervisor.children;

/** As verified JWTs. @param {string} jti */
const tokenOf = (jti) =>
  `e30.${Buffer.from(JSON.stringify({ jti, exp: EXPIRES_AT_MS / 1_000 })).toString('base64url')}.`;
/** @type {string[]} */
const jtis = Array.from({ length: 20_000 }, () => randomUUID());
const startMs = performance.now();
await revoked.revokeMany(jtis.map(tokenOf), { verified: true });
console.log(`${revoked.size()} tokens revoked in ${((performance.now() - startMs) / 1_000).toFixed(1)} s`);

const counters = new BigInt64Array(new SharedArrayBuffer(64));
const readers = Array.from({ length: Math.max(1, availableParallelism() - 1) }, (_, nth) => {
  const workerData = { revoked: revoked.handle(), jtis: jtis.slice(0, 10_000), counters, nth };
  return new Worker(new URL('./reader.js', import.meta.url), { workerData });
});
await Promise.all(readers.map((reader) => once(reader, 'message')));
supervisor.once('child:exited', () => console.log('\nThe actor was killed.'));
supervisor.once('child:restarted', () => console.log('\nIts successor has adopted the table.'));

let before = 0n;
let slowest = Infinity;
const isTerminal = process.stdout.isTTY;
for (let step = 1; step <= (SECONDS * 1_000) / EVERY_MS; step += 1) {
  const fromMs = performance.now();
  const more = Array.from({ length: 200 }, () => randomUUID());
  if (step === 8) void killChildThread(supervisor, 'revoked');
  const answers = await Promise.allSettled(more.map((jti) => revoked.revokeJti(jti, { expiresAtMs: EXPIRES_AT_MS })));
  // A call refused without an actor was not done; an acknowledged one was.
  const done = more.filter((_, nth) => answers[nth]?.status === 'fulfilled');
  for (const jti of done) assert.ok(revoked.isJtiRevoked(jti));
  jtis.push(...done);
  const tookMs = performance.now() - fromMs;
  await sleep(Math.max(0, EVERY_MS - tookMs));
  const lookups = readers.reduce((sum, _, nth) => sum + Atomics.load(counters, nth), 0n);
  const perSecond = Number(lookups - before) / ((performance.now() - fromMs) / 1_000);
  before = lookups;
  if (step > 1) slowest = Math.min(slowest, perSecond);
  const millions = (perSecond / 1e6).toFixed(2);
  const line = `${millions} M lookups a second by ${readers.length} threads; ${done.length} of ${more.length} revoked in ${tookMs.toFixed(0)} ms; ${revoked.size()} in all`;
  process.stdout.write(isTerminal ? `\r${line}\x1b[K` : `${line}\n`);
}

console.log(`\nNever fewer than ${(slowest / 1e6).toFixed(2)} M a second`);
assert.ok(slowest > 0);
for (const reader of readers) {
  reader.postMessage({ check: jtis });
  const [{ missed, invented, wrong }] = await once(reader, 'message');
  console.log(`A reader: ${missed} of ${jtis.length} revocations missed, ${invented} false ones found`);
  assert.deepEqual({ missed, invented, wrong }, { missed: 0, invented: 0, wrong: 0 });
  await reader.terminate();
}
await supervisor.close();
