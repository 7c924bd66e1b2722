/** Whatever the store does, and whenever: readers never believe what is too old, and the ledger never stops trying. */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import {
  freshness,
  initialFreshness,
  type FreshnessEvent,
  type FreshnessState,
} from '../../src/kinds/ledger/ledger-freshness.js';
import { VALID_FOREVER } from '../../src/memory/valid-until.js';

const steps = fc.array(
  fc.record({
    passMs: fc.oneof(fc.nat(300), fc.nat(8_000)),
    stepMs: fc.oneof(
      { weight: 9, arbitrary: fc.constant(0) },
      { weight: 1, arbitrary: fc.integer({ min: -1e7, max: 1e7 }) },
    ),
    // What becomes of what is in flight: nothing yet, a failure, or a success.
    comes: fc.constantFrom('nothing', 'failure', 'success', 'success'),
    changed: fc.boolean(),
  }),
  { maxLength: 120 },
);

test.each([
  [false, false],
  [false, true],
  [true, true],
])('exclusive: %s, held: %s', (exclusive, held) => {
  fc.assert(
    fc.property(
      steps,
      fc.integer({ min: 2_000, max: 20_000 }),
      fc.double({ min: 0, max: 0.99, noNaN: true }),
      (run, maxStalenessMs, r) => {
        let state: FreshnessState = initialFreshness;
        let [monoMs, wallMs] = [5_000, 1.7e12];
        let wakeMonoMs: number | undefined;
        let began = { monoMs, wallMs };
        /** How long ago the look in flight began, and the last good one (undefined: there was none); a step forward may be a suspend. */
        let beganAgoMs = 0;
        let goodAgoMs: number | undefined;
        /** One in which the clock was stepped is none: it may have been a suspend, and what was seen of before. */
        let steppedSince = false;
        let told: string | undefined;
        let stepped = false;
        const on = (event: FreshnessEvent): void => {
          const next = freshness(state, event, { maxStalenessMs }, { monoMs, wallMs }, () => r);
          state = next.state;
          for (const effect of next.effects) {
            if (effect.kind === 'wake') wakeMonoMs = effect.atMonoMs;
            if (effect.kind === 'start') [began, beganAgoMs, steppedSince] = [{ monoMs, wallMs }, 0, false];
            if (effect.kind !== 'tell') continue;
            // Only what is news.
            expect(effect.what).not.toBe(told);
            told = effect.what;
          }
        };
        const settle = (ok: boolean): void => {
          if (!state.task) return;
          if (!ok) return on({ kind: 'failed' });
          if (state.task === 'open') return on({ kind: 'store_opened', exclusive, held });
          if (exclusive || !steppedSince) goodAgoMs = beganAgoMs;
          on({ kind: state.task === 'load' ? 'loaded' : 'looked', began, held });
        };
        const age = (byMs: number): void => {
          beganAgoMs += byMs;
          if (goodAgoMs !== undefined) goodAgoMs += byMs;
        };
        on({ kind: 'started', validUntilS: 0, exclusive });
        for (const { passMs, stepMs, comes, changed } of run) {
          const untilMonoMs = monoMs + passMs;
          // Timers fire when they are due.
          while (wakeMonoMs !== undefined && wakeMonoMs <= untilMonoMs) {
            const atMs = Math.max(monoMs, wakeMonoMs);
            age(atMs - monoMs);
            wallMs += atMs - monoMs;
            monoMs = atMs;
            wakeMonoMs = undefined;
            on({ kind: 'woken' });
          }
          age(untilMonoMs - monoMs);
          wallMs += untilMonoMs - monoMs;
          monoMs = untilMonoMs;
          if (stepMs !== 0) {
            age(Math.max(0, stepMs));
            wallMs += stepMs;
            [stepped, steppedSince] = [true, true];
            on({ kind: 'clock_stepped' });
          }
          if (changed) on({ kind: 'changed' });
          if (comes !== 'nothing') settle(comes === 'success');
          const open = state.validUntilS === VALID_FOREVER || state.validUntilS * 1_000 > wallMs;
          if (goodAgoMs === undefined) expect(open).toBe(false);
          else if (exclusive) expect(open).toBe(true);
          else if (open) expect(goodAgoMs).toBeLessThan(maxStalenessMs);
          // Rounded to a second, and once more after a step of the clock.
          else expect(goodAgoMs).toBeGreaterThan(maxStalenessMs - (stepped ? 2_002 : 1_001));
          // There is always something under way or to come, but where there is nothing to do.
          if (!(exclusive && goodAgoMs !== undefined))
            expect(state.task !== undefined || wakeMonoMs !== undefined).toBe(true);
          if (told === 'opened') expect(state.validUntilS).not.toBe(0);
          if (told === 'closed') expect(open).toBe(false);
        }
      },
    ),
    { numRuns: 500 },
  );
});
