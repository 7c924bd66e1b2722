/** A credential for tests: the real one, in this thread, whose provider is a list of answers. */
import { randomUUID } from 'node:crypto';
import type { Health } from '../supervision/child-status.js';
import { provideModule } from '../core/load-module.js';
import { anything, custom, object, oneOf, optional, string } from '../config/check.js';
import type { CredentialActorOptions } from '../kinds/credential/behaviour.js';
import { credential, type Credential, type CredentialOptions } from '../kinds/credential/credential.js';
import type { AnyTokenvisorEvent, TokenvisorEventName, TokenvisorEvents } from '../supervision/core/event-map.js';
import { bindWords } from '../memory/child-memory.js';
import type { ReadyOptions } from '../supervision/main/all-ready.js';
import { childSpec, type ChildSpec, type Kind } from '../supervision/kind.js';
import { checkAll, checkOneChild } from '../supervision/main/options.js';
import { AnswerList, type TestAnswer } from './answers.js';
import { LocalSupervisor } from './local-supervisor.js';
import { LocalWords } from './local-words.js';
import type { SimulatedClock } from './simulated-clock.js';

/** Options of {@link createTestCredential}: the timing options of `credential()`, and these. */
export interface TestCredentialOptions extends Pick<
  CredentialOptions,
  'eager' | 'leadMs' | 'marginMs' | 'refreshEveryMs' | 'retryEveryMs' | 'assumeLifetimeMs' | 'probeEveryMs'
> {
  /**
   * Its name in its status, its events and its errors.
   * @default 'test'
   */
  readonly name?: string;
  /**
   * The clock of the credential and of all its readers in this thread, including those that `attach()` makes from its
   * `handle()` here.
   * @default the machine's
   */
  readonly clock?: SimulatedClock;
  /**
   * What a mint past the last answer gets: the last one again, or none until the next `push()` (or until the attempt
   * times out, after 30 s).
   * @default 'repeat'
   */
  readonly atEnd?: 'repeat' | 'wait';
}

const METHODS = ['now', 'wallMs', 'monoMs', 'setTimer', 'advance'] as const;

const isClock = (value: unknown): value is SimulatedClock =>
  typeof value === 'object' &&
  value !== null &&
  METHODS.every((method) => typeof (value as Partial<SimulatedClock>)[method] === 'function');

const shape = object({
  name: optional(string(), 'test'),
  clock: optional(custom('a clock from createSimulatedClock()', isClock)),
  atEnd: optional(oneOf('repeat', 'wait'), 'repeat'),
  // credential() checks these.
  eager: optional(anything),
  leadMs: optional(anything),
  marginMs: optional(anything),
  refreshEveryMs: optional(anything),
  retryEveryMs: optional(anything),
  assumeLifetimeMs: optional(anything),
  probeEveryMs: optional(anything),
});

/** The spec of a credential that mints from the list, also after an `update()`, whatever provider that names. */
const specOf = (
  options: Partial<CredentialOptions>,
  moduleUrl: string,
  clock: SimulatedClock | undefined,
): ChildSpec<Credential> => {
  const provider = { module: moduleUrl, export: 'provider' };
  const real = credential({ ...options, provider });
  const kind: Kind<Credential> = {
    ...real.kind,
    update: (request, path, report) => {
      const { provider: next } = real.kind.update!({ ...request, how: undefined }, path, () => undefined).prepared
        .options as CredentialActorOptions;
      // An overlap is with the provider that was there before, which is not known: as if only its secrets had changed.
      const updated = real.kind.update!({ ...request, running: { provider: next } }, path, report);
      const { overlap: _, ...policy } = (updated.prepared.options as CredentialActorOptions).policy;
      const listed: CredentialActorOptions = { policy, provider: { ...provider, options: undefined, fenceable: true } };
      return {
        prepared: { ...updated.prepared, options: listed, fenceable: true },
        options: { ...(updated.options as CredentialOptions), provider, options: undefined },
      };
    },
    createHandle: (ref) => {
      // Before the handle looks at the memory.
      bindWords(ref.memory, new LocalWords(ref.memory, clock));
      return real.kind.createHandle(ref);
    },
  };
  return childSpec(kind, real.options);
};

/** Made by {@link createTestCredential}. */
export class TestCredential {
  /** What to give to the code under test: as `supervisor.children.github` is. */
  readonly credential: Credential;
  readonly #answers: AnswerList;
  readonly #supervisor: LocalSupervisor;
  readonly #forgetModule: () => void;

  /** @internal Use createTestCredential. */
  constructor(answers: readonly TestAnswer[], options: TestCredentialOptions) {
    const { name, clock, atEnd, ...policy } = checkAll((report) => shape(options, '', report));
    this.#answers = new AnswerList(atEnd);
    this.#answers.push(answers);
    // Only a name: there is no file.
    const moduleUrl = `file:///tokenvisor/testing/answers/${randomUUID()}`;
    const checked = checkOneChild(
      name,
      specOf(policy as Partial<CredentialOptions>, moduleUrl, clock),
      () => undefined,
    );
    this.#forgetModule = provideModule(moduleUrl, { provider: this.#answers.provider });
    this.#supervisor = new LocalSupervisor(clock);
    this.#supervisor.start([checked]);
    this.credential = this.#supervisor.handles[name] as Credential;
  }

  /** Adds answers at the end. A waiting mint gets the first. */
  push(...answers: readonly TestAnswer[]): this {
    this.#answers.push(answers);
    return this;
  }

  /** How many answers were not used: 0 at the end of a test that has used them all. */
  get left(): number {
    return this.#answers.left;
  }

  /**
   * As `supervisor.ready()`: resolves when there is a usable token, or when none is wanted yet (`eager: false`).
   *
   * @throws TIMEOUT with the last failure as `cause`, PARKED as soon as the credential does not retry by itself,
   *   STOPPED, ABORTED, CONFIG_INVALID for invalid options.
   */
  ready(options: ReadyOptions = {}): Promise<void> {
    return this.#supervisor.ready(options);
  }

  /** The same as in `supervisor.health().children`. */
  health(): Health {
    return this.credential.health();
  }

  /** Listens to an event, or with `event` to all: those of a supervisor with this one child. */
  on<Name extends TokenvisorEventName>(name: Name, listener: (event: TokenvisorEvents[Name]) => unknown): this;
  on(name: 'event', listener: (event: AnyTokenvisorEvent) => unknown): this;
  on(name: TokenvisorEventName | 'event', listener: (event: never) => unknown): this {
    this.#supervisor.events.on(name, listener as never);
    return this;
  }

  /** Listens to the next event of that name only. */
  once<Name extends TokenvisorEventName>(name: Name, listener: (event: TokenvisorEvents[Name]) => unknown): this;
  once(name: 'event', listener: (event: AnyTokenvisorEvent) => unknown): this;
  once(name: TokenvisorEventName | 'event', listener: (event: never) => unknown): this {
    this.#supervisor.events.once(name, listener as never);
    return this;
  }

  /** Removes a listener that `on()` or `once()` has added. */
  off<Name extends TokenvisorEventName>(name: Name, listener: (event: TokenvisorEvents[Name]) => unknown): this;
  off(name: 'event', listener: (event: AnyTokenvisorEvent) => unknown): this;
  off(name: TokenvisorEventName | 'event', listener: (event: never) => unknown): this {
    this.#supervisor.events.off(name, listener as never);
    return this;
  }

  /** Stops it, and never rejects: afterwards reads throw STOPPED, and it has no timer left. */
  async close(): Promise<void> {
    await this.#supervisor.close();
    this.#forgetModule();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}

/**
 * Makes a credential whose tokens and failures are a list: no thread, no network, no file. `credential` has the type of
 * the handles in `supervisor.children` and behaves the same, because it uses the same actor, refresh loop and memory,
 * in this thread. It never holds the process open.
 *
 * @param answers one for each mint, in order; see {@link TestAnswer}. A string is a token that lives for
 *   `assumeLifetimeMs`.
 * @throws CONFIG_INVALID
 * @example
 * const clock = createSimulatedClock();
 * const answers = [{ value: 'first', expiresInS: 600 }, ProviderError.transient('the server is down'), 'second'];
 * const github = createTestCredential(answers, { clock });
 * await github.ready();
 * github.credential.current().value; // 'first'
 * await clock.advanceAsync(600_000);
 * github.credential.current().value; // 'second'
 * await github.close();
 */
export const createTestCredential = (
  answers: readonly TestAnswer[],
  options: TestCredentialOptions = {},
): TestCredential => new TestCredential(answers, options);
