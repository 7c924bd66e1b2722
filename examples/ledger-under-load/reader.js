// @ts-check
import { randomUUID } from 'node:crypto';
import { parentPort, workerData } from 'node:worker_threads';
import { attach } from 'tokenvisor';

/** @type {{ revoked: import('tokenvisor/inbound').TransferableLedger<false>, jtis: string[], counters: BigInt64Array, nth: number }} */
const { revoked: handle, jtis, counters, nth } = workerData;
const revoked = attach(handle);
const others = Array.from({ length: jtis.length }, () => randomUUID());
const ROUND = 10_000;

/** Wrong answers: a revoked token as good, or a good one as revoked. */
let wrong = 0;
let at = 0;
const lookUp = () => {
  for (let looked = 0; looked < ROUND; looked += 2) {
    at = (at + 1) % jtis.length;
    if (!revoked.isJtiRevoked(jtis[at] ?? '')) wrong += 1;
    if (revoked.isJtiRevoked(others[at] ?? '')) wrong += 1;
  }
  Atomics.add(counters, nth, BigInt(ROUND));
  setImmediate(lookUp);
};

parentPort?.on('message', ({ check }) => {
  const missed = check.filter((/** @type {string} */ jti) => !revoked.isJtiRevoked(jti)).length;
  const invented = others.filter((jti) => revoked.isJtiRevoked(jti)).length;
  parentPort?.postMessage({ missed, invented, wrong });
});
parentPort?.postMessage('ready');
lookUp();
