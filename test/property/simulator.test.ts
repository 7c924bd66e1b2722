/** A bounded share of the simulator; `npm run simulate` runs as much as one likes. */
import { describe, expect, test } from 'vitest';
import { importTypeScript } from '../run/typescript.mjs';
import type * as Simulator from '../simulator/index.js';

// As the command runs it: bundled, which is several times as fast as modules that are looked up at each use.
const { Coverage, describeFailure, runSeed } = (await importTypeScript('test/simulator/index.ts')) as typeof Simulator;

const SEEDS = 100;
/** Of one test, which has its own time limit: a busy machine may have little time for it. */
const SHARE = 10;

const STATES = ['starting', 'fresh', 'refreshing', 'degraded', 'expired', 'parked'];
/** Every kind of the hostile server's. */
const FAULTS = [
  ...['status', 'redirect', 'members', 'body', 'truncated', 'duplicate_key', 'encoded', 'headers', 'wire'],
  ...['delivery', 'connection'],
];

const coverage = new Coverage();
let steps = 0;

describe('whatever happens to a credential, what is promised holds', () => {
  const firsts = Array.from({ length: SEEDS / SHARE }, (_, share) => 1 + share * SHARE);
  test.for(firsts)('from seed %i on', async (first, { signal }) => {
    for (let seed = first; seed < first + SHARE && !signal.aborted; seed += 1) {
      const run = await runSeed(seed, { coverage });
      expect(run.failure && describeFailure(run.failure)).toBeUndefined();
      steps += run.steps;
    }
  });
});

test('all that can happen to it has happened', () => {
  expect(steps).toBeGreaterThan(400 * SEEDS);
  const reached = (what: string): string[] => [...coverage.of(what).keys()];
  expect(reached('states')).toEqual(expect.arrayContaining(STATES));
  expect(reached('faults')).toEqual(expect.arrayContaining(FAULTS));
  expect(reached('outcomes')).toEqual(expect.arrayContaining(['answered', 'unread', 'lost', 'never_sent']));
  expect(reached('deliveries')).toEqual(
    expect.arrayContaining(['delayed', 'byte_by_byte', 'hang_before_headers', 'hang_in_body', 'reset', 'half_closed']),
  );
  expect(reached('events')).toEqual(
    expect.arrayContaining([
      ...['child:parked fatal_answer', 'child:parked ambiguous_exchange', 'child:resumed user', 'child:resumed probe'],
      ...['child:resumed secret', 'child:resumed update', 'token:withdrawn', 'token:expired', 'clock:stepped'],
    ]),
  );
  expect(reached('threads')).toEqual(
    expect.arrayContaining(['died deed', 'died word', 'ended', 'fenced', 'refused', 'frozen', 'thawed']),
  );
  expect(reached('processes')).toEqual(expect.arrayContaining(['killed', 'stopped', 'power_cut']));
  expect(reached('mints')).toEqual(expect.arrayContaining(['with the older secret', 'by the word of a user']));
  expect(reached('requests')).toContain('with a refresh token sent before');
});

test('the same seed, the same run', async () => {
  const digests = new Set<string | undefined>();
  for (let seed = 1; seed <= 12; seed += 1) {
    const [first, second] = [await runSeed(seed, { trace: true }), await runSeed(seed, { trace: true })];
    expect(second.digest).toBe(first.digest);
    digests.add(first.digest);
  }
  expect(digests.size).toBe(12);
});

test('a violation tells what was violated, what happened before, and how to see it again', async () => {
  let reads = 0;
  const invariants = () => {
    reads = 0;
    return [
      {
        name: 'nobody reads twice',
        check: ({ kind }: { kind: string }) => (kind === 'read' && ++reads > 1 ? 'it was read again' : undefined),
      },
    ];
  };
  const { failure } = await runSeed(3, { invariants });
  expect(failure).toMatchObject({ seed: 3, invariant: 'nobody reads twice', what: 'it was read again' });
  const told = describeFailure(failure!);
  expect(told).toContain(`seed 3, step ${failure!.step}: violates "nobody reads twice"`);
  expect(told.split('\n').at(-1)).toBe('  to replay: npm run simulate -- --seeds 1 --from 3');
  expect(failure!.last.at(-1)).toMatch(/kind: 'read'/);
});
