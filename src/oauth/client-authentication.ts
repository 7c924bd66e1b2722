/** The client's proof of who it is, as it goes into a token request. Read or signed anew for each attempt. */
import { ClientSecretBasic, ClientSecretPost, None, type AuthorizationServer, type ClientAuth } from 'oauth4webapi';
import { loadExport } from '../core/load-module.js';
import { packageModule } from '../core/package-files.js';
import type { CheckedGrantOptions } from './request-options.js';
import type { SignAssertion } from './signer.js';
import { presentedAssertion } from './presented-assertion.js';
import type { ProviderContext } from './provider.js';
import { isSecret } from '../secrets/secret-check.js';

/** RFC 7523 §2.2. */
const JWT_BEARER = 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer';

/** An assertion is used at once; the rest is for clocks that differ. */
const ASSERTION_LIFETIME_MS = 60_000;

/** Makes the proof for one attempt; all that can fail fails here. */
export type Authenticate = (server: AuthorizationServer) => ClientAuth;

/** Loads what signs; at a session's opening, so that it is not read from the disk in the middle of a refresh. */
export const loadSigner = (): SignAssertion =>
  loadExport(packageModule('oauth/signer.js'), 'signAssertion') as SignAssertion;

/** How the client of these options proves who it is. */
export const clientAuthentication = (
  context: Pick<ProviderContext, 'clock' | 'secret'>,
  options: CheckedGrantOptions,
): Authenticate => {
  const { clientId, clientSecret, clientAssertion } = options;
  // Some servers need no client: the grant says it all.
  if (clientId === undefined) return () => () => undefined;
  if (clientSecret !== undefined) {
    return (server) => {
      const prove = sendsBySecretPost(server, options) ? ClientSecretPost : ClientSecretBasic;
      return prove(context.secret(clientSecret));
    };
  }
  if (clientAssertion === undefined) return None;
  if (isSecret(clientAssertion)) return () => withAssertion(presentedAssertion(context.secret(clientAssertion)));
  const sign = loadSigner();
  return (server) => {
    const claims = { iss: clientId, sub: clientId, aud: clientAssertion.audience ?? server.issuer };
    return withAssertion(sign(context, clientAssertion, claims, ASSERTION_LIFETIME_MS));
  };
};

const withAssertion =
  (assertion: string): ClientAuth =>
  (_server, client, body) => {
    body.set('client_id', client.client_id);
    body.set('client_assertion_type', JWT_BEARER);
    body.set('client_assertion', assertion);
  };

const sendsBySecretPost = (server: AuthorizationServer, { clientAuthentication }: CheckedGrantOptions): boolean => {
  if (clientAuthentication !== undefined) return clientAuthentication === 'client_secret_post';
  const supported = server.token_endpoint_auth_methods_supported;
  return supported?.includes('client_secret_post') === true && !supported.includes('client_secret_basic');
};
