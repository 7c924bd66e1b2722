/** The token that a grant sends: a secret, or another credential's token. */
import type { ProviderContext, TokenWait } from '../oauth/provider.js';
import { isSecret } from '../secrets/secret-check.js';
import type { SecretReference } from '../secrets/references.js';
import { TokenReference } from '../secrets/token-reference.js';

export const isPresented = (value: unknown): value is SecretReference | TokenReference | string =>
  isSecret(value) || value instanceof TokenReference;

/** Its value. Waits for another credential's token; see `ProviderContext.token`. */
export const presentedToken = async (
  context: Pick<ProviderContext, 'secret' | 'token'>,
  presented: SecretReference | TokenReference | string,
  wait: TokenWait,
): Promise<string> =>
  presented instanceof TokenReference ? (await context.token(presented, wait)).value : context.secret(presented);
