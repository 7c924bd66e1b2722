/**
 * One process with the credential in it: its memory, its threads one after the other, and what a supervisor does for
 * them. What a supervisor decides is not simulated here: a dead thread is followed by another after a while.
 */
import { allocateChildMemory, bindWords, openWords, type ChildMemory } from '../../src/memory/child-memory.js';
import { wallOffsetMs, type Clock, type Timer } from '../../src/core/clock.js';
import type { CredentialActorOptions } from '../../src/kinds/credential/behaviour.js';
import { CredentialReader } from '../../src/kinds/credential/reader.js';
import { encodeOptions } from '../../src/secrets/reference-tree.js';
import { Header } from '../../src/memory/layout.js';
import { ChildShell, type ChildPlan } from '../../src/supervision/thread/child-shell.js';
import { markStopped } from '../../src/supervision/thread/mark-stopped.js';
import { newPersistedChild } from '../../src/supervision/core/supervisor-state.js';
import type { Disk } from './disk.js';
import { Mortal } from './mortal.js';
import { MortalWords, Waits } from './mortal-words.js';
import type { Happening } from './observation.js';
import { SimulatedThread } from './thread.js';
import { doorOf, type DoorOptions } from './door.js';

export const NAME = 'simulated';

/** The supervisor looks at its clocks this often. */
const WATCH_MS = 1_000;
/** A thread that stands still for so long is ended. */
const HANG_MS = 10_000;
/** How long a thread that is asked to end has for it. */
const SHUTDOWN_MS = 5_000;

export interface ProcessOptions {
  readonly number: number;
  readonly clock: Clock;
  readonly disk: Disk;
  readonly door: DoorOptions;
  readonly options: CredentialActorOptions;
  readonly restartDelayMs: () => number;
  readonly observe: (happening: Happening) => void;
}

export class SimulatedProcess {
  readonly number: number;
  readonly reader: CredentialReader;
  readonly #options: ProcessOptions;
  readonly #memory: ChildMemory = allocateChildMemory();
  readonly #waits = { shared: new Waits(), sealed: new Waits() };
  readonly #shell: ChildShell;
  readonly #zombies = new Set<Mortal>();
  #incarnation = 0;
  #restarts = 0;
  #thread: { readonly mortal: Mortal; readonly incarnation: number; readonly actor: SimulatedThread } | undefined;
  #starting: Mortal | undefined;
  #restart: Timer | undefined;
  #watch: Timer | undefined;
  #resumeAtStart = false;
  #gone = false;

  constructor(options: ProcessOptions) {
    const { number, clock } = options;
    this.number = number;
    this.#options = options;
    bindWords(this.#memory.shared, new MortalWords(this.#memory.shared, clock, this.#waits.shared));
    bindWords(this.#memory.sealed, new MortalWords(this.#memory.sealed, clock, this.#waits.sealed));
    const plan: ChildPlan = {
      rules: {
        name: NAME,
        restart: 'permanent',
        shutdown: SHUTDOWN_MS,
        maxRestarts: 3,
        maxSeconds: 5,
        hangTimeoutMs: HANG_MS,
        initTimeoutMs: 30_000,
        fenceable: options.options.provider.fenceable,
        onExit: 'keep',
      },
      module: '',
      export: '',
      options: encodeOptions(options.options),
      owner: `process-${number}/${NAME}`,
      memory: this.#memory,
      env: {},
      execArgv: [],
      resourceLimits: {},
      mailboxLimit: 10_000,
    };
    this.#shell = new ChildShell(
      plan,
      '',
      ({ start, ...rest }, listener) => {
        const { incarnation } = start;
        const mortal = this.#starting!;
        const actor = new SimulatedThread(
          { start, ...rest },
          {
            thread: mortal,
            door: doorOf(options.door, mortal),
            fs: options.disk.of(mortal),
            // No such process can be there: its locks are those of one that is gone.
            identity: { pid: 2 ** 30 + number, machine: 'simulated' },
            waits: this.#waits,
            tell: (type, details) => options.observe({ kind: 'event', type, details }),
            showStatus: (status) => options.observe({ kind: 'status', status }),
            onEnd: (what, detail) => this.#ended(mortal, incarnation, what, detail),
          },
        );
        this.#exits.set(mortal, () => listener.exited({ kind: 'killed' }));
        // There is nobody to call it: its port is none.
        listener.ready({ port: { close: () => undefined } } as never);
        return actor;
      },
      wallOffsetMs(clock),
    );
    this.reader = new CredentialReader(NAME, this.#memory.shared);
    this.#watchClock();
  }

  readonly #exits = new Map<Mortal, () => void>();

  get alive(): boolean {
    return this.#thread !== undefined;
  }

  get thread(): Mortal | undefined {
    return this.#thread?.mortal;
  }

  get incarnation(): number {
    return this.#incarnation;
  }

  /** The incarnation that this thread is. */
  incarnationOf(thread: Mortal): number {
    return this.#numbers.get(thread) ?? 0;
  }

  readonly #numbers = new Map<Mortal, number>();

  start(): void {
    if (this.#gone || this.#thread) return;
    this.#restart?.cancel();
    const incarnation = ++this.#incarnation;
    const mortal = new Mortal(this.#options.clock, (unit) => this.#died(mortal, incarnation, unit));
    this.#starting = mortal;
    this.#numbers.set(mortal, incarnation);
    this.#persist('running');
    this.#options.observe({ kind: 'thread', what: 'started', incarnation });
    this.#shell.spawn(incarnation, {
      ready: () => undefined,
      startFailed: () => undefined,
      exited: () => undefined,
      event: () => undefined,
    });
    const actor = this.#shell.incarnation(incarnation) as SimulatedThread | undefined;
    if (mortal.dead || !actor) return this.#exits.get(mortal)?.();
    this.#thread = { mortal, incarnation, actor };
    if (!this.#resumeAtStart) return;
    this.#resumeAtStart = false;
    actor.call({ kind: 'resume' });
  }

  resume(): void {
    if (this.#thread) this.#thread.actor.call({ kind: 'resume' });
    else this.#resumeAtStart = true;
  }

  update(options: CredentialActorOptions): void {
    void this.#shell.reconfigure(encodeOptions(options));
  }

  /** Ends the thread where it stands. */
  crash(): void {
    this.#thread?.mortal.die();
  }

  freeze(): void {
    if (!this.#thread || this.#thread.mortal.frozen) return;
    const { mortal, incarnation } = this.#thread;
    mortal.freeze();
    this.#options.observe({ kind: 'thread', what: 'frozen', incarnation });
    // One that thaws in time and freezes again may be ended sooner.
    this.#options.clock.setTimer(HANG_MS, () => {
      if (mortal.frozen && !mortal.fenced) mortal.die();
    });
  }

  thaw(): void {
    for (const mortal of [...this.#zombies, ...(this.#thread ? [this.#thread.mortal] : [])]) {
      if (!mortal.frozen) continue;
      this.#options.observe({ kind: 'thread', what: 'thawed', incarnation: this.incarnationOf(mortal) });
      mortal.thaw();
    }
  }

  /** The thread stands still and can't be ended: a successor is started beside it, which nothing but a fence keeps out. */
  leaveZombie(): void {
    const { fenceable } = this.#shell.plan.rules;
    // One zombie at a time: there are two banks.
    if (!this.#thread || this.#zombies.size > 0 || !fenceable) return;
    const { mortal, incarnation } = this.#thread;
    mortal.freeze();
    mortal.fenced = true;
    this.#zombies.add(mortal);
    this.#thread = undefined;
    this.#options.observe({ kind: 'thread', what: 'fenced', incarnation });
    this.start();
  }

  /** All of it ends, at once or in good order. */
  async end(how: 'killed' | 'stopped'): Promise<void> {
    if (how === 'stopped' && this.#thread && !this.#thread.mortal.frozen) {
      const { mortal, actor } = this.#thread;
      actor.shutDown();
      await new Promise<void>((resolve) => {
        const timer = this.#options.clock.setTimer(SHUTDOWN_MS, resolve);
        this.#onExit = () => {
          timer.cancel();
          resolve();
        };
        if (mortal.dead) this.#onExit();
      });
    }
    this.#gone = true;
    this.#restart?.cancel();
    this.#watch?.cancel();
    for (const zombie of this.#zombies) zombie.die();
    this.#thread?.mortal.die();
    markStopped(this.#memory);
  }

  #onExit: () => void = () => undefined;

  #ended(mortal: Mortal, incarnation: number, what: 'ended' | 'crashed' | 'fenced' | 'refused', detail?: string): void {
    const told = what === 'fenced' && !mortal.fenced ? 'crashed' : what === 'fenced' ? 'refused' : what;
    this.#options.observe({ kind: 'thread', what: told, incarnation, ...(detail !== undefined && { detail }) });
    mortal.die();
  }

  #died(mortal: Mortal, incarnation: number, unit: string | undefined): void {
    this.#options.observe({ kind: 'thread', what: 'died', incarnation, ...(unit !== undefined && { detail: unit }) });
    this.#exits.get(mortal)?.();
    if (this.#zombies.delete(mortal) || this.#gone) return;
    this.#thread = undefined;
    this.#onExit();
    this.#restarts += 1;
    const delayMs = this.#options.restartDelayMs();
    this.#persist('restarting');
    this.#restart?.cancel();
    this.#restart = this.#options.clock.setTimer(delayMs, () => this.start());
  }

  #persist(phase: 'running' | 'restarting'): void {
    this.#shell.persist({ ...newPersistedChild, phase, incarnation: this.#incarnation, restarts: this.#restarts });
  }

  #watchClock(): void {
    const { clock } = this.#options;
    const words = openWords(this.#memory.shared);
    const watch = (): void => {
      this.#watch = clock.setTimer(WATCH_MS, watch);
      // Its heart beats, in whatever bank it is.
      if (this.#thread && !this.#thread.mortal.frozen) for (const bank of [0, 1]) words.add(Header.HEARTBEAT + bank, 1);
      this.#shell.followClock(wallOffsetMs(clock), WATCH_MS);
    };
    this.#watch = this.#options.clock.setTimer(WATCH_MS, watch);
  }
}
