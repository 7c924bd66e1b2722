// @ts-check
/**
 * Two grants that oidc-provider does not have: JWT bearer (RFC 7523) and token exchange (RFC 8693). Every assertion and
 * every token that is presented is verified: its signature, its issuer, its audience, its time, and that it is new.
 */
import { createLocalJWKSet, jwtVerify } from 'jose';

export const JWT_BEARER = 'urn:ietf:params:oauth:grant-type:jwt-bearer';
export const TOKEN_EXCHANGE = 'urn:ietf:params:oauth:grant-type:token-exchange';
const ACCESS_TOKEN = 'urn:ietf:params:oauth:token-type:access_token';

/**
 * @typedef {object} Issuing
 * @property {string} accountId whom the token is for
 * @property {string} audience
 * @property {string} scope
 * @property {object} [claims] further ones
 *
 * @typedef {object} Grants
 * @property {any} provider
 * @property {any} errors of the library
 * @property {Record<string, import('jose').JWK[]>} services who may sign assertions, with their public keys
 * @property {import('jose').JWK} ownKey the public key of the server's own tokens
 * @property {string} resource the default audience
 * @property {(context: any, issuing: Issuing) => Promise<object>} issue makes the answer
 */

/** @param {Grants} grants */
export const addFurtherGrants = (grants) => {
  const { provider } = grants;
  provider.registerGrantType(JWT_BEARER, jwtBearer(grants), ['assertion', 'scope']);
  const parameters = ['subject_token', 'subject_token_type', 'actor_token', 'actor_token_type', 'audience', 'scope'];
  provider.registerGrantType(TOKEN_EXCHANGE, tokenExchange(grants), parameters);
};

/** @param {Grants} grants */
const jwtBearer = ({ provider, errors, services, resource, issue }) => {
  const seen = new Set();
  return async (context) => {
    const { assertion, scope = '' } = context.oidc.params;
    const verified = await jwtVerify(
      assertion ?? '',
      // Only the keys of the assertion's issuer.
      (header, token) => {
        const { iss } = JSON.parse(Buffer.from(token.payload, 'base64url').toString());
        return createLocalJWKSet({ keys: services[iss] ?? [] })(header, token);
      },
      {
        audience: [provider.issuer, `${provider.issuer}/token`],
        requiredClaims: ['iss', 'sub', 'exp', 'jti'],
      },
    ).catch(() => undefined);
    if (!verified || seen.has(verified.payload.jti)) throw new errors.InvalidGrant('the assertion is not accepted');
    seen.add(verified.payload.jti);
    context.body = await issue(context, { accountId: String(verified.payload.sub), audience: resource, scope });
  };
};

/** @param {Grants} grants */
const tokenExchange = ({ provider, errors, ownKey, resource, issue }) => {
  /** A token of the server's own, which is still good. @param {string | undefined} token @param {string} type */
  const read = async (token, type) => {
    const verified =
      type === ACCESS_TOKEN &&
      (await jwtVerify(token ?? '', ownKey, { issuer: provider.issuer }).catch(() => undefined));
    if (!verified) throw new errors.InvalidRequest('a token is not accepted'); // RFC 8693 §2.2.2
    return verified.payload;
  };
  return async (context) => {
    const { params } = context.oidc;
    const subject = await read(params.subject_token, params.subject_token_type);
    const actor =
      params.actor_token === undefined ? undefined : await read(params.actor_token, params.actor_token_type);
    const answer = await issue(context, {
      accountId: String(subject.sub),
      audience: params.audience ?? resource,
      scope: params.scope ?? subject['scope'] ?? '',
      // Delegation tells who acts; impersonation does not (RFC 8693 §1.1 and §4.1).
      claims: actor && { act: { sub: actor.sub } },
    });
    context.body = { ...answer, issued_token_type: ACCESS_TOKEN };
  };
};
