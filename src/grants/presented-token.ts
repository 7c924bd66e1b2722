/** A token that a grant presents: a secret, or another credential's. */
import type { ProviderContext, TokenWait } from '../oauth/provider.js';
import { isSecret } from '../secrets/secret-check.js';
import type { SecretReference } from '../secrets/references.js';
import { TokenReference } from '../secrets/token-reference.js';

export const isPresented = (value: unknown): value is SecretReference | TokenReference | string =>
  isSecret(value) || value instanceof TokenReference;

/** Its value. For another credential's it waits; see `ProviderContext.token`. */
export const presentedToken = async (
  context: Pick<ProviderContext, 'secret' | 'token'>,
  presented: SecretReference | TokenReference | string,
  wait: TokenWait,
): Promise<string> =>
  presented instanceof TokenReference ? (await context.token(presented, wait)).value : context.secret(presented);
