/**
 * What a credential must not lose, in its sealed record: what its refresh loop remembers, beside what its provider does.
 */
import { serialize } from 'node:v8';
import type { ActorContext } from '../../actor/behaviour.js';
import { withChanges } from '../../core/with-changes.js';
import { describeKind } from '../../core/describe.js';
import { TokenvisorError } from '../../core/errors.js';
import { payloadBytes, SEALED } from '../../memory/layout.js';
import type { AddressBookState } from '../../net/dns-cache.js';
import type { Json } from '../../core/json.js';
import type { PersistedRefresh } from './refresh/refresh-types.js';
import type { SourceTokens } from './token-sources.js';

/** All that a credential keeps in its sealed record. */
interface Sealed {
  readonly refresh?: PersistedRefresh;
  readonly vault?: Json;
  readonly addresses?: AddressBookState;
  /** A digest of the contents of the secret files, as they were last looked at. */
  readonly secrets?: string;
  /** Which tokens of other credentials the token of that generation was minted from. */
  readonly sources?: { readonly generation: number; readonly used: SourceTokens };
}

/** What the vault leaves of the sealed record is for the refresh loop, which must be able to write at any time. */
const MAX_VAULT_BYTES = payloadBytes(SEALED) - 8_192;

/** Part by part; but each write is of the whole, so that a crash finds all of it or what was before. */
export class SealedState {
  readonly #context: ActorContext;
  #sealed: Sealed;

  constructor(context: ActorContext) {
    this.#context = context;
    this.#sealed = (context.sealed() as Sealed | undefined) ?? {};
  }

  get refresh(): PersistedRefresh | undefined {
    return this.#sealed.refresh;
  }

  get vault(): Json | undefined {
    return this.#sealed.vault;
  }

  get addresses(): AddressBookState | undefined {
    return this.#sealed.addresses;
  }

  get secrets(): string | undefined {
    return this.#sealed.secrets;
  }

  get sources(): Sealed['sources'] {
    return this.#sealed.sources;
  }

  keep(part: Sealed): void {
    const next = withChanges(this.#sealed, part);
    try {
      this.#context.seal(next);
      this.#sealed = next;
    } catch (error) {
      if (!(error instanceof TokenvisorError) || error.code !== 'RECORD_TOO_LARGE' || !next.addresses) throw error;
      // Addresses can be had again; a successor will have to look them up.
      const { addresses: _, ...rest } = next;
      this.#context.seal(rest);
      this.#sealed = rest;
    }
  }

  /** @throws RECORD_TOO_LARGE, NOT_CLONEABLE; with nothing changed */
  keepVault(vault: Json): void {
    const byteLength = sizeOf(vault);
    if (byteLength > MAX_VAULT_BYTES) {
      throw new TokenvisorError(
        'RECORD_TOO_LARGE',
        `Expected a vault of at most ${MAX_VAULT_BYTES} bytes, got ${byteLength}`,
      );
    }
    this.keep({ vault });
  }
}

const sizeOf = (vault: Json): number => {
  try {
    return serialize(vault).byteLength;
  } catch {
    // What V8 says of it may quote it.
    throw new TokenvisorError('NOT_CLONEABLE', `Expected a vault of JSON, got ${describeKind(vault)} that has none`);
  }
};
