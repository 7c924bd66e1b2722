/** A lookup of a break-glass token, by the token and by another. */
import { startSupervisor } from 'tokenvisor';
import { breakGlass } from 'tokenvisor/inbound';
import { median } from '../statistics.mjs';

/** @param {import('../harness.mjs').Harness} harness */
export const run = async (harness) => {
  const supervisor = await startSupervisor({ door: breakGlass() });
  await supervisor.ready();
  const { door } = supervisor.children;
  const { token } = await door.buildAndStore();
  const other = `${token.slice(0, -2)}${token.endsWith('AA') ? 'BB' : 'AA'}`;
  /** @param {string} given @param {boolean} expected @returns {import('../harness.mjs').Batch} */
  const lookups = (given, expected) => {
    const bytes = Buffer.from(given);
    return (count) => {
      let found = 0;
      // A string of its own each time, as it comes with a request.
      for (let index = 0; index < count; index += 1) if (door.lookup(bytes.toString('latin1'))) found += 1;
      if (found !== (expected ? count : 0)) throw new Error(`Expected ${expected ? count : 0} matches, got ${found}`);
      return found + 1;
    };
  };
  const series = await harness.throughput({
    'break-glass lookup, the token': lookups(token, true),
    'break-glass lookup, another': lookups(other, false),
  });
  for (const [name, values] of Object.entries(series)) harness.figure(`${name}, ns`, median(values), { atMost: 2_000 });
  await supervisor.close();
};
