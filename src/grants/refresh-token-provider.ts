/**
 * The refresh token grant (RFC 6749 §6) in the actor.
 *
 * A single-use refresh token is spent by the request that carries it. A server that receives it twice treats it as
 * stolen and revokes the whole grant (RFC 9700 §4.14.2). So an exchange with an unknown outcome is repeated only on
 * request.
 */
import { ProviderError } from '../core/errors.js';
import { FileStore, type StoreMachine } from '../refresh-store/file.js';
import type { MintAttempt, MintedToken, ProviderContext, ProviderObject, ProviderSession } from '../oauth/provider.js';
import { RefreshTokenJournal } from '../refresh-store/journal.js';
import {
  digestOf,
  lastIntent,
  leavesOpen,
  openIntent,
  type Intent,
  type RefreshRecord,
} from '../refresh-store/record.js';
import { refreshTokenParameters } from '../oauth/protocol/grant.js';
import { TokenEndpoint } from '../oauth/token-endpoint.js';
import type { CheckedOptions } from './define-grant.js';
import { refreshTokenGrant } from './refresh-token.js';

/** The grant on a machine: the one that it runs on, or a simulated one. */
export const refreshTokenOn = (machine: StoreMachine = {}): ProviderObject =>
  refreshTokenGrant.provider((context, options) => new RefreshTokenSession(context, options, machine));

export const provider = refreshTokenOn();

type Options = CheckedOptions<typeof refreshTokenGrant>;

class RefreshTokenSession implements ProviderSession {
  readonly singleUse: boolean;
  readonly #options: Options;
  readonly #endpoint: TokenEndpoint;
  readonly #journal: RefreshTokenJournal;
  /** Somebody has allowed one exchange, and it has not been sent yet. */
  #allowed = false;

  constructor(context: ProviderContext, options: Options, machine: StoreMachine) {
    const writer = `${context.owner}/${context.name}`;
    const { store } = options;
    this.singleUse = options.rotation === 'single-use';
    this.#options = options;
    this.#endpoint = new TokenEndpoint(context, options);
    this.#journal = new RefreshTokenJournal({
      vault: context.vault,
      store:
        store === 'memory'
          ? undefined
          : new FileStore({
              ...machine,
              path: store.path,
              allowSharedDirectory: store.allowSharedDirectory === true,
              owner: writer,
              clock: context.clock,
            }),
      writer,
      clock: context.clock,
      singleUse: this.singleUse,
      readSeed: () => context.secret(options.refreshToken),
    });
  }

  preflight(): void {
    this.#admit();
  }

  async mint(attempt: MintAttempt): Promise<MintedToken> {
    this.#allowed ||= attempt.resumed;
    this.#admit();
    const { exchange } = await this.#endpoint.prepare(attempt.signal);
    const before = this.#admit(); // Again: the file may have changed during the wait.
    const earlier = lastIntent(before);
    const record = this.singleUse ? this.#journal.begin(before, this.#intentOf(before, attempt)) : before;
    let newToken: string | undefined;
    try {
      const { token, refreshToken } = await exchange({
        grant: refreshTokenParameters(record.refreshToken),
        signal: attempt.signal,
        onRefreshToken: (refreshToken) => (newToken = refreshToken),
      });
      this.#allowed = false;
      if (this.singleUse || refreshToken !== undefined) this.#journal.settle(record, refreshToken);
      return token;
    } catch (error) {
      if (!this.singleUse || isStoreFailure(error)) throw error;
      throw this.#conclude(error, record, earlier, newToken);
    }
  }

  close(): void {
    this.#journal.close();
  }

  /** Returns the record, unless an exchange is open and no other one was requested. */
  #admit(): RefreshRecord {
    const record = this.#journal.load();
    const intent = openIntent(record);
    if (!this.singleUse || intent === undefined || this.#allowed || this.#mayReplay(intent)) return record;
    throw interrupted('An exchange of this single-use refresh token was interrupted');
  }

  #mayReplay(intent: Intent): boolean {
    return this.#options.onAmbiguous === 'replayOnce' && intent.replays === 0;
  }

  #intentOf(record: RefreshRecord, attempt: MintAttempt): Intent {
    const earlier = lastIntent(record);
    const replays = earlier === undefined ? 0 : earlier.replays + 1;
    return { attempt: attempt.number, token: digestOf(record.refreshToken), replays };
  }

  /** Records the effect of a failed exchange on the refresh token, and returns the failure with its class. */
  #conclude(
    error: unknown,
    record: RefreshRecord,
    earlier: Intent | undefined,
    newToken: string | undefined,
  ): ProviderError {
    const failure =
      error instanceof ProviderError ? error : ProviderError.transient('The exchange failed with an unexpected error');
    if (!leavesOpen(failure)) {
      // An earlier open exchange stays open, unless the server has now refused the token.
      const isRefused = failure.oauthError === 'invalid_grant';
      this.#record(() =>
        this.#journal.takeBack(record, earlier && isRefused ? { ...earlier, refused: true } : earlier),
      );
      return failure;
    }
    this.#allowed = false;
    // The rest of the answer is of no use, but the next refresh token is in it: without it the grant would be lost.
    if (newToken !== undefined) this.#record(() => this.#journal.settle(record, newToken));
    else if (this.#mayReplay(record.intent!)) return asTransient(failure);
    return interrupted(failure.message, failure);
  }

  /** If the write fails, load() repeats it before the next exchange; the original failure says more. */
  #record(write: () => void): void {
    try {
      write();
    } catch (error) {
      if (!isStoreFailure(error)) throw error;
    }
  }
}

const isStoreFailure = (error: unknown): boolean => error instanceof ProviderError && error.reason === 'store_failed';

const interrupted = (what: string, failure?: ProviderError): ProviderError => {
  const message = `${what}: the refresh token may be spent. Give a new one, or call resume() to send it once more`;
  const status = failure?.status === undefined ? {} : { status: failure.status };
  return new ProviderError(message, { class: 'ambiguous', reason: 'exchange_interrupted', ...status });
};

const asTransient = (failure: ProviderError): ProviderError => {
  const { message, status, retryAfterMs } = failure;
  return ProviderError.transient(`${message}; the refresh token is sent once more`, {
    reason: 'exchange_interrupted',
    ...(status === undefined ? {} : { status }),
    ...(retryAfterMs === undefined ? {} : { retryAfterMs }),
  });
};
