/** Processes that get little of a machine: nothing of theirs is ended, refused or parked for it. */
import { expect, test } from 'vitest';
import { loops, noPin, noQuota, pin } from './busy-machine.mjs';
import { Quota } from './quota.mjs';
import { type StarvedProcess, starvedProcess } from './starved.js';
import { afterTest } from './supervised.js';

/** How little a process gets. */
export type Share = { readonly quota: number } | { readonly loops: number; readonly oneCore?: boolean };

const inWords = (share: Share): string => {
  if ('quota' in share) return `with ${share.quota * 100} % of a core`;
  return share.oneCore ? `on one core with ${share.loops} loops` : `beside ${share.loops} loops`;
};

/** Why there is none of that here: the test is skipped, and its name says so. */
const hindrances = { quota: noQuota(), pin: noPin() };
const hindranceOf = (share: Share): string | undefined => {
  if ('quota' in share) return hindrances.quota;
  return share.oneCore ? hindrances.pin : undefined;
};

const starve = ({ child }: StarvedProcess, share: Share): void => {
  const pid = child.pid ?? 0;
  if ('quota' in share) {
    const quota = new Quota(pid);
    quota.set(share.quota);
    afterTest(() => quota.remove());
    return;
  }
  if (share.oneCore) pin(pid, 0);
  const { end } = loops(share.loops, share.oneCore ? 0 : undefined);
  afterTest(end);
};

export interface Starvation {
  readonly share: Share;
  /** So many children are started at once. */
  readonly count: number;
  /** Then they run for so long: ms. */
  readonly ms: number;
  /** They are started on the machine as it is, and get little from then on. */
  readonly onceStarted?: boolean;
  readonly hangTimeoutMs?: number;
  /** False alarms are reported only: this is less than is promised. */
  readonly isBeyond?: boolean;
}

/** All start, and none is ended. */
export const testStarved = (starvation: Starvation, timeoutMs: number): void => {
  const { share, isBeyond = false, onceStarted = false, ...order } = starvation;
  const hindrance = hindranceOf(share);
  const what = `${order.count} children ${inWords(share)}, hangTimeoutMs ${order.hangTimeoutMs ?? 10_000}, for ${order.ms / 1_000} s`;
  const run = hindrance === undefined ? test : test.skip;
  run(
    `${what}: all start, none is ended${hindrance === undefined ? '' : ` (skipped: ${hindrance})`}`,
    async () => {
      const process = starvedProcess();
      if (!onceStarted) starve(process, share);
      const started = process.event('test:started');
      process.order({ scenario: 'burst', ...order });
      await started;
      if (onceStarted) starve(process, share);
      const { failed, active, wrongs } = await process.result;
      if (isBeyond) console.log(`${what}: ${(wrongs as readonly string[]).length} false alarms`);
      else expect({ failed, active, wrongs }).toEqual({ failed: [], active: order.count, wrongs: [] });
    },
    timeoutMs,
  );
};

/** A real hang is found, within so many times its bound. */
export const testHang = (how: 'block' | 'spin', hangTimeoutMs: number, times: number, share?: Share): void => {
  const hindrance = share && hindranceOf(share);
  const run = hindrance === undefined ? test : test.skip;
  run(
    `a child that hangs (${how}) ${share ? inWords(share) : 'on a machine as it is'} is found, hangTimeoutMs ${hangTimeoutMs}`,
    async () => {
      const process = starvedProcess();
      if (share) starve(process, share);
      process.order({ scenario: 'hang', how, hangTimeoutMs });
      const { reason, afterMs } = await process.result;
      console.log(`found after ${(Number(afterMs) / hangTimeoutMs).toFixed(2)} times its bound`);
      expect(reason).toBe('hung');
      expect(afterMs).toBeLessThan(times * hangTimeoutMs);
    },
    times * hangTimeoutMs + 30_000,
  );
};
