/** What an actor gives to a provider, made by hand. */
import { systemClock } from '../../src/core/clock.js';
import { ProviderError } from '../../src/core/errors.js';
import { TokenSources } from '../../src/kinds/credential/token-sources.js';
import { AddressBook } from '../../src/net/dns-cache.js';
import { createHttpClient } from '../../src/net/http-client.js';
import type { MintAttempt, ProviderContext, Vault } from '../../src/oauth/provider.js';
import type { Json } from '../../src/core/json.js';
import { readSecret } from '../../src/secrets/references.js';

/** Memory that outlives a session: pass the same one again to play a crash of the actor. */
export class MemoryVault implements Vault {
  #text: string | undefined;

  read(): Json | undefined {
    return this.#text === undefined ? undefined : (JSON.parse(this.#text) as Json);
  }

  write(value: Json): void {
    this.#text = JSON.stringify(value);
  }
}

export function contextOf<Options>(
  options: Options,
  more: Partial<ProviderContext<Options>> = {},
): ProviderContext<Options> {
  const clock = more.clock ?? systemClock;
  const addresses = new AddressBook({ clock });
  return {
    name: 'mail',
    options,
    clock,
    vault: new MemoryVault(),
    secret: readSecret,
    token: (reference, wait) => new TokenSources().token(reference, wait),
    request: createHttpClient({ clock, addresses }),
    warm: (host) => addresses.warm(host),
    owner: 'supervisor-1',
    ...more,
  };
}

export const attempt = (more: Partial<MintAttempt> = {}): MintAttempt => ({
  signal: new AbortController().signal,
  number: 1,
  resumed: false,
  ...more,
});

/** The error that `act` throws or rejects with: a ProviderError, or the test fails. */
export async function failureOf(act: () => unknown): Promise<ProviderError> {
  try {
    await act();
  } catch (error) {
    if (error instanceof ProviderError) return error;
    throw error;
  }
  throw new Error('Expected a failure, got none');
}
