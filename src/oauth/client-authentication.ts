/** The client's proof of its identity, as it goes into a token request. Read or signed anew for each attempt. */
import { loadExport } from '../core/load-module.js';
import { packageModule } from '../core/package-files.js';
import { isSecret } from '../secrets/secret-check.js';
import { presentedAssertion } from './presented-assertion.js';
import {
  assertionInForm,
  clientName,
  noClient,
  secretInForm,
  secretInHeader,
  type ClientProof,
} from './protocol/client-proof.js';
import type { ServerMetadata } from './protocol/server-metadata.js';
import type { ProviderContext } from './provider.js';
import type { CheckedGrantOptions } from './request-options.js';
import type { SignAssertion } from './signer.js';

/** An assertion is used at once; the rest is for clocks that differ. */
const ASSERTION_LIFETIME_MS = 60_000;

/** Makes the proof for one attempt; all that can fail fails here. */
export type Authenticate = (server: Pick<ServerMetadata, 'issuer' | 'authMethods'>) => ClientProof;

/** Loads what signs; at a session's opening, so that it is not read from the disk in the middle of a refresh. */
export const loadSigner = (): SignAssertion =>
  loadExport(packageModule('oauth/signer.js'), 'signAssertion') as SignAssertion;

/** How the client of these options proves its identity. */
export const clientAuthentication = (
  context: Pick<ProviderContext, 'clock' | 'secret'>,
  options: CheckedGrantOptions,
): Authenticate => {
  const { clientId, clientSecret, clientAssertion } = options;
  if (clientId === undefined) return () => noClient;
  if (clientSecret !== undefined) {
    return ({ authMethods }) => {
      const prove = sendsBySecretPost(authMethods, options) ? secretInForm : secretInHeader;
      return prove(clientId, context.secret(clientSecret));
    };
  }
  if (clientAssertion === undefined) return () => clientName(clientId);
  if (isSecret(clientAssertion)) {
    return () => assertionInForm(clientId, presentedAssertion(context.secret(clientAssertion)));
  }
  const sign = loadSigner();
  return ({ issuer }) => {
    const claims = { iss: clientId, sub: clientId, aud: clientAssertion.audience ?? issuer };
    return assertionInForm(clientId, sign(context, clientAssertion, claims, ASSERTION_LIFETIME_MS));
  };
};

/** By the option; else by the metadata, `client_secret_basic` first, as it is the default of RFC 8414 §2. */
const sendsBySecretPost = (
  supported: readonly unknown[] | undefined,
  { clientAuthentication }: CheckedGrantOptions,
): boolean => {
  if (clientAuthentication !== undefined) return clientAuthentication === 'client_secret_post';
  return supported?.includes('client_secret_post') === true && !supported.includes('client_secret_basic');
};
