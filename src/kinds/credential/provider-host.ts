/** Runs a provider in the actor: loads, opens and closes it, and asks it to mint. */
import { createHash } from 'node:crypto';
import { loadExport } from '../../core/load-module.js';
import type { ActorContext } from '../../actor/behaviour.js';
import { type MintFailure, ProviderError, TokenvisorError } from '../../core/errors.js';
import { isOwnModule } from '../../core/package-files.js';
import { AddressBook } from '../../net/dns-cache.js';
import { createHttpClient, type HttpClient } from '../../net/http-client.js';
import type {
  MintAttempt,
  Provider,
  ProviderContext,
  ProviderFunction,
  ProviderObject,
  ProviderSession,
  ProviderSpec,
} from '../../oauth/provider.js';
import { stringsIn } from '../../secrets/redact.js';
import { secretFiles, secretValues, tokenReferences } from '../../secrets/reference-tree.js';
import { file, readSecret } from '../../secrets/references.js';
import { within } from '../../core/within.js';
import { readFailure } from './answer.js';
import type { SealedState } from './sealed-state.js';
import { TokenSources } from './token-sources.js';

/** The bound of a mint: ms. */
const MINT_TIMEOUT_MS = 30_000;
/** Grace period for a provider to report its abort: ms. */
const LAST_WORD_MS = 1;

const isFunction = (provider: unknown): provider is ProviderFunction => typeof provider === 'function';
const isObject = (provider: unknown): provider is ProviderObject =>
  typeof provider === 'object' && provider !== null && typeof (provider as ProviderObject).open === 'function';

/** Turns a provider function into a session. */
const sessionOf = (mint: ProviderFunction, context: ProviderContext): ProviderSession => ({
  mint: ({ signal, number }) =>
    mint({
      name: context.name,
      options: context.options,
      signal,
      attempt: number,
      vault: context.vault,
      now: () => context.clock.wallMs(),
      secret: (reference) => context.secret(reference),
      token: (reference) => context.token(reference, { signal, timeoutMs: MINT_TIMEOUT_MS }),
      request: (url, init) => context.request(url, init, signal),
    }),
});

export class ProviderHost {
  readonly #actor: ActorContext;
  readonly #sealed: SealedState;
  readonly #addresses: AddressBook;
  readonly #request: HttpClient;
  /** The token sources of the open session. */
  #tokens = new TokenSources();
  /** The secrets that the last mint has read: a file may hold another one when a server's error quotes this one. */
  #secretsRead: string[] = [];
  #spec: ProviderSpec;
  /** The secret files of `#spec`. */
  #secretFiles: readonly string[];
  /** What may be tried in its place, after an `update()` with an overlap. */
  #previous: ProviderSpec | undefined;
  /** The session of `#spec`, or of `#previous` from when that one was tried. */
  #session: ProviderSession;
  #opened: ProviderSpec;
  #controller = new AbortController();

  /** Opens the provider; throws if it can't be opened, which is an error of the start. */
  constructor(actor: ActorContext, sealed: SealedState, spec: ProviderSpec, previous?: ProviderSpec) {
    this.#actor = actor;
    this.#sealed = sealed;
    this.#addresses = new AddressBook({
      clock: actor.clock,
      state: sealed.addresses,
      onChange: (addresses) => sealed.keep({ addresses }),
    });
    this.#request = createHttpClient({ clock: actor.clock, addresses: this.#addresses });
    this.#spec = spec;
    this.#secretFiles = secretFiles(spec.options);
    this.#previous = previous;
    this.#session = this.#open(spec);
    this.#opened = spec;
    // A change while no actor lived counts as well.
    if (sealed.secrets === undefined) this.secretsChanged();
  }

  /** True if an exchange spends a single-use refresh token. */
  get singleUse(): boolean {
    return this.#session.singleUse === true;
  }

  /** The failure if minting can't begin, from the provider's preflight. */
  obstacle(): MintFailure | undefined {
    try {
      this.#session.preflight?.();
      return undefined;
    } catch (error) {
      return this.failure(error);
    }
  }

  /** Closes the open provider and opens the given one; if that fails, opens the old one again. */
  reopen(spec: ProviderSpec, previous?: ProviderSpec): void {
    this.#switchTo(spec);
    this.#spec = spec;
    this.#secretFiles = secretFiles(spec.options);
    this.#previous = previous;
    this.secretsChanged();
  }

  /** Ends the overlap. */
  forgetPrevious(): void {
    this.#previous = undefined;
    this.#secretsRead = [];
    if (this.#opened === this.#spec) return;
    try {
      this.#switchTo(this.#spec);
    } catch (error) {
      // The next mint tries again, and fails with the error.
      this.#actor.emit('error', { during: 'the end of an overlap', error: this.failure(error).message });
    }
  }

  /**
   * The controller that aborts the next mint. A built-in grant keeps no reference to the signal after its mint, so one
   * is reused until it is aborted: each signal leaves 750 bytes in V8's old heap (Node 20) until a full collection. A
   * user's provider may keep it.
   */
  controller(withPrevious = false): AbortController {
    if (!isOwnModule(this.#wanted(withPrevious).module)) return new AbortController();
    if (this.#controller.signal.aborted) this.#controller = new AbortController();
    return this.#controller;
  }

  /**
   * Runs one mint, bounded, with the previous configuration if requested. Rejects with the provider's error. At its
   * bound, it aborts.
   */
  async mint(
    attempt: Omit<MintAttempt, 'signal'>,
    controller: AbortController,
    withPrevious = false,
  ): Promise<unknown> {
    const wanted = this.#wanted(withPrevious);
    if (wanted !== this.#opened) this.#switchTo(wanted);
    this.#secretsRead = [];
    const minting = Promise.resolve(this.#session.mint({ signal: controller.signal, ...attempt }));
    if (await within(MINT_TIMEOUT_MS, minting, this.#actor.clock)) return minting;
    controller.abort();
    try {
      // A provider that heeds the signal reports the phase, and whether anything was sent.
      if (await within(LAST_WORD_MS, minting, this.#actor.clock)) return await minting;
    } catch (error) {
      if ((error as { readonly code?: unknown } | undefined)?.code === 'MINT_FAILED') throw error;
    }
    throw new ProviderError(`The provider did not answer within ${MINT_TIMEOUT_MS} ms`, {
      class: this.singleUse ? 'ambiguous' : 'transient',
      reason: 'timed_out',
    });
  }

  /** Converts a provider's error, without any secret that this actor knows. */
  failure(thrown: unknown): MintFailure {
    const live = this.#actor.live()?.value as { readonly value?: string } | undefined;
    return readFailure(thrown, [
      ...secretValues([this.#spec.options, this.#previous?.options]),
      ...this.#secretsRead,
      ...this.#tokens.values(),
      ...stringsIn(this.#sealed.vault),
      ...(live?.value ? [live.value] : []),
    ]);
  }

  /**
   * True once after the contents of a secret file have changed. Contents are compared, because orchestrators swap
   * links.
   */
  secretsChanged(): boolean {
    const secrets = this.#digestSecrets();
    if (secrets === this.#sealed.secrets) return false;
    this.#sealed.keep({ secrets });
    return true;
  }

  /** Called before the last minted token is published: a successor must watch the same sources. */
  publishing(generation: number): void {
    const used = this.#tokens.used();
    if (used.length > 0) this.#sealed.keep({ sources: { generation, used } });
  }

  /** True once after another credential's token, from which this one was minted, has been replaced. */
  sourcesChanged(): boolean {
    return this.#tokens.changed();
  }

  close(): void {
    this.#session.close?.();
  }

  #wanted(withPrevious: boolean): ProviderSpec {
    return (withPrevious ? this.#previous : undefined) ?? this.#spec;
  }

  /** Only one session is open at a time: both may use the same store. */
  #switchTo(spec: ProviderSpec): void {
    try {
      this.close();
    } catch (error) {
      // An error of close() must not prevent the next session.
      this.#actor.emit('error', { during: "a provider's close()", error: this.failure(error).message });
    }
    try {
      this.#session = this.#open(spec);
      this.#opened = spec;
    } catch (error) {
      this.#session = this.#open(this.#opened);
      throw error;
    }
  }

  #open(spec: ProviderSpec): ProviderSession {
    const provider = loadExport(spec.module, spec.export) as Provider;
    // A session watches the tokens that it minted from, or that the live token was minted from.
    const tokens = new TokenSources();
    const { generation, used = [] } = this.#sealed.sources ?? {};
    // The actor may have died before it published: then the live token's sources are unknown, and it is minted again.
    const minted = generation === this.#actor.generation() ? used : used.map(([name]) => [name, undefined] as const);
    tokens.watch(tokenReferences(spec.options), minted);
    this.#tokens = tokens;
    const context: ProviderContext = {
      name: this.#actor.name,
      options: spec.options,
      clock: this.#actor.clock,
      owner: this.#actor.owner,
      vault: {
        read: () => this.#sealed.vault,
        write: (vault) => this.#sealed.keepVault(vault),
      },
      secret: (reference) => {
        const secret = readSecret(reference);
        if (!this.#secretsRead.includes(secret)) this.#secretsRead.push(secret);
        return secret;
      },
      token: (reference, wait) => tokens.token(reference, wait),
      request: this.#request,
      warm: (host) => this.#addresses.warm(host),
    };
    if (isFunction(provider)) return sessionOf(provider, context);
    if (isObject(provider)) return provider.open(context);
    throw new TokenvisorError(
      'START_FAILED',
      `Expected '${spec.export}' of ${spec.module} to be a provider (a function, or an object with open), got ${typeof provider}`,
    );
  }

  #digestSecrets(): string {
    // Checked each second, and most credentials have no such file.
    if (this.#secretFiles.length === 0) return 'empty';
    const hash = createHash('sha256');
    for (const path of this.#secretFiles) {
      try {
        hash.update(readSecret(file(path)));
      } catch {
        hash.update('unreadable');
      }
      hash.update('\0');
    }
    return hash.digest('hex');
  }
}
