/** The credential's actor: a thin shell that passes events to the refresh loop and carries out its effects. */
import {
  type AbortableTasks,
  type ActorContext,
  type Behaviour,
  type From,
  type LiveSnapshot,
  proceed,
  reply,
  type Task,
  type TaskResult,
} from '../../actor/behaviour.js';
import { ClockSteps, type Instant, type Timer } from '../../core/clock.js';
import type { ProviderSpec } from '../../oauth/provider.js';
import { withChanges } from '../../core/with-changes.js';
import { readAnswer } from './answer.js';
import { ProviderHost } from './provider-host.js';
import { takeTurn } from './refresh/refresh-channel.js';
import { initialRefreshState, isOverlap, statusOf } from './refresh/refresh-state.js';
import type { AdoptedToken, RefreshEffect, RefreshEvent, RefreshPolicy } from './refresh/refresh-types.js';
import { SealedState } from './sealed-state.js';
import type { TokenPayload } from '../../oauth/token.js';

/** The options of the actor. */
export interface CredentialActorOptions {
  readonly policy: Omit<RefreshPolicy, 'singleUse'>;
  readonly provider: ProviderSpec;
  /** The provider with the secrets before the last `update()`, for as long as `policy.overlap` lasts. */
  readonly previous?: ProviderSpec;
}

/** The calls of the handle. */
export type CredentialCall = { readonly kind: 'resume' };

type CredentialInfo =
  TaskResult | { readonly kind: 'requested' } | { readonly kind: 'woken' } | { readonly kind: 'tick' };

/** Without the token itself, which the loop does not need. */
const adopted = ({ generation, issuedAtMs, expiresAtMs, usableUntilMs }: LiveSnapshot): AdoptedToken => ({
  generation,
  issuedAtMs,
  expiresAtMs,
  usableUntilMs,
});

/** How often clocks are compared, and secret files checked: ms. */
const TICK_MS = 1_000;

class CredentialState {
  readonly #context: ActorContext<CredentialActorOptions>;
  readonly #sealed: SealedState;
  readonly #host: ProviderHost;
  #options: CredentialActorOptions;
  /** Taken after the exchange in flight, if that can't be abandoned. */
  #nextOptions: CredentialActorOptions | undefined;
  #state = initialRefreshState();
  #status = '';
  #task: { readonly task: Task; readonly attempt: number } | undefined;
  #answer: { readonly attempt: number; readonly payload: TokenPayload } | undefined;
  #wake: { readonly atMonoMs: number; readonly timer: Timer } | undefined;
  readonly #clockSteps: ClockSteps;

  constructor(context: ActorContext<CredentialActorOptions>) {
    this.#context = context;
    this.#options = context.options;
    this.#sealed = new SealedState(context);
    const { provider, previous } = context.options;
    this.#host = new ProviderHost(context, this.#sealed, provider, previous);
    this.#clockSteps = new ClockSteps(context.clock);
  }

  start(): this {
    const live = this.#context.live();
    const persisted = this.#sealed.refresh;
    const obstacle = this.#host.obstacle();
    this.#dispatch({
      kind: 'started',
      policy: this.#policy(),
      generation: this.#context.generation(),
      ...(live && { token: adopted(live) }),
      ...(persisted && { persisted }),
      ...this.#requests(),
      ...(obstacle && { obstacle }),
    });
    // They may have changed while no actor lived.
    if (this.#host.secretsChanged()) this.#dispatch({ kind: 'resumed', by: 'secret' });
    if (!this.#task && this.#host.sourcesChanged()) this.#dispatch({ kind: 'source_changed' });
    this.#context.sendAfter({ kind: 'tick' }, TICK_MS);
    return this;
  }

  receive(message: CredentialInfo): this {
    switch (message.kind) {
      case 'task':
        this.#finish(message);
        break;
      case 'requested':
        this.#dispatch({ kind: 'requested', ...this.#requests() });
        break;
      case 'woken':
        // A timer may fire a moment early, and the loop return the same instant again: this one has fired.
        this.#wake = undefined;
        this.#dispatch({ kind: 'woken' });
        break;
      case 'tick':
        this.#tick();
        break;
      default:
        // An unknown message is reported, never fatal.
        this.#context.emit('error', { during: 'a message to a credential', error: 'a message of an unknown kind' });
    }
    return this;
  }

  resume(): this {
    this.#dispatch({ kind: 'resumed', by: 'user' });
    return this;
  }

  reconfigure(options: CredentialActorOptions): this {
    if (this.#task && this.#host.singleUse) {
      // The exchange in flight spends a single-use token: its answer comes first.
      this.#nextOptions = options;
      this.#dispatch({ kind: 'reconfigured', policy: { ...options.policy, singleUse: true } });
      return this;
    }
    this.#take(options);
    this.#tellReconfigured();
    return this;
  }

  /** Waits for an exchange that can't be abandoned, so that a deploy does not make it ambiguous. */
  async terminate(): Promise<void> {
    this.#wake?.timer.cancel();
    if (this.#task && this.#host.singleUse) await this.#task.task.settled;
    this.#host.close();
  }

  #policy(): RefreshPolicy {
    return { ...this.#options.policy, singleUse: this.#host.singleUse };
  }

  #requests(): { readonly wanted: number; readonly invalidated: number } {
    return { wanted: this.#context.wanted(), invalidated: this.#context.invalidated() };
  }

  #dispatch(event: RefreshEvent): void {
    const now = this.#context.clock.now();
    const { state, effects } = takeTurn(this.#context.name, this.#state, event, now);
    this.#state = state;
    let shown = false;
    for (const effect of effects) {
      // Once a turn, after a token is published and before any event: a listener may read the status at once.
      if (!shown && (effect.kind === 'emit' || effect.kind === 'wake')) {
        this.#showStatus(now);
        shown = true;
      }
      this.#carryOut(effect);
    }
  }

  #carryOut(effect: RefreshEffect): void {
    switch (effect.kind) {
      case 'persist':
        return this.#sealed.keep({ refresh: effect.persisted });
      case 'mint':
        return this.#mint(effect.attempt, effect.resumed, effect.previous);
      case 'cancel':
        this.#task?.task.cancel();
        this.#task = undefined;
        return;
      case 'publish':
        if (this.#answer?.attempt !== effect.attempt) return;
        // First: once the token is published, a reader may end this thread.
        this.#host.publishing(effect.generation);
        this.#context.publish(this.#answer.payload, withChanges(effect.times, { generation: effect.generation }));
        this.#answer = undefined;
        return;
      case 'republish': {
        const live = this.#context.live();
        if (live) this.#context.publish(live.value, withChanges(effect.times, { generation: live.generation }));
        return;
      }
      case 'withdraw':
        return this.#context.withdraw();
      case 'wake':
        return this.#wakeAt(effect.atMonoMs);
      case 'emit': {
        const { type, ...details } = effect.event;
        return this.#context.emit(type, details);
      }
    }
  }

  #mint(attempt: number, resumed: boolean, previous?: true): void {
    const controller = this.#host.controller(previous);
    const run = (): unknown => this.#host.mint({ number: attempt, resumed }, controller, previous);
    const task = (this.#context as ActorContext & AbortableTasks).startTask(run, attempt, controller);
    this.#task = { task, attempt };
  }

  #finish(result: TaskResult): void {
    const task = this.#task;
    if (!task || task.attempt !== result.tag) return;
    this.#task = undefined;
    const event = this.#read(result, task.attempt);
    // Before the answer is handled: what follows from it (another mint, a probe) uses the new provider.
    this.#takeNextOptions();
    this.#dispatch(event);
  }

  #read(result: TaskResult, attempt: number): RefreshEvent {
    if (!result.ok) return { kind: 'mint_failed', attempt, failure: this.#host.failure(result.error) };
    const reading = readAnswer(result.value, this.#state.attempt!.sentAt);
    if (!reading.ok) return { kind: 'mint_failed', attempt, failure: reading.failure };
    this.#answer = { attempt, payload: reading.payload };
    return { kind: 'minted', attempt, lifetime: reading.lifetime };
  }

  #takeNextOptions(): void {
    const options = this.#nextOptions;
    if (!options) return;
    this.#nextOptions = undefined;
    try {
      this.#take(options);
    } catch (error) {
      this.#context.emit('error', { during: 'update()', error: this.#host.failure(error).message });
    }
    this.#tellReconfigured();
  }

  #take(options: CredentialActorOptions): void {
    this.#host.reopen(options.provider, options.previous);
    this.#options = options;
  }

  #tellReconfigured(): void {
    const obstacle = this.#host.obstacle();
    this.#dispatch({ kind: 'reconfigured', policy: this.#policy(), ...(obstacle && { obstacle }) });
  }

  #tick(): void {
    this.#context.sendAfter({ kind: 'tick' }, TICK_MS);
    const byMs = this.#clockSteps.byMs();
    // Changes below a step count as well: the loop checks the clocks in every turn.
    this.#dispatch(byMs === undefined ? { kind: 'woken' } : { kind: 'clock_stepped', byMs });
    this.#forgetPrevious();
    if (this.#host.secretsChanged()) this.#dispatch({ kind: 'resumed', by: 'secret' });
    // A mint in flight may be using the replacement already.
    if (!this.#task && this.#host.sourcesChanged()) this.#dispatch({ kind: 'source_changed' });
    // A notification may be lost with the thread that sent it.
    const { wanted, invalidated } = this.#requests();
    if (wanted > this.#state.wanted || invalidated > this.#state.invalidated) {
      this.#dispatch({ kind: 'requested', wanted, invalidated });
    }
  }

  /** Drops the previous secrets once they are no longer tried. */
  #forgetPrevious(): void {
    if (!this.#options.previous || this.#task) return;
    const { previous: _, ...options } = this.#options;
    if (isOverlap(options.policy.overlap, this.#context.clock.monoMs())) return;
    this.#options = options;
    this.#host.forgetPrevious();
  }

  #wakeAt(atMonoMs: number | undefined): void {
    // The same instant differs a little in each turn.
    if (atMonoMs !== undefined && this.#wake && Math.abs(atMonoMs - this.#wake.atMonoMs) < 1) return;
    this.#wake?.timer.cancel();
    this.#wake = undefined;
    if (atMonoMs === undefined) return;
    const timer = this.#context.sendAfter({ kind: 'woken' }, atMonoMs - this.#context.clock.monoMs());
    this.#wake = { atMonoMs, timer };
  }

  #showStatus(now: Instant): void {
    const status = statusOf(this.#state, now);
    const text = JSON.stringify(status);
    if (text === this.#status) return;
    this.#status = text;
    this.#context.setStatus(status);
  }
}

export const credentialBehaviour: Behaviour<CredentialState, CredentialActorOptions> = {
  init: (context) => proceed(new CredentialState(context)),
  handleContinue: (_argument, credential) => credential.start(),
  handleCall: (_message: CredentialCall, _from: From, credential) => reply(undefined, credential.resume()),
  handleInfo: (message: CredentialInfo, credential) => credential.receive(message),
  handleOptions: (options, credential) => credential.reconfigure(options),
  terminate: (_reason, credential) => credential.terminate(),
};
