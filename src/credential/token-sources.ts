/** The other credentials whose tokens this one is minted from, as its actor reads them. */
import { ProviderError } from '../errors.js';
import type { TokenWait } from '../providers/provider.js';
import { referencedMemory, type TokenReference } from '../providers/token-reference.js';
import { CredentialReader } from './reader.js';
import type { Token } from './token.js';

const DEFAULT_WAIT_MS = 10_000;

/** Which tokens a token was minted from: the generation of each source's, by its name. */
export type SourceGenerations = readonly (readonly [name: string, generation: number])[];

interface Source {
  readonly reader: CredentialReader;
  /** Of the token that was last used. */
  used: number;
  /** Of the replacement that was last told of. */
  told: number;
}

export class TokenSources {
  readonly #sources = new Map<SharedArrayBuffer, Source>();

  /** The token, waited for. Rejects with a transient `token_unavailable` failure. */
  async token(reference: TokenReference, { signal, timeoutMs = DEFAULT_WAIT_MS }: TokenWait = {}): Promise<Token> {
    const source = this.#sourceOf(reference);
    try {
      const token = await source.reader.get({ timeoutMs, ...(signal && { signal }) });
      source.used = token.generation;
      return token;
    } catch (error) {
      const why = error instanceof Error ? error.message : 'it can not be read';
      throw new ProviderError(`The token of '${reference.name}', which this one is minted from, is not there: ${why}`, {
        class: 'transient',
        reason: 'token_unavailable',
        cause: error,
      });
    }
  }

  /** Goes on with what an earlier session has used: `minted` is what the live token was minted from. */
  watch(references: readonly TokenReference[], minted: SourceGenerations): void {
    for (const reference of references) {
      const used = minted.find(([name]) => name === reference.name)?.[1];
      if (used !== undefined && referencedMemory(reference)) this.#sourceOf(reference).used = used;
    }
  }

  /** What was used so far. */
  used(): SourceGenerations {
    const sources = [...this.#sources.values()].filter(({ used }) => used > 0);
    return sources.map(({ reader, used }) => [reader.name, used]);
  }

  /** True once after a token that was used, or was not to be had, has been replaced by another. */
  changed(): boolean {
    let changed = false;
    for (const source of this.#sources.values()) {
      const latest = source.reader.peek()?.generation ?? 0;
      if (latest <= Math.max(source.used, source.told)) continue;
      source.told = latest;
      changed = true;
    }
    return changed;
  }

  /** What must not be printed. */
  values(): readonly string[] {
    return [...this.#sources.values()].flatMap(({ reader }) => reader.peek()?.value ?? []);
  }

  #sourceOf(reference: TokenReference): Source {
    const memory = referencedMemory(reference);
    if (!memory) {
      throw new ProviderError(
        `Expected tokenOf('${reference.name}') in the options of a credential, got one made here`,
        {
          class: 'park',
          reason: 'token_unavailable',
        },
      );
    }
    const known = this.#sources.get(memory);
    if (known) return known;
    const source = { reader: new CredentialReader(reference.name, memory), used: 0, told: 0 };
    this.#sources.set(memory, source);
    return source;
  }
}
