/** Google's service accounts in the actor: the JWT bearer grant from a key file. */
import { check } from '../config/check.js';
import { url } from '../net/url.js';
import { isPlainObject } from '../core/describe.js';
import { ProviderError } from '../core/errors.js';
import { loadSigner } from '../oauth/client-authentication.js';
import { jwtBearerParameters } from '../oauth/protocol/grant.js';
import type { ProviderContext } from '../oauth/provider.js';
import { TokenEndpoint } from '../oauth/token-endpoint.js';
import type { CheckedOptions } from './define-grant.js';
import { googleServiceAccountGrant } from './google-service-account.js';

const DEFAULT_TOKEN_ENDPOINT = 'https://oauth2.googleapis.com/token';

/** The longest lifetime that Google accepts. */
const ASSERTION_LIFETIME_MS = 3_600_000;

export const provider = googleServiceAccountGrant.provider((context, options) => {
  const { keyFile: _, scope, subject, tokenEndpoint, ...request } = options;
  const sign = loadSigner();
  const endpointOf = ({ tokenUri }: KeyFile): TokenEndpoint =>
    new TokenEndpoint(context, { ...request, tokenEndpoint: tokenEndpoint ?? tokenUri });
  warm(() => endpointOf(readKeyFile(context, options)));
  return {
    async mint({ signal }) {
      // All of it may have been replaced since the last mint, the endpoint too.
      const account = readKeyFile(context, options);
      const { issuer, exchange } = await endpointOf(account).prepare(signal);
      const { privateKey, keyId, email } = account;
      const claims = {
        iss: email,
        ...(subject !== undefined && { sub: subject }),
        aud: issuer,
        scope: [scope].flat().join(' '),
      };
      const key = { privateKey, ...(keyId !== undefined && { keyId }), algorithm: 'RS256' } as const;
      const assertion = sign(context, key, claims, ASSERTION_LIFETIME_MS);
      return (await exchange({ grant: jwtBearerParameters(assertion), signal })).token;
    },
  };
});

/** The parts of a key file that are used. */
interface KeyFile {
  readonly privateKey: string;
  readonly keyId: string | undefined;
  readonly email: string;
  readonly tokenUri: string;
}

const readKeyFile = (
  { secret }: Pick<ProviderContext, 'secret'>,
  { keyFile, allowInsecureHttp = false }: CheckedOptions<typeof googleServiceAccountGrant>,
): KeyFile => {
  const text = secret(keyFile);
  let parsed: unknown;
  try {
    parsed = JSON.parse(text);
  } catch {
    throw unusable('it is not JSON (a path is given as file(path))');
  }
  if (!isPlainObject(parsed)) throw unusable('it is not a JSON object');
  const { type, private_key, private_key_id, client_email, token_uri = DEFAULT_TOKEN_ENDPOINT } = parsed;
  if (type !== 'service_account') throw unusable('its `type` is not service_account');
  if (!isText(private_key)) throw unusable('it has no `private_key`');
  if (!isText(client_email)) throw unusable('it has no `client_email`');
  const { value: tokenUri, problems } = check(url({ allowInsecureHttp }), token_uri);
  for (const { expected, came } of problems)
    throw unusable(`expected its \`token_uri\` to be ${expected}, got ${came}`);
  return {
    privateKey: private_key,
    keyId: isText(private_key_id) ? private_key_id : undefined,
    email: client_email,
    tokenUri,
  };
};

const isText = (member: unknown): member is string => typeof member === 'string' && member !== '';

/** Resolves the addresses early if possible; problems of the file are reported by the first mint. */
const warm = (open: () => unknown): void => {
  try {
    open();
  } catch {
    // See above.
  }
};

const unusable = (why: string): ProviderError =>
  new ProviderError(`Expected the JSON key file of a service account: ${why}`, {
    class: 'fatal',
    reason: 'secret_unreadable',
  });
