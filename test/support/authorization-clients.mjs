/** How the clients of an authorization server of the tests are registered, and what proves who they are. */

/** @typedef {import('./authorization-server.mjs').ClientOptions} ClientOptions */

/** Of the client that stands for whoever has none; see `withoutClient`. */
export const NO_CLIENT = 'whoever-has-no-client';

/**
 * The options with their defaults.
 * @param {ClientOptions} options
 * @returns {Required<Omit<ClientOptions, 'keys' | 'certificateName'>> & ClientOptions}
 */
export function clientOf({ clientSecret = '', ...rest }) {
  const authentication = rest.authentication ?? (clientSecret === '' ? 'none' : 'client_secret_basic');
  const grants = rest.grants ?? [...(authentication === 'none' ? [] : ['client_credentials']), 'refresh_token'];
  return { ...rest, clientSecret, authentication, grants };
}

/**
 * As RFC 7591 has it.
 * @param {ReturnType<typeof clientOf>} client
 * @param {string} scope
 */
export function metadataOf({ clientId, clientSecret, authentication, grants, keys, certificateName }, scope) {
  // A client with refresh tokens has got them by a code, so it must be able to.
  const byCode = grants.includes('refresh_token');
  return {
    client_id: clientId,
    ...(clientSecret === '' ? {} : { client_secret: clientSecret }),
    token_endpoint_auth_method: authentication,
    ...(keys && { jwks: { keys } }),
    ...(certificateName && { tls_client_auth_san_dns: certificateName }),
    grant_types: byCode ? ['authorization_code', ...grants] : grants,
    response_types: byCode ? ['code'] : [],
    redirect_uris: byCode ? ['https://client.example/callback'] : [],
    scope: `openid offline_access ${scope}`,
  };
}

/** Certificates of clients (RFC 8705), as the TLS server in front has seen them. */
export const mutualTls = {
  enabled: true,
  tlsClientAuth: true,
  selfSignedTlsClientAuth: true,
  getCertificate: (/** @type {any} */ { req }) => req.socket.getPeerX509Certificate?.(),
  certificateAuthorized: (/** @type {any} */ { req }) => req.socket.authorized === true,
  certificateSubjectMatches: (/** @type {any} */ { req }, /** @type {string} */ property, /** @type {string} */ name) =>
    property === 'tls_client_auth_san_dns' && req.socket.getPeerX509Certificate().checkHost(name) !== undefined,
};

/**
 * A refresh token as an authorization code would have led to.
 * @param {any} provider
 * @param {string} clientId
 * @param {string} resource
 * @param {string} scope
 * @returns {Promise<string>}
 */
export async function issueRefreshToken(provider, clientId, resource, scope) {
  const client = await provider.Client.find(clientId);
  if (client === undefined) throw new Error(`There is no client ${clientId}`);
  const accountId = `user-of-${clientId}`;
  const grant = new provider.Grant({ accountId, clientId });
  grant.addOIDCScope('offline_access');
  grant.addResourceScope(resource, scope);
  const grantId = await grant.save();
  const refreshToken = new provider.RefreshToken({
    accountId,
    client,
    grantId,
    gty: 'authorization_code',
    resource,
    scope: `offline_access ${scope}`,
  });
  return refreshToken.save();
}
