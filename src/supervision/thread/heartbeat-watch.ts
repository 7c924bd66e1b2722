/**
 * Watches a thread from another one: a heartbeat that stands still for too long means hung, a boot that takes too long
 * has failed. A busy or frozen machine must not count as either.
 *
 * Silence is counted in checks by the watcher. A late check (a suspend, a stop, a throttled or busy machine) counts for
 * little, since the other thread may have been kept from running as well. The time that a thread has waited for a
 * processor is subtracted, where the system provides it.
 */
import { systemClock } from '../../core/clock.js';
import { LivedTime, threadTimes, type ThreadTimes } from '../../core/thread-time.js';

/** A check is late if it took more than this many times its interval. */
const LATE = 1.5;
/**
 * The share of a late check that counts, so that a sleeping thread is detected even on a machine that is always busy.
 */
const LATE_SHARE = 1 / 16;
/**
 * During confirmation, a late check subtracts this many times its interval: a sleeping thread may wait for a lock of a
 * thread that waits for a processor.
 */
const LATE_TAKES_BACK = 2;
/** How long a silent thread is confirmed at least, before it counts as hung: ms. */
const LEAST_CONFIRMED_MS = 500;
/** The most silence that the watcher counts, in multiples of the bound, whatever the system reports. */
const CEILING = 8;

interface Look {
  /** The time since the last check. */
  readonly elapsedMs: number;
  /** The part of it that counts as observed. */
  readonly seenMs: number;
  readonly isLate: boolean;
}

/** The checks of a watcher, due every `everyMs`. */
class Looks {
  readonly #ports: WatchPorts;
  #lastMs: number;
  #ranMs: number;

  constructor(ports: WatchPorts) {
    this.#ports = ports;
    this.#lastMs = ports.nowMs();
    this.#ranMs = this.#ownRanMs();
  }

  next(everyMs: number): Look {
    const nowMs = this.#ports.nowMs();
    const elapsedMs = nowMs - this.#lastMs;
    this.#lastMs = nowMs;
    const ranMs = this.#ownRanMs();
    // A delay by the watcher's own work does not mean that the machine is busy.
    const isLate = elapsedMs - (ranMs - this.#ranMs) > everyMs * LATE;
    this.#ranMs = ranMs;
    return { elapsedMs, seenMs: isLate ? everyMs * LATE_SHARE : Math.min(elapsedMs, everyMs), isLate };
  }

  #ownRanMs(): number {
    return this.#ports.ownTimes?.()?.ranMs ?? 0;
  }
}

/** A watched thread. */
export interface WatchedThread {
  /** Its heartbeat word. */
  tick(): number;
  /** The operating system's id of the thread; 0 if it is unknown. */
  threadId(): number;
}

/** The time sources of a watcher; tests have others. */
interface WatchPorts {
  nowMs(): number;
  threadTimes(threadId: number): ThreadTimes | undefined;
  /** The times of the watcher's own thread, if that has other work, which may take long. */
  ownTimes?(): ThreadTimes | undefined;
}

export const systemPorts: WatchPorts = { nowMs: () => systemClock.monoMs(), threadTimes };

/** Watches the heartbeat of a thread whose event loop should turn. */
export class HeartbeatWatch {
  readonly #thread: WatchedThread;
  readonly #timeoutMs: number;
  readonly #ports: WatchPorts;
  readonly #looks: Looks;
  #tick: number;
  #silentMs = 0;
  /** The total observed silence. */
  #seenMs = 0;
  /** While it is under suspicion: reading its times costs some 50 us. */
  #lived: LivedTime | undefined;

  constructor(thread: WatchedThread, timeoutMs: number, ports = systemPorts) {
    this.#thread = thread;
    this.#timeoutMs = timeoutMs;
    this.#ports = ports;
    this.#looks = new Looks(ports);
    this.#tick = thread.tick();
  }

  /** One check, every `everyMs`: true if it is hung. */
  isSilent(everyMs: number): boolean {
    const { elapsedMs, seenMs, isLate } = this.#looks.next(everyMs);
    const tick = this.#thread.tick();
    if (tick !== this.#tick) {
      this.#tick = tick;
      this.#silentMs = 0;
      this.#seenMs = 0;
      this.#lived = undefined;
      return false;
    }
    this.#seenMs += seenMs;
    if (this.#seenMs >= CEILING * this.#timeoutMs) return true;
    const halfMs = this.#timeoutMs / 2;
    if (this.#silentMs < halfMs) {
      this.#silentMs += seenMs;
      return false;
    }
    if (!this.#lived) {
      this.#lived = new LivedTime(() => this.#ports.threadTimes(this.#thread.threadId()));
      return false;
    }
    const closelyMs = this.#lived.of(isLate ? -LATE_TAKES_BACK * everyMs : seenMs, elapsedMs);
    this.#silentMs = Math.max(halfMs, this.#silentMs + closelyMs);
    return this.#silentMs >= halfMs + Math.max(halfMs, LEAST_CONFIRMED_MS);
  }
}

/** The bounds of a boot: ms. */
interface BootBounds {
  /** Until the thread exists and runs its entry. Only the user's preloaded code runs before. */
  readonly silentMs: number;
  /** Until its `init` is done: this is user code, and a thread that loads or computes has no turns. */
  readonly initMs: number;
}

/** Watches a thread from its start until its `init` is done. Its first heartbeat shows that its entry runs. */
export class BootWatch {
  readonly #thread: WatchedThread;
  readonly #bounds: BootBounds;
  readonly #looks: Looks;
  readonly #lived: LivedTime;
  readonly #tick: number;
  #bootMs = 0;
  #seenMs = 0;

  constructor(thread: WatchedThread, bounds: BootBounds, ports = systemPorts) {
    this.#thread = thread;
    this.#bounds = bounds;
    this.#looks = new Looks(ports);
    this.#lived = new LivedTime(() => ports.threadTimes(thread.threadId()));
    this.#tick = thread.tick();
  }

  /** One check, every `everyMs`: which bound was exceeded, if any. */
  overdue(everyMs: number): 'silent' | 'init' | undefined {
    const { elapsedMs, seenMs } = this.#looks.next(everyMs);
    this.#bootMs = Math.max(0, this.#bootMs + this.#lived.of(seenMs, elapsedMs));
    this.#seenMs += seenMs;
    const isOver = (boundMs: number): boolean => this.#bootMs >= boundMs || this.#seenMs >= CEILING * boundMs;
    if (isOver(this.#bounds.initMs)) return 'init';
    return this.#thread.tick() === this.#tick && isOver(this.#bounds.silentMs) ? 'silent' : undefined;
  }
}
