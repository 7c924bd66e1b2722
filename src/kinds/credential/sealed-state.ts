/** The sealed record of a credential: the state of its refresh loop, and its provider's. */
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

/** The contents of the sealed record. */
interface Sealed {
  readonly refresh?: PersistedRefresh;
  readonly vault?: Json;
  readonly addresses?: AddressBookState;
  /** A digest of the contents of the secret files at the last check. */
  readonly secrets?: string;
  /** The tokens of other credentials from which the token of that generation was minted. */
  readonly sources?: { readonly generation: number; readonly used: SourceTokens };
}

/** The rest of the sealed record is reserved for the refresh loop, which must be able to write at any time. */
const MAX_VAULT_BYTES = payloadBytes(SEALED) - 8_192;

/** Changed part by part; but each write is of the whole, so that a crash leaves the new state or the old one. */
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
      // Addresses can be dropped: a successor looks them up again.
      const { addresses: _, ...rest } = next;
      this.#context.seal(rest);
      this.#sealed = rest;
    }
  }

  /** @throws RECORD_TOO_LARGE, NOT_CLONEABLE; nothing is changed then */
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
    // V8's error may quote it.
    throw new TokenvisorError('NOT_CLONEABLE', `Expected a vault of JSON, got ${describeKind(vault)} without JSON`);
  }
};
