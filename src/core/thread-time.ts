/**
 * Reads how long a thread has run and how long it waited for a processor, so that a thread the scheduler starves does
 * not count as silent. The source is Linux's `/proc/self/task/TID/schedstat`; its second field counts the wait for a
 * processor, including a throttled control group. Elsewhere, and where the permission model forbids the read, the times
 * are unknown.
 */
import { readdirSync, readFileSync, readlinkSync } from 'node:fs';

const TASKS = '/proc/self/task';

/** The operating system's id of this thread; 0 if it is unknown. */
export const ownThreadId = (): number => {
  try {
    return Number(readlinkSync('/proc/thread-self').split('/').at(-1)) || 0;
  } catch {
    return 0;
  }
};

const threadIds = (): readonly string[] => {
  try {
    return readdirSync(TASKS);
  } catch {
    return [];
  }
};

/**
 * Runs `make`, which starts a thread, and finds the thread's id: 0 if it is unknown, or if another thread started
 * meanwhile.
 */
export const threadMadeBy = <T>(make: () => T): { readonly made: T; readonly threadId: number } => {
  const before = new Set(threadIds());
  const made = make();
  const fresh = threadIds().filter((id) => !before.has(id));
  return { made, threadId: fresh.length === 1 ? Number(fresh[0]) : 0 };
};

/** Times since the thread started. */
export interface ThreadTimes {
  /** How long it has run: ms. */
  readonly ranMs: number;
  /** How long it has waited for a processor: ms. A wait counts when it is over. */
  readonly waitedMs: number;
  /** It runs, or waits for a processor, at this moment. */
  readonly isRunnable: boolean;
}

const statisticsOf = (threadId: number): readonly number[] =>
  readFileSync(`${TASKS}/${threadId}/schedstat`, 'latin1').split(' ').map(Number);

/**
 * False where the kernel is built without these times: it reports 0 for every thread, also for this one, which has run.
 */
let isCounted: boolean | undefined;

/** Reads the times of a thread; undefined if they are unknown, or the thread has ended. */
export const threadTimes = (threadId: number): ThreadTimes | undefined => {
  if (threadId <= 0) return undefined;
  try {
    isCounted ??= statisticsOf(ownThreadId())[0] !== 0;
    const [ranNs = NaN, waitedNs = NaN] = statisticsOf(threadId);
    // The name before the state is in parentheses and may hold any character.
    const stat = readFileSync(`${TASKS}/${threadId}/stat`, 'latin1');
    const state = stat[stat.lastIndexOf(')') + 2];
    if (!isCounted || Number.isNaN(ranNs + waitedNs)) return undefined;
    return { ranMs: ranNs / 1e6, waitedMs: waitedNs / 1e6, isRunnable: state === 'R' };
  } catch {
    return undefined;
  }
};

/** Measures how much of the time that a watcher saw pass the thread could run. */
export class LivedTime {
  readonly #read: () => ThreadTimes | undefined;
  #last: ThreadTimes | undefined;

  constructor(read: () => ThreadTimes | undefined) {
    this.#read = read;
    this.#last = read();
  }

  /**
   * The time since the last call: `seenMs`, of the `elapsedMs` that have passed, less the thread's wait for a
   * processor. Below 0 if the end of a wait shows that earlier answers were too high. All of `seenMs` if the times are
   * unknown.
   */
  of(seenMs: number, elapsedMs: number): number {
    const last = this.#last;
    const now = this.#read();
    this.#last = now;
    if (!last || !now) return seenMs;
    const ranMs = now.ranMs - last.ranMs;
    const waitedMs = now.waitedMs - last.waitedMs;
    // It may have been waiting for long: only its run time is certain. This is how a busy loop is found.
    if (now.isRunnable) return ranMs + Math.min(0, elapsedMs - ranMs - waitedMs);
    return Math.max(seenMs - waitedMs, -elapsedMs);
  }
}
