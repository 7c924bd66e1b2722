/** `credential()`: a child that keeps one token fresh, and its handle in the starting thread. */
import { randomUUID } from 'node:crypto';
import {
  anyOf,
  anything,
  boolean,
  number,
  object,
  oneOf,
  optional,
  type Check,
  type Report,
} from '../../config/check.js';
import { systemClock } from '../../core/clock.js';
import { checkWaitOptions } from '../../config/check-timeout.js';
import { describeKind, isPlainObject } from '../../core/describe.js';
import { moduleReference, type ModuleReference } from '../../config/module-reference.js';
import { TokenvisorError } from '../../core/errors.js';
import { ConditionVariable } from '../../memory/condition.js';
import { packageModule } from '../../core/package-files.js';
import { checkProviderSpec } from '../../grants/check-provider-spec.js';
import type { ProviderSpec } from '../../oauth/provider.js';
import { previousAuthentication } from '../../grants/previous-client-authentication.js';
import { isUrl } from '../../core/realm.js';
import type { LocalRef } from '../../messaging/local-ref.js';
import {
  childShape,
  childSpec,
  type ChildOptions,
  type ChildSpec,
  type Kind,
  type PreparedChild,
} from '../../supervision/kind.js';
import type { CredentialActorOptions } from './behaviour.js';
import { stopped } from './reader-errors.js';
import { CredentialReader, type WaitForTokenOptions } from './reader.js';

/** Options of {@link credential}. Durations in ms. */
export interface CredentialOptions extends ChildOptions {
  /**
   * Mints the tokens: a built-in provider (`clientCredentials(…)`, `refreshToken(…)`), or a custom module: a `file:`
   * URL for its default export, or `{ module, export }`.
   */
  readonly provider: ProviderSpec | ModuleReference;
  /**
   * For a custom module: plain data and secret references, as `context.options`.
   * @default none
   */
  readonly options?: unknown;
  /**
   * Mint at start, or wait for the first `get()`.
   * @default true
   */
  readonly eager?: boolean;
  /**
   * How long before its expiry a token is replaced: ms, 0 to 86,400,000; at most 90 % of its life.
   * @default the smaller of 300,000 and 25 % of the life
   */
  readonly leadMs?: number;
  /**
   * How long before its expiry a token is no longer handed out: ms, 0 to 86,400,000; at most 40 % of its life.
   * @default the smaller of 10,000 and 10 % of the life
   */
  readonly marginMs?: number;
  /**
   * Mint at a fixed interval, whatever the expiry (the earlier wins): ms, 1,000 to 2,592,000,000. A token without an
   * expiry in its answer then never expires on read.
   * @default off
   */
  readonly refreshEveryMs?: number;
  /**
   * Retry at a fixed interval instead of with back-off: ms, 1,000 to 3,600,000.
   * @default off: full jitter, base 500, doubling to 30,000
   */
  readonly retryEveryMs?: number;
  /**
   * The lifetime of a token whose answer has none: ms, 1,000 to 31,536,000,000, or `'never'`.
   * @default 300_000
   */
  readonly assumeLifetimeMs?: number | 'never';
  /**
   * How often a parked credential is tried again (never for single-use refresh tokens): ms, 1,000 to 86,400,000.
   * @default 300_000
   */
  readonly probeEveryMs?: number;
}

/** What `update()` takes: what changes. The rest stays. */
export type CredentialChange =
  Pick<
    CredentialOptions,
    | 'provider'
    | 'options'
    | 'leadMs'
    | 'marginMs'
    | 'refreshEveryMs'
    | 'retryEveryMs'
    | 'assumeLifetimeMs'
    | 'probeEveryMs'
  > extends infer All
    ? { readonly [Key in keyof All]?: All[Key] }
    : never;

/** How `update()` goes about it. */
export interface UpdateOptions {
  /**
   * How long the previous secrets may still be needed: ms, 0 to 2,592,000,000. Meanwhile each mint tries the new ones
   * first, and the previous ones a second later if the server does not know the new ones (`invalid_client`).
   * @default 0
   */
  readonly overlapMs?: number;
}

const DAY_MS = 86_400_000;

const isSpec = (value: unknown): value is ProviderSpec =>
  isPlainObject(value) && typeof value.module === 'string' && 'fenceable' in value && 'options' in value;

/** A built-in provider's spec, with its options checked; or a module, whose options are checked when it is opened. */
const provider: Check<ProviderSpec> = (value, path, report) => {
  if (isSpec(value)) {
    for (const { path: at, expected, came } of checkProviderSpec(value, path).problems) report(at, expected, came);
    return value;
  }
  if (!isUrl(value) && typeof value !== 'string' && !isPlainObject(value)) {
    report(path, 'a provider: clientCredentials(…), refreshToken(…), or the URL of a module', describeKind(value));
    return { module: '', export: '', options: undefined, fenceable: true };
  }
  return { ...moduleReference()(value, path, report), options: undefined, fenceable: true };
};

const shape = object({
  ...childShape,
  provider,
  options: optional(anything),
  eager: optional(boolean(), true),
  leadMs: optional(number({ min: 0, max: DAY_MS })),
  marginMs: optional(number({ min: 0, max: DAY_MS })),
  refreshEveryMs: optional(number({ min: 1_000, max: 30 * DAY_MS })),
  retryEveryMs: optional(number({ min: 1_000, max: 3_600_000 })),
  assumeLifetimeMs: optional(
    anyOf<number | 'never'>(
      "'never' or milliseconds from 1000 to 31536000000",
      oneOf('never'),
      number({ min: 1_000, max: 365 * DAY_MS }),
    ),
    300_000,
  ),
  probeEveryMs: optional(number({ min: 1_000, max: DAY_MS }), 300_000),
});

/** The options that may change while a credential runs. Their values are checked with the whole. */
const change = object({
  provider: optional(anything),
  options: optional(anything),
  leadMs: optional(anything),
  marginMs: optional(anything),
  refreshEveryMs: optional(anything),
  retryEveryMs: optional(anything),
  assumeLifetimeMs: optional(anything),
  probeEveryMs: optional(anything),
});

const updateShape = object({ overlapMs: optional(number({ min: 0, max: 30 * DAY_MS }), 0) });

/** At most one request in this time: ms. */
const FLOOR_MS = 1_000;

const prepare = (raw: unknown, path: string, report: Report): PreparedChild => {
  const {
    provider: spec,
    options,
    eager,
    leadMs,
    marginMs,
    refreshEveryMs,
    retryEveryMs,
    assumeLifetimeMs,
    probeEveryMs,
    ...child
  } = shape(raw, path, report);
  const isBuiltIn = isSpec((raw as Partial<CredentialOptions> | undefined)?.provider);
  if (isBuiltIn && options !== undefined) {
    report(`${path}.options`, 'absent (a built-in provider has its options already)', describeKind(options));
  }
  const crossing: CredentialActorOptions = {
    policy: {
      eager,
      assumeLifetimeMs,
      probeEveryMs,
      floorMs: FLOOR_MS,
      ...(leadMs !== undefined && { leadMs }),
      ...(marginMs !== undefined && { marginMs }),
      ...(refreshEveryMs !== undefined && { refreshEveryMs }),
      ...(retryEveryMs !== undefined && { retryEveryMs }),
    },
    provider: { ...spec, options: spec.options ?? options },
  };
  // A module's options are beside it, those of a built-in provider are in the provider.
  const placeOf = (at: string): string => {
    const [inside, outside] = [`${path}.provider.options`, isBuiltIn ? `${path}.provider` : `${path}.options`];
    return at.startsWith(inside) ? `${outside}${at.slice(inside.length)}` : at;
  };
  return { child, options: crossing, placeOf, fenceable: spec.fenceable };
};

/** What the starting thread holds of a credential: all that a reader has, and what goes through its actor. */
export class Credential extends CredentialReader {
  readonly #ref: LocalRef;

  constructor(ref: LocalRef) {
    super(ref);
    this.#ref = ref;
  }

  /**
   * Gives the credential new options (a new secret, another provider), checked and accepted by its actor; the current
   * token stays in use, and a mint proves the new options. Restarts use them. Un-parks. A pending answer to the
   * previous options is dropped.
   *
   * With `overlapMs` a new client secret may be set before the server knows it, or after it has forgotten the old one:
   * the one that it accepts is used. Only the client's authentication is retried with the old options; everything else
   * changes at once.
   *
   * @throws CONFIG_INVALID with every problem, ACTOR_DOWN if the supervisor thread dies during it (it may be repeated).
   * @example
   * await reports.update(
   *   { provider: clientCredentials({ issuer, clientId: 'reports', clientSecret: env('REPORTS_SECRET') }) },
   *   { overlapMs: 600_000 },
   * );
   */
  update(change: CredentialChange, options: UpdateOptions = {}): Promise<void> {
    return this.#ref.update(change, options);
  }

  /**
   * Un-parks: starts the actor if it was restarted too often, and tries a mint. After an ambiguous exchange this allows
   * sending the held refresh token again.
   *
   * @throws TIMEOUT if no actor starts in time, STOPPED, CONFIG_INVALID.
   */
  async resume(options: Pick<WaitForTokenOptions, 'timeoutMs'> = {}): Promise<void> {
    checkWaitOptions(options);
    const { timeoutMs = 5_000 } = options;
    await this.#ref.resume();
    const { words, index } = this.changeWord();
    const check = (): true | undefined => {
      // A stopped child does not start: the wait would be for nothing.
      if (this.status().state === 'stopped') throw stopped(this.name);
      return this.#ref.connected || undefined;
    };
    await new ConditionVariable(words, index).wait(check, {
      timeoutMs,
      onTimeout: () =>
        new TokenvisorError('TIMEOUT', `The actor of '${this.name}' did not start within ${timeoutMs} ms`, {
          child: this.name,
        }),
    });
    await this.#ref.call({ kind: 'resume' }, { timeoutMs });
  }
}

const kind: Kind<Credential> = {
  name: 'credential',
  module: packageModule('kinds/credential/behaviour.js'),
  export: 'credentialBehaviour',
  secrets: { published: ['value', 'fields'], sealed: ['vault'] },
  prepare,
  update: (request, path, report) => {
    // What was checked is what is taken: a text, spread, would be an option for each of its characters.
    const changed = change(request.change, path, report) as CredentialChange;
    const options = { ...(request.current as CredentialOptions), ...changed };
    const { overlapMs } = updateShape(request.how ?? {}, 'options', report);
    const prepared = prepare(options, path, report);
    const crossing = prepared.options as CredentialActorOptions;
    const next = { ...crossing, policy: { ...crossing.policy, revision: randomUUID() } };
    if (overlapMs === 0) return { prepared: { ...prepared, options: next }, options };
    const overlap = previousAuthentication((request.running as CredentialActorOptions).provider, next.provider);
    if (!overlap) {
      report(
        'options.overlapMs',
        'absent, unless only the secrets of the same provider change',
        'one with another provider',
      );
      return { prepared, options };
    }
    const { previous, refusals } = overlap;
    const policy = { ...next.policy, overlap: { untilMonoMs: systemClock.monoMs() + overlapMs, refusals } };
    return { prepared: { ...prepared, options: { ...next, policy, previous } }, options };
  },
  createHandle: (ref) => new Credential(ref),
};

/**
 * A child spec for a credential: one actor keeps one token fresh.
 *
 * @example
 * const supervisor = await startSupervisor({
 *   github: credential({ provider: clientCredentials({ issuer, clientId: 'ci', clientSecret: env('CI_SECRET') }) }),
 *   billing: credential({ provider: new URL('./billing-provider.js', import.meta.url), options: { region: 'eu' } }),
 * });
 */
export const credential = (options: CredentialOptions): ChildSpec<Credential> => childSpec(kind, options);
