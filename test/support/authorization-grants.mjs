/**
 * The grants that oidc-provider lacks, for the authorization server of the tests: JWT bearer (RFC 7523 §2.1) and token
 * exchange (RFC 8693). All that a token or an assertion says is verified before anything is issued.
 */

/** @typedef {import('./authorization-server.mjs').TrustedIssuer} TrustedIssuer */

/**
 * @typedef {object} GrantSettings
 * @property {string} issuer
 * @property {string} tokenEndpoint
 * @property {string} resource what the server's own access tokens are for
 * @property {string} scope what there is to be had, space-separated
 * @property {object[]} keys the server's own public keys, as JWKs
 * @property {() => TrustedIssuer[]} trusted whose assertions are accepted
 * @property {(audience: string) => object} infoOf what a token for that audience is like
 */

export const JWT_BEARER = 'urn:ietf:params:oauth:grant-type:jwt-bearer';
export const TOKEN_EXCHANGE = 'urn:ietf:params:oauth:grant-type:token-exchange';

const TYPES = 'urn:ietf:params:oauth:token-type:';

/** No assertion is good for longer: as Google has it. */
const LONGEST_S = 3_600;

/**
 * @param {any} provider
 * @param {any} errors
 * @param {GrantSettings} settings
 */
export async function registerGrants(provider, errors, settings) {
  const { createLocalJWKSet, decodeJwt, jwtVerify } = await import('jose');
  const { issuer, tokenEndpoint, resource, scope, keys, trusted, infoOf } = settings;
  const { InvalidGrant, InvalidRequest, InvalidScope } = errors;

  /** @param {string | undefined} wanted @param {string} allowed */
  const grantedScope = (wanted, allowed) => {
    if (wanted === undefined) return allowed;
    const offered = new Set(allowed.split(' '));
    if (wanted.split(' ').some((one) => !offered.has(one))) throw new InvalidScope('scope is not allowed', wanted);
    return wanted;
  };

  /** @param {any} context @param {{ accountId: string, audience: string, scope: string, act?: object }} of */
  const issue = async (context, { accountId, audience, scope: granted, act }) => {
    const { client } = context.oidc;
    const grant = new provider.Grant({ accountId, clientId: client.clientId });
    grant.addResourceScope(audience, granted);
    const grantId = await grant.save();
    const token = new provider.AccessToken({ accountId, client, grantId, gty: 'custom', scope: granted });
    token.resourceServer = new provider.ResourceServer(audience, infoOf(audience));
    context.state.act = act;
    context.oidc.entity('AccessToken', token);
    const value = await token.save();
    return { access_token: value, expires_in: token.expiration, token_type: 'Bearer', scope: granted };
  };

  /** @param {any} context */
  const jwtBearer = async (context) => {
    const { assertion, scope: asked } = context.oidc.params;
    if (assertion === undefined) throw new InvalidRequest('missing assertion');
    const by = await claimsOf(assertion);
    context.body = await issue(context, { ...by, audience: resource, scope: grantedScope(by.scope ?? asked, scope) });
  };

  /** @param {string} assertion @returns {Promise<{ accountId: string, scope: string | undefined }>} */
  const claimsOf = async (assertion) => {
    try {
      const signer = trusted().find((one) => one.issuer === decodeJwt(assertion).iss);
      if (signer === undefined) throw new Error('nobody who is trusted');
      const { payload } = await jwtVerify(assertion, createLocalJWKSet(/** @type {any} */ ({ keys: signer.keys })), {
        issuer: signer.issuer,
        audience: signer.google ? tokenEndpoint : (signer.audiences ?? [issuer, tokenEndpoint]),
        requiredClaims: ['iss', 'aud', 'exp', 'iat', ...(signer.google ? ['scope'] : ['sub', 'jti'])],
        maxTokenAge: LONGEST_S,
      });
      const { iss = '', sub = iss, iat = 0, exp = Infinity, jti } = payload;
      if (exp - iat > LONGEST_S) throw new Error('it is good for too long');
      if (!signer.subjects.includes(sub)) throw new Error(`${sub} is nobody that it may speak for`);
      for (const [name, value] of Object.entries(signer.claims ?? {})) {
        if (payload[name] !== value) throw new Error(`its ${name} is not the expected one`);
      }
      const isNew = jti === undefined || (await provider.ReplayDetection.unique(iss, jti, exp + 1));
      if (!isNew) throw new Error('it has been used before');
      return { accountId: sub, scope: signer.google ? String(payload['scope']) : undefined };
    } catch (error) {
      throw new InvalidGrant(`the assertion is refused: ${/** @type {Error} */ (error).message}`);
    }
  };

  /** A token of this server's own, as the API that it is for would verify it. @param {string} token */
  const verified = async (token, /** @type {string} */ type, /** @type {string} */ what) => {
    if (![`${TYPES}access_token`, `${TYPES}jwt`].includes(type)) throw new InvalidRequest(`${what}_type is not known`);
    try {
      const own = createLocalJWKSet(/** @type {any} */ ({ keys }));
      const { payload } = await jwtVerify(token, own, { issuer, audience: resource, typ: 'at+jwt', clockTolerance: 0 });
      return payload;
    } catch (error) {
      throw new InvalidGrant(`the ${what} is refused: ${/** @type {Error} */ (error).message}`);
    }
  };

  /** @param {any} context */
  const tokenExchange = async (context) => {
    const { params } = context.oidc;
    if (params.subject_token === undefined || params.subject_token_type === undefined) {
      throw new InvalidRequest('missing subject_token or subject_token_type');
    }
    if ((params.actor_token === undefined) !== (params.actor_token_type === undefined)) {
      throw new InvalidRequest('actor_token and actor_token_type go together');
    }
    const subject = await verified(params.subject_token, params.subject_token_type, 'subject_token');
    const actor = params.actor_token && (await verified(params.actor_token, params.actor_token_type, 'actor_token'));
    const wanted = params.requested_token_type ?? `${TYPES}access_token`;
    if (![`${TYPES}access_token`, `${TYPES}jwt`].includes(wanted)) throw new InvalidRequest('it can not be issued');
    const answer = await issue(context, {
      accountId: String(subject.sub),
      audience: params.audience ?? resource,
      scope: grantedScope(params.scope, String(subject['scope'] ?? scope)),
      ...(actor && { act: { sub: actor.sub } }),
    });
    const isAccessToken = wanted === `${TYPES}access_token`;
    context.body = { ...answer, issued_token_type: wanted, token_type: isAccessToken ? 'Bearer' : 'N_A' };
  };

  provider.registerGrantType(JWT_BEARER, jwtBearer, ['assertion', 'scope']);
  provider.registerGrantType(TOKEN_EXCHANGE, tokenExchange, [
    ...['subject_token', 'subject_token_type', 'actor_token', 'actor_token_type'],
    ...['requested_token_type', 'audience', 'resource', 'scope'],
  ]);
}
