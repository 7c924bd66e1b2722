// @ts-check
/**
 * When a token is replaced: the effect of each option on the schedule, as `status()` shows it.
 *
 * What you see: one credential a line. First the defaults for lives from a minute to a day, then the effect of each
 * option, by its name; `untold` is a token without `expires_in`. Up to 5 % of a life is jitter, so no two runs are the
 * same. At the end a credential with `eager: false`, and one whose first attempts fail.
 */
import assert from 'node:assert/strict';
import { credential, startSupervisor } from 'tokenvisor';

const MINUTE_S = 60;
const HOUR_S = 3_600;
const DAY_S = 86_400;

/**
 * @param {{ lifeS?: number, failures?: number }} options
 * @param {Partial<import('tokenvisor').CredentialOptions>} [tuning]
 */
const token = (options, tuning = {}) =>
  credential({ provider: new URL('./provider.js', import.meta.url), options, ...tuning });

const supervisor = await startSupervisor(
  {
    '1m': token({ lifeS: MINUTE_S }),
    '1h': token({ lifeS: HOUR_S }),
    '24h': token({ lifeS: DAY_S }),
    untold: token({}),
    '1h/leadMs:1800000': token({ lifeS: HOUR_S }, { leadMs: 1_800_000 }),
    '1h/leadMs:0': token({ lifeS: HOUR_S }, { leadMs: 0 }),
    '1h/leadMs:0/marginMs:120000': token({ lifeS: HOUR_S }, { leadMs: 0, marginMs: 120_000 }),
    '24h/refreshEveryMs:3600000': token({ lifeS: DAY_S }, { refreshEveryMs: HOUR_S * 1_000 }),
    'untold/assumeLifetimeMs:900000': token({}, { assumeLifetimeMs: 900_000 }),
    'untold/refreshEveryMs:600000': token({}, { refreshEveryMs: 600_000 }),
    lazy: token({ lifeS: HOUR_S }, { eager: false }),
    '1h/retryEveryMs:1000': token({ lifeS: HOUR_S, failures: 2 }, { retryEveryMs: 1_000 }),
  },
  { ref: true }, // Waiting for an event holds no process open; this does, until close().
);
supervisor.on('mint:failed', ({ name, nextAttemptAtMs = 0 }) => {
  console.log(`event: '${name}' has failed, and tries again in ${nextAttemptAtMs - Date.now()} ms`);
});
// All but the lazy one. Events before the first listener are held for it.
const minted = new Set();
await new Promise((resolve) => {
  supervisor.on('mint:succeeded', ({ name }) => {
    if (minted.add(name).size === Object.keys(supervisor.children).length - 1) resolve(undefined);
  });
});

/** @param {number} ms */
const inWords = (ms) => (ms === Infinity ? 'never' : `after ${(ms / 1_000).toFixed(0)} s`);

console.log(`\n${'a token that lives for'.padEnd(36)}${'is replaced'.padEnd(18)}expires`);
for (const [name, api] of Object.entries(supervisor.children)) {
  const { issuedAtMs, refreshAtMs = Infinity, expiresAtMs = Infinity } = api.status();
  if (issuedAtMs === undefined) continue;
  assert.ok(refreshAtMs < expiresAtMs);
  console.log(`${name.padEnd(36)}${inWords(refreshAtMs - issuedAtMs).padEnd(18)}${inWords(expiresAtMs - issuedAtMs)}`);
}

console.log('(untold: a response without expires_in)');

const { lazy } = supervisor.children;
console.log(
  `\nlazy: ${lazy.status().state}, ${lazy.status().attempts} attempts; asked for, it has ${await lazy.get()}`,
);
assert.equal(lazy.status().attempts, 1);

await supervisor.close();
