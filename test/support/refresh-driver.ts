/**
 * A model of the shell around the refresh loop: it carries out the effects on a simulated clock, against a scripted
 * server, and checks on the way what must hold at every step.
 */
import { expect } from 'vitest';
import type { MintFailure } from '../../src/core/errors.js';
import { initialRefreshState, statusOf, type RefreshState } from '../../src/kinds/credential/refresh/refresh-state.js';
import { refresh } from '../../src/kinds/credential/refresh/refresh.js';
import type {
  AnswerLifetime,
  PersistedRefresh,
  RefreshEffect,
  RefreshEvent,
  RefreshNotice,
  RefreshPolicy,
  RefreshStatus,
  TokenTimes,
} from '../../src/kinds/credential/refresh/refresh-types.js';
import type { Timer } from '../../src/core/clock.js';
import { createSimulatedClock, type SimulatedClock } from '../../src/testing/simulated-clock.js';
import { disorderIn } from './effects-in-order.js';

export const START = { wallMs: 1_900_000_000_000, monoMs: 5_000_000 };

export const policyOf = (change: Partial<RefreshPolicy> = {}): RefreshPolicy => ({
  eager: true,
  assumeLifetimeMs: 300_000,
  probeEveryMs: 300_000,
  floorMs: 1_000,
  singleUse: false,
  ...change,
});

export const failureOf = (change: Partial<MintFailure> = {}): MintFailure => ({
  class: 'transient',
  reason: 'http_status',
  message: 'a failure',
  ...change,
});

/** What the server does with a request: answers after a while, or never. */
export type ServerPlan =
  | { readonly latencyMs: number; readonly lifetime: AnswerLifetime }
  | { readonly latencyMs: number; readonly failure: MintFailure }
  | 'hangs';

export interface RequestSeen {
  readonly attempt: number;
  readonly monoMs: number;
  readonly resumed: boolean;
  readonly previous?: true;
}

export interface Published {
  readonly generation: number;
  readonly times: TokenTimes;
  /** When its request was sent, and how long it really lives: what no clock step changes. */
  readonly sentMonoMs: number;
  readonly lifeMs: number | undefined;
}

export interface DriverOptions {
  readonly policy?: Partial<RefreshPolicy>;
  readonly server?: (request: RequestSeen) => ServerPlan;
  readonly random?: () => number;
}

export class RefreshDriver {
  readonly clock: SimulatedClock = createSimulatedClock(START);
  readonly requests: RequestSeen[] = [];
  readonly notices: { readonly monoMs: number; readonly notice: RefreshNotice }[] = [];
  readonly cancelled: number[] = [];
  /** Every step's effects, for tests that look at their order. */
  readonly steps: (readonly RefreshEffect[])[] = [];
  state: RefreshState = initialRefreshState();
  published: Published | undefined;
  server: (request: RequestSeen) => ServerPlan;
  /** So many effects from now the thread dies, between one effect and the next. */
  dieAfterEffects: number | undefined;
  running = false;

  #policy: RefreshPolicy;
  #revisions = 0;
  #persisted: string | undefined;
  #generation = 0;
  #wanted = 0;
  #invalidated = 0;
  #wake: Timer | undefined;
  #inFlight = new Map<number, Timer | undefined>();
  #answers = new Map<number, { sentMonoMs: number; lifeMs: number | undefined }>();
  readonly #random: () => number;

  constructor(options: DriverOptions = {}) {
    this.#policy = policyOf(options.policy);
    this.server = options.server ?? (() => ({ latencyMs: 50, lifetime: { lifeMs: 3_600_000 } }));
    this.#random = options.random ?? (() => 0.5);
  }

  start(obstacle?: MintFailure): this {
    this.state = initialRefreshState();
    this.running = true;
    const token = this.published && {
      generation: this.published.generation,
      issuedAtMs: this.published.times.issuedAtMs,
      expiresAtMs: this.published.times.expiresAtMs,
      usableUntilMs: this.published.times.usableUntilMs,
    };
    const persisted = this.persisted;
    this.send({
      kind: 'started',
      policy: this.#policy,
      generation: this.#generation,
      wanted: this.#wanted,
      invalidated: this.#invalidated,
      ...(token && { token }),
      ...(persisted && { persisted }),
      ...(obstacle && { obstacle }),
    });
    return this;
  }

  /** The thread dies: its timers and requests with it; shared memory stays. */
  crash(): this {
    this.running = false;
    this.#wake?.cancel();
    for (const timer of this.#inFlight.values()) timer?.cancel();
    this.#inFlight.clear();
    return this;
  }

  /** As it comes out of shared memory: through JSON. */
  get persisted(): PersistedRefresh | undefined {
    return this.#persisted === undefined ? undefined : (JSON.parse(this.#persisted) as PersistedRefresh);
  }

  advance(ms: number): this {
    this.clock.advance(ms);
    return this;
  }

  /** A step of the wall clock that the shell has seen. */
  stepWall(ms: number): this {
    this.clock.stepWall(ms);
    if (this.running) this.send({ kind: 'clock_stepped', byMs: ms });
    return this;
  }

  /** Somebody wants a newer token. */
  want(): this {
    this.#wanted = Math.max(this.#wanted, this.#generation + 1);
    return this.#tellWords();
  }

  invalidate(generation = this.#generation): this {
    this.#invalidated = Math.max(this.#invalidated, generation);
    return this.#tellWords();
  }

  sourceChanged(): this {
    return this.send({ kind: 'source_changed' });
  }

  resume(by: 'user' | 'secret' = 'user'): this {
    return this.send({ kind: 'resumed', by });
  }

  update(change: Partial<RefreshPolicy> = {}, obstacle?: MintFailure): this {
    return this.plan(change).send({ kind: 'reconfigured', policy: this.#policy, ...(obstacle && { obstacle }) });
  }

  /** An `update()` that no actor hears: the next one is started with it. Without an overlap of its own it has none. */
  plan({ overlap, ...change }: Partial<RefreshPolicy> = {}): this {
    const { overlap: _, ...policy } = this.#policy;
    this.#policy = { ...policy, ...change, ...(overlap && { overlap }), revision: `revision ${++this.#revisions}` };
    return this;
  }

  get policy(): RefreshPolicy {
    return this.#policy;
  }

  /** As long an overlap from now, for `update()` and `plan()`. */
  overlap(forMs: number): Pick<RefreshPolicy, 'overlap'> {
    return { overlap: { untilMonoMs: this.clock.monoMs() + forMs, refusals: ['invalid_client'] } };
  }

  /** What a reader in any thread is given: it has the wall clock alone. */
  read(): Published | undefined {
    return this.published && this.clock.wallMs() < this.published.times.usableUntilMs ? this.published : undefined;
  }

  status(): RefreshStatus {
    return statusOf(this.state, this.clock.now());
  }

  get inFlight(): number {
    return this.#inFlight.size;
  }

  told(type: RefreshNotice['type']): RefreshNotice[] {
    return this.notices.map(({ notice }) => notice).filter((notice) => notice.type === type);
  }

  send(event: RefreshEvent): this {
    const now = this.clock.now();
    const { state, effects } = refresh(this.state, event, now, this.#random);
    this.state = state;
    this.steps.push(effects);
    expect(disorderIn(effects, now.monoMs)).toBeUndefined();
    for (const effect of effects) {
      if (this.dieAfterEffects === 0) {
        this.dieAfterEffects = undefined;
        this.crash();
      }
      if (!this.running) break;
      if (this.dieAfterEffects !== undefined) this.dieAfterEffects -= 1;
      this.#carryOut(effect);
    }
    return this;
  }

  #tellWords(): this {
    if (this.running) this.send({ kind: 'requested', wanted: this.#wanted, invalidated: this.#invalidated });
    return this;
  }

  #isOverlap(monoMs: number): boolean {
    const { overlap } = this.#policy;
    return overlap !== undefined && monoMs < overlap.untilMonoMs;
  }

  /** What has parked it: an obstacle, an ambiguous exchange, or the answer that has just come. */
  #checkPark(): void {
    const { monoMs, notice } = this.notices.at(-2) ?? {};
    if (notice?.type !== 'mint:failed' || monoMs !== this.clock.monoMs()) return;
    const { failure, attempt, previous } = notice;
    if (failure.class === 'ambiguous') return;
    expect(previous, 'parked by what the older secret met').toBeUndefined();
    if (!this.#policy.overlap?.refusals.includes(failure.oauthError ?? '')) return;
    const request = this.requests.find((one) => one.attempt === attempt);
    expect(this.#isOverlap(request!.monoMs), 'parked by a refusal of what was asked in the overlap').toBe(false);
  }

  #carryOut(effect: RefreshEffect): void {
    const now = this.clock.now();
    switch (effect.kind) {
      case 'persist':
        this.#persisted = JSON.stringify(effect.persisted);
        return;
      case 'mint':
        return this.#mint(effect.attempt, effect.resumed, effect.previous);
      case 'cancel':
        expect(this.#inFlight.has(effect.attempt)).toBe(true);
        this.#inFlight.get(effect.attempt)?.cancel();
        this.#inFlight.delete(effect.attempt);
        this.cancelled.push(effect.attempt);
        return;
      case 'publish': {
        expect(effect.generation).toBeGreaterThan(this.#generation);
        this.#generation = effect.generation;
        const { sentMonoMs, lifeMs } = this.#answers.get(effect.attempt)!;
        this.published = { generation: effect.generation, times: effect.times, sentMonoMs, lifeMs };
        return;
      }
      case 'republish':
        expect(this.published).toBeDefined();
        this.published = { ...this.published!, times: effect.times };
        return;
      case 'withdraw':
        expect(this.published).toBeDefined();
        this.published = undefined;
        return;
      case 'wake':
        this.#wake?.cancel();
        this.#wake = undefined;
        if (effect.atMonoMs === undefined) return;
        this.#wake = this.clock.setTimer(effect.atMonoMs - now.monoMs, () => this.send({ kind: 'woken' }));
        return;
      case 'emit':
        this.notices.push({ monoMs: now.monoMs, notice: effect.event });
        if (effect.event.type === 'child:parked') this.#checkPark();
        return;
    }
  }

  #mint(attempt: number, resumed: boolean, previous?: true): void {
    expect(this.#inFlight.size, 'attempts in flight').toBe(0);
    const sentAt = this.clock.now();
    const request = { attempt, monoMs: sentAt.monoMs, resumed, ...(previous && { previous }) };
    this.requests.push(request);
    if (previous) expect(this.#isOverlap(sentAt.monoMs), 'the older secret in its overlap').toBe(true);
    const plan = this.server(request);
    if (plan === 'hangs') {
      this.#inFlight.set(attempt, undefined);
      return;
    }
    const answer = (): void => {
      this.#inFlight.delete(attempt);
      if ('failure' in plan) {
        this.send({ kind: 'mint_failed', attempt, failure: plan.failure });
      } else {
        this.#answers.set(attempt, { sentMonoMs: sentAt.monoMs, lifeMs: plan.lifetime.lifeMs });
        this.send({ kind: 'minted', attempt, lifetime: plan.lifetime });
      }
    };
    this.#inFlight.set(attempt, this.clock.setTimer(plan.latencyMs, answer));
  }
}

/** A server whose n-th answer is the n-th plan, the last one from then on. */
export const scripted = (...plans: readonly ServerPlan[]): ((request: RequestSeen) => ServerPlan) => {
  let next = 0;
  return () => plans[Math.min(next++, plans.length - 1)]!;
};
