/**
 * Where a provider lives in the actor: it is loaded, opened, asked to mint, closed.
 */
import { createHash } from 'node:crypto';
import { loadExport } from '../../core/load-module.js';
import type { ActorContext } from '../../actor/behaviour.js';
import { type MintFailure, ProviderError, TokenvisorError } from '../../core/errors.js';
import { isOwnModule } from '../../core/package-files.js';
import { AddressBook } from '../../net/dns-cache.js';
import { createHttpDoor, type HttpDoor } from '../../net/http-client.js';
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

/** No mint takes longer, whatever the provider does. */
const MINT_TIMEOUT_MS = 30_000;
/** What a provider says over the end of its signal comes at once, or not at all. */
const LAST_WORD_MS = 1;

const isFunction = (provider: unknown): provider is ProviderFunction => typeof provider === 'function';
const isObject = (provider: unknown): provider is ProviderObject =>
  typeof provider === 'object' && provider !== null && typeof (provider as ProviderObject).open === 'function';

/** A provider that is a function, as a session. */
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
  readonly #request: HttpDoor;
  /** Those of the open session. */
  #tokens = new TokenSources();
  /** What the last mint has read: a file may hold another secret by the time that a server says this one back. */
  #secretsRead: string[] = [];
  #spec: ProviderSpec;
  /** Those of `#spec`. */
  #secretFiles: readonly string[];
  /** What may be tried in its place, after a `update()` with an overlap. */
  #previous: ProviderSpec | undefined;
  /** That of `#spec`, or of `#previous` while and after that one was tried. */
  #session: ProviderSession;
  #opened: ProviderSpec;
  #controller = new AbortController();

  /** Opens the provider; throws if it can't be, which is an error of the start. */
  constructor(actor: ActorContext, sealed: SealedState, spec: ProviderSpec, previous?: ProviderSpec) {
    this.#actor = actor;
    this.#sealed = sealed;
    this.#addresses = new AddressBook({
      clock: actor.clock,
      state: sealed.addresses,
      onChange: (addresses) => sealed.keep({ addresses }),
    });
    this.#request = createHttpDoor({ clock: actor.clock, addresses: this.#addresses });
    this.#spec = spec;
    this.#secretFiles = secretFiles(spec.options);
    this.#previous = previous;
    this.#session = this.#open(spec);
    this.#opened = spec;
    // What has changed while no actor lived is a change as well.
    if (sealed.secrets === undefined) this.secretsChanged();
  }

  /** True if an exchange spends something that can't be spent twice. */
  get singleUse(): boolean {
    return this.#session.singleUse === true;
  }

  /** Why minting can't begin, if the provider says so. */
  obstacle(): MintFailure | undefined {
    try {
      this.#session.preflight?.();
      return undefined;
    } catch (error) {
      return this.failure(error);
    }
  }

  /** Closes what is open and opens what is given; if that fails, what was open is open again. */
  reopen(spec: ProviderSpec, previous?: ProviderSpec): void {
    this.#switchTo(spec);
    this.#spec = spec;
    this.#secretFiles = secretFiles(spec.options);
    this.#previous = previous;
    this.secretsChanged();
  }

  /** The overlap is over. */
  forgetPrevious(): void {
    this.#previous = undefined;
    this.#secretsRead = [];
    if (this.#opened === this.#spec) return;
    try {
      this.#switchTo(this.#spec);
    } catch (error) {
      // The next mint tries again, and fails by it.
      this.#actor.emit('error', { during: 'the end of an overlap', error: this.failure(error).message });
    }
  }

  /**
   * What aborts the next mint. A built-in grant keeps no reference to the signal after its mint, so one is reused until it is
   * aborted: each signal leaves 750 bytes in V8's old heap (Node 20) until a full collection. A user's provider may keep it.
   */
  controller(withPrevious = false): AbortController {
    if (!isOwnModule(this.#wanted(withPrevious).module)) return new AbortController();
    if (this.#controller.signal.aborted) this.#controller = new AbortController();
    return this.#controller;
  }

  /**
   * One mint, bounded, with the configuration before this one if so asked. Rejects with whatever the provider threw. When it
   * is out of time, it aborts by itself.
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
      // Who heeds the signal knows how far it had come, and whether anything was sent.
      if (await within(LAST_WORD_MS, minting, this.#actor.clock)) return await minting;
    } catch (error) {
      if ((error as { readonly code?: unknown } | undefined)?.code === 'MINT_FAILED') throw error;
    }
    throw new ProviderError(`The provider did not answer within ${MINT_TIMEOUT_MS} ms`, {
      class: this.singleUse ? 'ambiguous' : 'transient',
      reason: 'timed_out',
    });
  }

  /** What a provider threw, without any secret that this actor knows of. */
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

  /** True once after the contents of a secret file have changed: orchestrators swap links, so contents are compared. */
  secretsChanged(): boolean {
    const secrets = this.#digestSecrets();
    if (secrets === this.#sealed.secrets) return false;
    this.#sealed.keep({ secrets });
    return true;
  }

  /** What was minted last is about to be the live token: a successor watches the same sources. */
  publishing(generation: number): void {
    const used = this.#tokens.used();
    if (used.length > 0) this.#sealed.keep({ sources: { generation, used } });
  }

  /** True once after another credential's token, which this one was minted from, has been replaced. */
  sourcesChanged(): boolean {
    return this.#tokens.changed();
  }

  close(): void {
    this.#session.close?.();
  }

  #wanted(withPrevious: boolean): ProviderSpec {
    return (withPrevious ? this.#previous : undefined) ?? this.#spec;
  }

  /** One session is open at a time: the two may keep what they hold in the same place. */
  #switchTo(spec: ProviderSpec): void {
    try {
      this.close();
    } catch (error) {
      // What ends badly keeps nothing else from its beginning.
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
    // A session is told of tokens that it was minted from itself, or that the live token was.
    const tokens = new TokenSources();
    const { generation, used = [] } = this.#sealed.sources ?? {};
    // An actor may have died before it published: what the live token was minted from is not known, so it is minted anew.
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
    // Asked each second, and most credentials have no such file.
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
