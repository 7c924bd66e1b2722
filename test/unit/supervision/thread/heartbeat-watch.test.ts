import { describe, expect, it } from 'vitest';
import { BootWatch, HeartbeatWatch, type WatchedThread } from '../../../../src/supervision/thread/heartbeat-watch.js';
import type { ThreadTimes } from '../../../../src/core/thread-time.js';

const LOOK_MS = 100;

/** What a thread does while it is looked at. */
type Doing = 'sleeps' | 'runs' | 'waits';

/** A thread and the machine that it is on, as a watcher sees them. */
const start = ({ isTold = true } = {}) => {
  let [nowMs, tick] = [0, 0];
  const times = { ranMs: 0, waitedMs: 0, isRunnable: false };
  let waitingMs = 0;
  const ports = {
    nowMs: () => nowMs,
    threadTimes: (): ThreadTimes | undefined => (isTold ? { ...times } : undefined),
  };
  const thread: WatchedThread = { tick: () => tick, threadId: () => 1 };
  /** It does so for `ms`; a wait counts when it is over. */
  const passes = (ms: number, doing: Doing): void => {
    nowMs += ms;
    if (doing === 'waits') waitingMs += ms;
    else [times.waitedMs, waitingMs] = [times.waitedMs + waitingMs, 0];
    if (doing === 'runs') times.ranMs += ms;
    times.isRunnable = doing !== 'sleeps';
  };
  /** When it is found to hang, in looks of `everyMs` for `forMs`; undefined if it is not. */
  const found = (watch: HeartbeatWatch, forMs: number, doing: Doing | ((look: number) => Doing), everyMs = LOOK_MS) => {
    const fromMs = nowMs;
    for (let look = 0; nowMs < fromMs + forMs; look += 1) {
      passes(everyMs, typeof doing === 'string' ? doing : doing(look));
      if (watch.isSilent(LOOK_MS)) return nowMs - fromMs;
    }
    return undefined;
  };
  return {
    ...{ ports, thread, passes, found },
    beats: () => void (tick += 1),
    watch: (timeoutMs: number) => new HeartbeatWatch(thread, timeoutMs, ports),
  };
};

describe('a heartbeat that stands still', () => {
  it.each(['sleeps', 'runs'] as const)('of a thread that %s is a hang, within twice its bound', (doing) => {
    const { watch, found } = start();
    const atMs = found(watch(10_000), 60_000, doing);
    expect(atMs).toBeGreaterThanOrEqual(10_000);
    expect(atMs).toBeLessThanOrEqual(20_000);
  });

  it('is looked at closely for half a second at the least', () => {
    const { watch, found } = start();
    const atMs = found(watch(200), 60_000, 'sleeps');
    expect(atMs).toBeGreaterThanOrEqual(600);
    expect(atMs).toBeLessThanOrEqual(1_000);
  });

  it('is a hang where the system tells nothing', () => {
    const { watch, found } = start({ isTold: false });
    expect(found(watch(10_000), 60_000, 'sleeps')).toBeLessThanOrEqual(20_000);
  });

  it('begins anew with each beat', () => {
    const { watch, found, beats } = start();
    const watching = watch(1_000);
    for (let beat = 0; beat < 20; beat += 1) {
      expect(found(watching, 900, 'sleeps')).toBeUndefined();
      beats();
    }
  });

  it('of a thread that waits for a processor is none, until the ceiling', () => {
    const { watch, found } = start();
    expect(found(watch(1_000), 7_900, 'waits')).toBeUndefined();
    const other = start();
    expect(other.found(other.watch(1_000), 60_000, 'waits')).toBe(8_000);
  });

  it('of a thread that had to wait before it was looked at closely has that taken off', () => {
    const { watch, found } = start();
    const watching = watch(1_000);
    // 900 ms of waiting that ends in the first close look: 500 of them were counted as silence.
    found(watching, 900, 'waits');
    expect(found(watching, 500, 'sleeps')).toBeUndefined();
  });

  it('of a thread that sleeps while looks are late now and then is a hang, if most are in time', () => {
    const atTimes = (lateEvery: number): number | undefined => {
      const { watch, passes, ports } = start();
      const watching = watch(10_000);
      for (let look = 1; ports.nowMs() < 79_000; look += 1) {
        passes(look % lateEvery === 0 ? 300 : LOOK_MS, 'sleeps');
        if (watching.isSilent(LOOK_MS)) return ports.nowMs();
      }
      return undefined;
    };
    expect(atTimes(20)).toBeLessThanOrEqual(20_000);
    // It may wait for a lock of a thread that waits for a processor.
    expect(atTimes(2)).toBeUndefined();
  });

  it('of a thread that gets a twentieth of a processor counts the twentieth', () => {
    const { watch, found } = start();
    // 5 ms of each 100: the rest is a wait that is over by the next look.
    const atMs = found(watch(1_000), 7_900, (look) => (look % 20 === 0 ? 'runs' : 'waits'));
    expect(atMs).toBeUndefined();
  });

  it('counts for little where the looks are late: the machine is busy, or was frozen', () => {
    const { watch, found } = start({ isTold: false });
    const watching = watch(1_000);
    expect(found(watching, 60_000, 'sleeps', 2_000)).toBeUndefined();
    // One look after a freeze of 40 s.
    expect(found(watching, 40_000, 'sleeps', 40_000)).toBeUndefined();
    // A thread that sleeps for ever is found even so.
    expect(found(watching, 3_600_000, 'sleeps', 2_000)).toBeDefined();
  });
});

describe('a watcher that has other work', () => {
  const busy = (ranShare: number) => {
    const { ports, thread, found } = start({ isTold: false });
    const own = { ...ports, ownTimes: () => ({ ranMs: ranShare * ports.nowMs(), waitedMs: 0, isRunnable: true }) };
    return found(new HeartbeatWatch(thread, 1_000, own), 60_000, 'sleeps', 2_000);
  };

  it('is late by its own work, and has seen what it should have', () => {
    expect(busy(0.98)).toBeLessThanOrEqual(30_000);
  });

  it('is late by the machine, and has seen little', () => {
    expect(busy(0.5)).toBeUndefined();
  });
});

describe('a boot', () => {
  const boot = (doing: Doing, { entersAtMs = Infinity, everyMs = LOOK_MS, isTold = true } = {}) => {
    const { ports, thread, passes, beats } = start({ isTold });
    const watch = new BootWatch(thread, { silentMs: 10_000, initMs: 30_000 }, ports);
    let entered = false;
    for (; ports.nowMs() < 400_000;) {
      passes(everyMs, doing);
      if (!entered && ports.nowMs() >= entersAtMs) {
        beats();
        entered = true;
      }
      const overdue = watch.overdue(LOOK_MS);
      if (overdue) return { overdue, atMs: ports.nowMs() };
    }
    return undefined;
  };

  it('that never comes to our entry is silent, long before its init would be late', () => {
    expect(boot('sleeps')).toEqual({ overdue: 'silent', atMs: 10_000 });
    expect(boot('runs')).toEqual({ overdue: 'silent', atMs: 10_000 });
  });

  it('whose init does not end is late', () => {
    expect(boot('runs', { entersAtMs: 500 })).toEqual({ overdue: 'init', atMs: 30_000 });
  });

  it('is bounded by what the thread has had of a processor, up to the ceiling', () => {
    expect(boot('waits', { entersAtMs: 500 })).toEqual({ overdue: 'init', atMs: 240_000 });
  });

  it('does not count a freeze', () => {
    expect(boot('sleeps', { entersAtMs: 500, everyMs: 40_000, isTold: false })).toBeUndefined();
  });
});
