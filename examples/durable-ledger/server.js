// @ts-check
import { writeSync } from 'node:fs';
import { startSupervisor } from 'tokenvisor';
import { revocationLedger } from 'tokenvisor/inbound';
import { lmdbStore } from 'tokenvisor/storage';

const [directory = '', upTo = '0'] = process.argv.slice(2);
/** Synchronous, so that the last lines before a kill are written. @param {string} line */
const say = (line) => writeSync(1, `${line}\n`);

const startMs = performance.now();
const supervisor = await startSupervisor({ revoked: revocationLedger({ store: lmdbStore(directory) }) }, { ref: true });
const { revoked } = supervisor.children;
say(`server ${process.pid}: before its ledger is loaded, a token that is not revoked is ${answer('a guess')}`);
await supervisor.ready();
const tookMs = Math.round(performance.now() - startMs);
say(`  after ${tookMs} ms it has ${revoked.size()} revocations, and that token is ${answer('a guess')}`);
const all = Array.from({ length: Number(upTo) }, (_, nth) => `token-${nth}`);
say(JSON.stringify(all.filter((jti) => revoked.isJtiRevoked(jti))));

/** @param {string} jti */
function answer(jti) {
  return revoked.isJtiRevoked(jti) ? 'revoked' : 'good';
}

let next = Number(upTo);
const revokeForEver = async () => {
  for (;;) {
    const jti = `token-${next++}`;
    // When this has resolved, it is on the disk, and every thread sees it.
    await revoked.revokeJti(jti, { expiresAtMs: Date.now() + 3_600_000 });
    say(jti);
  }
};
await Promise.all(Array.from({ length: 50 }, revokeForEver));
