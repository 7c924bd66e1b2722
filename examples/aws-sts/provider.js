// @ts-check
/**
 * Temporary keys of AWS STS: `assumeRole` with existing keys, `assumeRoleWithWebIdentity` with a token
 * that identifies the workload. Two exports of one module, without an SDK.
 *
 * The three keys are in the token's `fields`. Its `value` is the session token: each request sends it in a
 * header, as a token's value; it differs in each session, so the token's fingerprint identifies the session; and
 * it is secret, as a `value` must be. None of this holds for the access key id.
 *
 * @import { HttpAnswer, MintedToken, SecretReference } from 'tokenvisor/providers'
 */
import { ProviderError, TokenReference } from 'tokenvisor/providers';
import { signRequest } from './sigv4.js';

/**
 * @typedef {object} RoleOptions
 * @property {string} region
 * @property {string} roleArn
 * @property {string} roleSessionName how the session is called in AWS's logs
 * @property {number} [durationSeconds] 900 to 43,200, at most what the role allows; 3,600 by default
 * @property {string} [endpoint] `https://sts.REGION.amazonaws.com` by default
 *
 * @typedef {object} StaticKeys long-lived keys
 * @property {string} accessKeyId
 * @property {SecretReference} secretAccessKey
 *
 * @typedef {RoleOptions & { keys: StaticKeys | TokenReference, externalId?: string }} AssumeRoleOptions
 *   with `tokenOf('base')` as keys, the role is assumed by another role, whose credential has that name
 * @typedef {RoleOptions & { webIdentityToken: SecretReference | TokenReference }} WebIdentityOptions
 */

/** @type {import('tokenvisor/providers').ProviderFunction<AssumeRoleOptions>} */
export const assumeRole = async ({ options, secret, token, request, now }) => {
  const { region, keys, externalId } = options;
  const using =
    keys instanceof TokenReference
      ? /** @type {any} */ ((await token(keys)).fields)
      : { accessKeyId: keys.accessKeyId, secretAccessKey: secret(keys.secretAccessKey) };
  const unsigned = {
    method: 'POST',
    url: endpointOf(options),
    headers: HEADERS,
    body: formOf('AssumeRole', options, { ExternalId: externalId }),
  };
  const headers = signRequest(unsigned, { keys: using, region, service: 'sts', nowMs: now() });
  return readAnswer(await request(unsigned.url, { ...unsigned, headers }), 'AssumeRole');
};

/** @type {import('tokenvisor/providers').ProviderFunction<WebIdentityOptions>} */
export const assumeRoleWithWebIdentity = async ({ options, secret, token, request }) => {
  const { webIdentityToken: identity } = options;
  const presented = identity instanceof TokenReference ? (await token(identity)).value : secret(identity);
  const body = formOf('AssumeRoleWithWebIdentity', options, { WebIdentityToken: presented });
  const answer = await request(endpointOf(options), { method: 'POST', headers: HEADERS, body });
  return readAnswer(answer, 'AssumeRoleWithWebIdentity');
};

/** Without `accept` the answer would be XML. */
const HEADERS = {
  accept: 'application/json',
  'content-type': 'application/x-www-form-urlencoded; charset=utf-8',
};

/** @param {RoleOptions} options */
const endpointOf = ({ region, endpoint = `https://sts.${region}.amazonaws.com` }) => new URL('/', endpoint);

/** @param {string} action @param {RoleOptions} options @param {Record<string, string | undefined>} more */
const formOf = (action, { roleArn, roleSessionName, durationSeconds = 3_600 }, more) => {
  const form = new URLSearchParams({
    Action: action,
    Version: '2011-06-15',
    RoleArn: roleArn,
    RoleSessionName: roleSessionName,
    DurationSeconds: String(durationSeconds),
  });
  for (const [name, value] of Object.entries(more)) if (value !== undefined) form.set(name, value);
  return form.toString();
};

/** @param {HttpAnswer} answer @param {string} action @returns {MintedToken} */
const readAnswer = (answer, action) => {
  if (answer.status !== 200) throw failureOf(answer);
  const { [`${action}Response`]: response } = /** @type {any} */ (answer.json());
  const { Credentials: keys } = response[`${action}Result`];
  // Seconds in JSON; XML, and other services that speak this protocol, have a date.
  const expiresAtMs = typeof keys.Expiration === 'number' ? keys.Expiration * 1_000 : Date.parse(keys.Expiration);
  return {
    value: keys.SessionToken,
    tokenType: 'N_A', // For no `Authorization` header (RFC 8693 §2.2.1).
    expiresAtMs,
    fields: {
      accessKeyId: keys.AccessKeyId,
      secretAccessKey: keys.SecretAccessKey,
      sessionToken: keys.SessionToken,
    },
  };
};

/** Transient errors with another status than usual. */
const TRANSIENT = /^(?:Throttling|ThrottlingException|RequestThrottled|IDPCommunicationError)$/;

/** Permanent refusals: the caller is unknown, or not allowed. */
const FATAL = /^(?:AccessDenied|InvalidClientTokenId|SignatureDoesNotMatch|IDPRejectedClaim)$/;

/** By the code, never by the message, which may quote the request. @param {HttpAnswer} answer */
const failureOf = (answer) => {
  const { status } = answer;
  const code = codeOf(answer);
  if (status >= 500 || status === 429 || TRANSIENT.test(code)) {
    return ProviderError.transient(`STS can't answer now: ${code} (status ${status})`, { status });
  }
  if (FATAL.test(code)) return ProviderError.fatal(`STS refused: ${code}`, { status });
  // Such as ExpiredTokenException: a file that is replaced, or another credential's next token, un-parks.
  return new ProviderError(`STS refused: ${code} (status ${status})`, {
    class: 'fatal',
    reason: 'http_status',
    status,
  });
};

/** @param {HttpAnswer} answer */
const codeOf = (answer) => {
  try {
    const { Code: code } = /** @type {any} */ (answer.json()).Error;
    return /^[A-Za-z.]{1,64}$/.test(code) ? code : 'no code';
  } catch {
    return 'no code';
  }
};
