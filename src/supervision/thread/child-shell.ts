/**
 * The supervisor thread's side of a child: its plan, its memory, its threads. The pure core makes the decisions; this
 * class carries them out.
 */
import type { MessagePort } from 'node:worker_threads';
import {
  Header,
  payloadBytes,
  SEALED,
  SEALED_BYTES,
  SNAPSHOT,
  STATUS,
  SUPERVISION,
  bankOf,
} from '../../memory/layout.js';
import { openWords, type ChildMemory } from '../../memory/child-memory.js';
import {
  NO_INSTANTS,
  type ReadRecord,
  readRecord,
  RecordWriter,
  takeLease,
  wipeAfter,
  withdrawRecord,
  type FencingLease,
} from '../../memory/record.js';
import { deriveStopped, publishPhase } from '../../memory/stopped.js';
import { closeValidUntil } from '../../memory/valid-until.js';
import { notify, type SharedWords } from '../../memory/words.js';
import { CLOCK_STEP_MS, systemClock, wallOffsetMs } from '../../core/clock.js';
import { readSupervision } from '../child-status.js';
import type { CallEndpoint } from '../../messaging/call-endpoint.js';
import type { ActorLeases } from '../../actor/actor-memory.js';
import type { WireOptions } from '../../secrets/reference-tree.js';
import type { WireError } from '../../core/wire-error.js';
import { Incarnation, type IncarnationListener, type IncarnationPlan } from './worker-incarnation.js';
import { ClockWatch } from './clock-watch.js';
import { BootWatch, HeartbeatWatch, type WatchedThread } from './heartbeat-watch.js';
import type { ChildRules, PersistedChild } from '../core/types.js';
import type { SecretsOfKind } from '../kind.js';
import { RemoteRefHub } from '../../messaging/remote-ref-hub.js';

/** All data of a child that crosses to the supervisor thread. */
export interface ChildPlan {
  readonly rules: ChildRules;
  readonly module: string;
  readonly export: string;
  /** As of the kind. */
  readonly secrets: SecretsOfKind;
  /** As of the kind. */
  readonly validUntilWord?: number;
  /** From encodeOptions. */
  readonly options: WireOptions;
  readonly owner: string;
  readonly memory: ChildMemory;
  readonly env: Readonly<Record<string, string>>;
  readonly execArgv: readonly string[];
  readonly resourceLimits: IncarnationPlan['resourceLimits'];
  readonly mailboxLimit: number;
}

/** The least time that a thread has until its entry runs: a user's loader may wait for libuv's pool. */
const BOOT_SILENT_MS = 10_000;

/** How long an actor has to move its `validUntilWord` after the clock was set back: it checks the clock each second. */
const MOVED_WITHIN_MS = 2_000;

const encoder = new TextEncoder();

/** The supervisor bounds a requested stop; an actor that ends by itself bounds its `terminate`. */
const terminateTimeoutOf = (shutdown: ChildRules['shutdown']): number =>
  shutdown === 'infinity' ? Infinity : shutdown === 'brutal' ? 0 : shutdown;

/** A started incarnation, in a separate thread or, for tests, in this one. */
export type StartedIncarnation = Pick<
  Incarnation,
  'leases' | 'booting' | 'threadId' | 'shutDown' | 'connect' | 'kill' | 'timeOutStart' | 'reconfigure'
>;

export type Launch = (plan: IncarnationPlan, listener: IncarnationListener) => StartedIncarnation;

const launchThread: Launch = (plan, listener) => new Incarnation(plan, listener);

export class ChildShell {
  readonly #entry: string;
  readonly #launch: Launch;
  readonly #shared: SharedWords;
  readonly #sealed: SharedWords;
  readonly #supervision: RecordWriter;
  readonly #incarnations = new Map<number, StartedIncarnation>();
  readonly #remotes: RemoteRefHub;
  readonly #clock: ClockWatch;
  /** After a step back: the `validUntilWord` at that time, until its actor moves it, and for how long. */
  #unmoved: { readonly word: number; readonly offsetMs: number; ms: number } | undefined;
  #plan: ChildPlan;
  #latest = 0;
  /** Watches of the latest incarnation, while it boots and while it runs. */
  #boot: BootWatch | undefined;
  #heartbeat: HeartbeatWatch | undefined;

  /** `offsetMs`: by how much the wall clock is ahead of the monotonic one. */
  constructor(plan: ChildPlan, entry: string, launch = launchThread, offsetMs = wallOffsetMs(systemClock)) {
    this.#plan = plan;
    this.#entry = entry;
    this.#launch = launch;
    this.#remotes = new RemoteRefHub(plan.mailboxLimit);
    this.#shared = openWords(plan.memory.shared);
    this.#sealed = openWords(plan.memory.sealed, SEALED_BYTES);
    this.#clock = new ClockWatch(this.#shared, offsetMs);
    // One supervisor thread lives at a time, so its lease is whatever the last one left.
    const control = this.#shared.load(SUPERVISION.control);
    this.#supervision = new RecordWriter(this.#shared, SUPERVISION, { epoch: 0, bank: bankOf(control), control });
    // The last thread may have ended between the record and the word.
    deriveStopped(this.#shared, this.persisted?.phase === 'stopped');
    // No actor lives either: half-done work of the last supervisor thread and its actors is wiped.
    for (const bank of [0, 1] as const) this.#wipeAfter({ snapshot: { bank }, status: { bank }, sealed: { bank } });
  }

  get plan(): ChildPlan {
    return this.#plan;
  }

  /** The state that the last supervisor thread left; undefined if the child was never started. */
  get persisted(): PersistedChild | undefined {
    return readSupervision(this.#shared);
  }

  /** Until when readers can use the published token; undefined if there is none, or it has expired. */
  get servedUntilMs(): number | undefined {
    const { payload, usableUntilMs = 0 } = readRecord(this.#shared, SNAPSHOT) as Partial<ReadRecord>;
    return payload && usableUntilMs > systemClock.wallMs() ? usableUntilMs : undefined;
  }

  /** Writes the state that must outlive this thread, and wakes waits for a change. */
  persist(persisted: PersistedChild): void {
    const payload = encoder.encode(JSON.stringify(persisted));
    const kept =
      payload.byteLength <= payloadBytes(SUPERVISION)
        ? payload
        : encoder.encode(JSON.stringify({ ...persisted, lastExit: undefined }));
    publishPhase(this.#shared, persisted.phase === 'stopped', () => this.#supervision.publish(NO_INSTANTS, kept));
    notify(this.#shared, Header.CHANGE);
  }

  /** Starts an incarnation, beside a zombie if there is one. */
  spawn(incarnation: number, listener: IncarnationListener): void {
    const leases = this.#takeSeats(incarnation);
    const { rules, module, owner, options, memory } = this.#plan;
    const { hangTimeoutMs, initTimeoutMs } = rules;
    const { bank } = leases.snapshot;
    const heartbeat = {
      index: Header.HEARTBEAT + bank,
      threadId: Header.THREAD_ID + bank,
      everyMs: Math.min(2_500, Math.max(20, hangTimeoutMs / 4)),
    };
    const plan: IncarnationPlan = {
      ...this.#plan,
      entry: this.#entry,
      initTimeoutMs,
      start: {
        name: rules.name,
        incarnation,
        owner,
        module,
        export: this.#plan.export,
        options,
        memory,
        leases,
        heartbeat,
        terminateTimeoutMs: terminateTimeoutOf(rules.shutdown),
      },
    };
    this.#latest = incarnation;
    this.#heartbeat = undefined;
    const watched: WatchedThread = {
      tick: () => this.#shared.load(heartbeat.index),
      threadId: () => this.#shared.load(heartbeat.threadId),
    };
    // Before the thread exists: it stores its id itself, and may be faster than this thread.
    this.#shared.store(heartbeat.threadId, 0);
    const boot = new BootWatch(watched, {
      silentMs: Math.max(hangTimeoutMs, BOOT_SILENT_MS),
      initMs: initTimeoutMs,
    });
    const connect = (endpoint: CallEndpoint): void => this.#incarnations.get(incarnation)?.connect(endpoint);
    const started = this.#launch(plan, {
      ...listener,
      ready: (calls) => {
        // A zombie that was killed during its start has finished it: it must not be called or watched.
        if (incarnation !== this.#latest) return calls.port.close();
        this.#boot = undefined;
        this.#heartbeat = new HeartbeatWatch(watched, hangTimeoutMs);
        this.#remotes.connect(incarnation, connect);
        listener.ready(calls);
      },
      exited: (reason) => {
        this.#incarnations.delete(incarnation);
        this.#wipeAfter(leases);
        if (incarnation === this.#latest) this.#boot = this.#heartbeat = undefined;
        notify(this.#shared, Header.CHANGE);
        this.#remotes.disconnect('exited', incarnation);
        listener.exited(reason);
      },
    });
    this.#incarnations.set(incarnation, started);
    this.#shared.compareExchange(heartbeat.threadId, 0, started.threadId);
    if (started.booting) this.#boot = boot;
  }

  /** Ends a thread, if it lives, at any point. */
  kill(incarnation: number, reason: 'killed' | 'hung'): void {
    this.#remotes.disconnect('killed', incarnation);
    this.#incarnations.get(incarnation)?.kill(reason);
  }

  incarnation(incarnation: number): StartedIncarnation | undefined {
    return this.#incarnations.get(incarnation);
  }

  /** A writer's line, for as long as the writer has its end of it. */
  connectRemote(port: MessagePort): void {
    this.#remotes.open(port);
  }

  /** Ends the latest thread, without a request. */
  endThread(): void {
    this.#current?.kill('killed');
  }

  /** The latest incarnation, if it lives: an older one that lives is a zombie, and gets no messages. */
  get #current(): StartedIncarnation | undefined {
    return this.#incarnations.get(this.#latest);
  }

  get running(): boolean {
    return this.#heartbeat !== undefined;
  }

  /** True while the actor maintains its token, or will as soon as it has started. */
  get #isTended(): boolean {
    const phase = this.persisted?.phase;
    return phase === 'starting' || phase === 'running';
  }

  /** One check of the latest thread, every `everyMs`: returns the incarnation if it hangs. A late start fails. */
  hung(everyMs: number): number | undefined {
    const overdue = this.#boot?.overdue(everyMs);
    if (overdue === 'init') {
      this.#boot = undefined;
      this.#current?.timeOutStart();
      return undefined;
    }
    if (overdue === undefined && this.#heartbeat?.isSilent(everyMs) !== true) return undefined;
    // Reported once. It no longer counts as running, even if it can't be ended.
    this.#boot = this.#heartbeat = undefined;
    return this.#latest;
  }

  /**
   * Checks the wall clock, which is ahead of the monotonic one by `offsetMs`, every `elapsedMs`. An actor that runs or
   * starts corrects the instants that readers compare with it; without an actor, the token is withdrawn.
   */
  followClock(offsetMs: number, elapsedMs: number): void {
    if (!this.#clock.isBehind(offsetMs)) return void (this.#unmoved = undefined);
    if (this.#clock.isSetBack(offsetMs)) this.#closeUnmoved(offsetMs, elapsedMs);
    const leases = this.running ? this.#current?.leases : undefined;
    if (!this.#isTended) {
      this.#clock.abandoned();
      this.#takeBack();
      // A killed actor that has not ended may still store instants by the old clock.
      if (this.#incarnations.size === 0) this.#clock.followed(offsetMs);
    } else if (leases) {
      const tick = this.#shared.load(Header.HEARTBEAT + leases.snapshot.bank);
      this.#clock.follows(this.#latest, tick, offsetMs, elapsedMs);
    }
  }

  /**
   * Closes the word if its actor has not moved it: the actor may hang, or start slowly, and readers would trust
   * outdated data for any time.
   */
  #closeUnmoved(offsetMs: number, elapsedMs: number): void {
    const index = this.#validUntil;
    if (index === undefined) return;
    const word = this.#shared.load(index);
    const known = this.#unmoved;
    const isSameStep = known && Math.abs(known.offsetMs - offsetMs) < CLOCK_STEP_MS;
    const unmoved = (this.#unmoved = isSameStep ? known : { word, offsetMs, ms: 0 });
    unmoved.ms += elapsedMs;
    if (unmoved.word !== word || unmoved.ms < MOVED_WITHIN_MS) return;
    if (closeValidUntil(this.#shared, index)) notify(this.#shared, Header.CHANGE);
  }

  get #validUntil(): number | undefined {
    const { validUntilWord } = this.#plan;
    return validUntilWord === undefined ? undefined : Header.OWN + validUntilWord;
  }

  /** Withdraws what readers would trust by a wall clock that was stepped. */
  #takeBack(): void {
    const index = this.#validUntil;
    if (index !== undefined && closeValidUntil(this.#shared, index)) notify(this.#shared, Header.CHANGE);
    const live = readRecord(this.#shared, SNAPSHOT);
    const isOpenEnded = live.payload && live.expiresAtMs === Infinity && live.usableUntilMs === Infinity;
    const isNone = live.control !== undefined && !live.payload && !live.damaged;
    if (!isOpenEnded && !isNone) this.withdraw();
  }

  /** Withdraws the token: no reader gets it any more, and no zombie can publish another. */
  withdraw(): void {
    withdrawRecord(this.#shared, SNAPSHOT, { wipe: this.#incarnations.size === 0 });
    notify(this.#shared, Header.CHANGE);
  }

  /** Wipes all secrets of a child that will not be used again from memory. */
  wipe(): void {
    const { persisted } = this;
    if (persisted && persisted.phase !== 'stopped') this.persist({ ...persisted, phase: 'stopped' });
    this.withdraw();
    this.#remotes.close();
    withdrawRecord(this.#sealed, SEALED, { wipe: this.#incarnations.size === 0 });
  }

  /** Passes new options to the running incarnation and all later ones; kept only if they are not refused. */
  async reconfigure(options: WireOptions): Promise<WireError | undefined> {
    const before = this.#plan;
    this.#plan = { ...before, options };
    const current = this.#current;
    // A booting incarnation has the old options: it takes the new ones when its init is done.
    if (!current || !(current.booting || this.running)) return undefined;
    const refusal = await current.reconfigure(options);
    // A death during this is not a refusal: the successor is started with them.
    if (refusal && refusal.code !== 'ACTOR_DOWN' && this.#plan.options === options) this.#plan = before;
    return refusal?.code === 'ACTOR_DOWN' ? undefined : refusal;
  }

  #takeSeats(epoch: number): ActorLeases {
    const taken = [...this.#incarnations.values()].map(({ leases }) => leases);
    const leasesOf = (record: keyof ActorLeases): readonly FencingLease[] => taken.map((leases) => leases[record]);
    return {
      snapshot: takeLease(this.#shared, SNAPSHOT, epoch, leasesOf('snapshot')),
      status: takeLease(this.#shared, STATUS, epoch, leasesOf('status')),
      sealed: takeLease(this.#sealed, SEALED, epoch, leasesOf('sealed')),
    };
  }

  /** Nothing secret stays behind in a bank whose writer is gone. */
  #wipeAfter({ snapshot, status, sealed }: Readonly<Record<keyof ActorLeases, Pick<FencingLease, 'bank'>>>): void {
    wipeAfter(this.#shared, SNAPSHOT, snapshot.bank);
    wipeAfter(this.#shared, STATUS, status.bank);
    wipeAfter(this.#sealed, SEALED, sealed.bank);
  }
}
