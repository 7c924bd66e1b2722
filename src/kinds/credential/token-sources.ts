/** The other credentials from whose tokens this one is minted, as its actor reads them. */
import { createHash } from 'node:crypto';
import { checkWaitOptions } from '../../config/check-timeout.js';
import { describeKind } from '../../core/describe.js';
import { ProviderError, TokenvisorError } from '../../core/errors.js';
import type { TokenWait } from '../../oauth/provider.js';
import { referencedMemory, TokenReference } from '../../secrets/token-reference.js';
import { CredentialReader } from './reader.js';
import type { Token } from '../../oauth/token.js';

const DEFAULT_WAIT_MS = 10_000;

/** A source's token. Generations restart from 1 if another child has got the source's name. */
interface Seen {
  readonly generation: number;
  readonly digest: string;
}

/** The tokens from which a token was minted, by the names of their sources; undefined for an unknown one. */
export type SourceTokens = readonly (readonly [name: string, token: Seen | undefined])[];

interface Source {
  readonly reader: CredentialReader;
  /** The token that was used last. */
  used: Seen | undefined;
  /** The replacement that was reported last. */
  told: Seen | undefined;
}

/** A digest, so that a token that may still be valid is kept in one place only. */
const digestOf = ({ value }: Token): string => createHash('sha256').update(value).digest('base64url');

const isOf = (token: Token, seen: Seen | undefined): boolean =>
  token.generation === seen?.generation && digestOf(token) === seen.digest;

export class TokenSources {
  readonly #sources = new Map<SharedArrayBuffer, Source>();

  /** The token, waiting for it. Rejects with a transient `token_unavailable` failure. */
  async token(reference: TokenReference, wait: TokenWait = {}): Promise<Token> {
    if (!(reference instanceof TokenReference)) {
      const message = `Expected a reference by tokenOf(…), got ${describeKind(reference)}`;
      throw new TokenvisorError('CONFIG_INVALID', message);
    }
    checkWaitOptions(wait);
    const { signal, timeoutMs = DEFAULT_WAIT_MS } = wait;
    const source = this.#sourceOf(reference);
    try {
      const token = await source.reader.get({ timeoutMs, ...(signal && { signal }) });
      source.used = { generation: token.generation, digest: digestOf(token) };
      return token;
    } catch (error) {
      const why = error instanceof Error ? error.message : 'it can not be read';
      throw new ProviderError(
        `The token of '${reference.name}', from which this one is minted, is not available: ${why}`,
        {
          class: 'transient',
          reason: 'token_unavailable',
          cause: error,
        },
      );
    }
  }

  /** Continues from an earlier session: `minted` are the sources of the live token. */
  watch(references: readonly TokenReference[], minted: SourceTokens): void {
    for (const reference of references) {
      const known = minted.find(([name]) => name === reference.name);
      if (known && referencedMemory(reference)) this.#sourceOf(reference).used = known[1];
    }
  }

  /** The tokens used so far. */
  used(): SourceTokens {
    return [...this.#sources.values()].flatMap(({ reader, used }) => (used ? [[reader.name, used] as const] : []));
  }

  /** True once after a token that was used, or was unavailable, has been replaced. */
  changed(): boolean {
    let changed = false;
    for (const source of this.#sources.values()) {
      const latest = source.reader.last();
      if (!latest || isOf(latest, source.used) || isOf(latest, source.told)) continue;
      source.told = { generation: latest.generation, digest: digestOf(latest) };
      changed = true;
    }
    return changed;
  }

  /** The values that must not be printed. */
  values(): readonly string[] {
    return [...this.#sources.values()].flatMap(({ reader }) => reader.last()?.value ?? []);
  }

  #sourceOf(reference: TokenReference): Source {
    const memory = referencedMemory(reference);
    if (!memory) {
      throw new ProviderError(
        `Expected tokenOf('${reference.name}') in the options of a credential, got one made here`,
        {
          class: 'fatal',
          reason: 'token_unavailable',
        },
      );
    }
    const known = this.#sources.get(memory);
    if (known) return known;
    const source: Source = {
      reader: new CredentialReader({ name: reference.name, memory }),
      used: undefined,
      told: undefined,
    };
    this.#sources.set(memory, source);
    return source;
  }
}
