/** A token set: lookups, inserts one at a time through the mailbox, and a million in bulk. All for information. */
import { createHash } from 'node:crypto';
import { startSupervisor } from 'tokenvisor';
import { tokenSet } from 'tokenvisor/inbound';
import { median } from '../statistics.mjs';
import { uuidOf } from '../table/keys.mjs';

const SAMPLE = 100_000;

/** 43 characters, as 32 random bytes are written. @param {number} index */
const opaqueOf = (index) => createHash('sha256').update(String(index)).digest('base64url');

/** @param {import('../harness.mjs').Harness} harness @param {{ entries: number }} bench */
export const run = async (harness, { entries: most }) => {
  const entries = Math.min(most, 1_000_000);
  const supervisor = await startSupervisor({ sessions: tokenSet({ maxEntries: 4_000_000 }) });
  await supervisor.ready();
  const { sessions } = supervisor.children;
  const expiresAtMs = Date.now() + 86_400_000;
  const items = function* () {
    for (let index = 0; index < entries; index += 1) yield { token: uuidOf(index), expiresAtMs };
  };
  const startedAt = performance.now();
  await sessions.insertMany(items());
  harness.figure('insertMany() of uuids, millions a second', entries / (performance.now() - startedAt) / 1_000);

  const opaque = Array.from({ length: SAMPLE }, (_, index) => opaqueOf(index));
  await sessions.insertMany(opaque.map((token) => ({ token, expiresAtMs })));
  const uuids = Array.from({ length: SAMPLE }, (_, index) => uuidOf(index * Math.floor(entries / SAMPLE)));
  /** @param {readonly string[]} tokens @returns {import('../harness.mjs').Batch} */
  const lookups = (tokens) => (count) => {
    let found = 0;
    for (let index = 0; index < count; index += 1) if (sessions.exists(tokens[index % SAMPLE] ?? '')) found += 1;
    if (found !== count) throw new Error(`Expected ${count} hits, got ${found}`);
    return found;
  };
  const series = await harness.throughput({
    'exists(uuid)': lookups(uuids),
    'exists(opaque token)': lookups(opaque),
  });
  for (const [name, values] of Object.entries(series)) harness.figure(`${name}, ns`, median(values));

  let next = entries;
  const inserts = await harness.latency({
    'insert(), one at a time': async () => {
      await sessions.insert(uuidOf((next += 1)), { expiresAtMs });
      return next;
    },
  });
  harness.figure('insert(), one at a time, us', median(inserts['insert(), one at a time'] ?? []));
  await supervisor.close();
};
