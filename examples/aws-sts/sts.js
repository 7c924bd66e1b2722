// @ts-check
/**
 * In place of AWS STS: it knows one user's key and one workload's platform, and two roles. It verifies each signature
 * over the request as it came, and each web identity token with the platform's key.
 */
import { randomBytes, timingSafeEqual } from 'node:crypto';
import { once } from 'node:events';
import { createServer } from 'node:http';
import { text } from 'node:stream/consumers';
import { jwtVerify } from 'jose';
import { signRequest } from './sigv4.js';

/**
 * @typedef {object} Trust
 * @property {string} region
 * @property {import('./sigv4.js').AwsKeys} user who may assume `arn:…:role/reader`
 * @property {{ publicKey: import('node:crypto').KeyObject, issuer: string, subject: string }} workload and who
 *   `arn:…:role/writer`
 */

const MAX_SKEW_MS = 900_000;
const CREDENTIAL = /Credential=(?<accessKeyId>\w+)\/.*SignedHeaders=(?<names>[\w;-]+), /;

/** @param {Trust} trust */
export const startSts = async ({ region, user, workload }) => {
  /** Keys that were given out, and the role that they are of. @type {Map<string, { keys: any, arn: string }>} */
  const sessions = new Map([[user.accessKeyId, { keys: user, arn: 'arn:aws:iam::123456789012:user/ci' }]]);
  /** By which keys a role was assumed. @type {string[]} */
  const callers = [];

  /** Who has signed the request. @param {import('node:http').IncomingMessage} incoming @param {string} body */
  const signerOf = ({ method = '', url = '', headers }, body) => {
    const { authorization = '', host = '' } = headers;
    const { accessKeyId = '', names = '' } = CREDENTIAL.exec(authorization)?.groups ?? {};
    const session = sessions.get(accessKeyId);
    if (!session) throw new Error('InvalidClientTokenId');
    const nowMs = Date.parse(String(headers['x-amz-date']).replace(/(....)(..)(..T..)(..)(..Z)/, '$1-$2-$3:$4:$5'));
    if (!(Math.abs(Date.now() - nowMs) < MAX_SKEW_MS)) throw new Error('RequestExpired');
    const set = new Set(['host', 'x-amz-date', 'x-amz-security-token']);
    const further = names.split(';').filter((name) => !set.has(name));
    const request = {
      method,
      url: new URL(url, `http://${host}`),
      headers: Object.fromEntries(further.map((name) => [name, String(headers[name])])),
      body,
    };
    const expected = signRequest(request, { keys: session.keys, region, service: 'sts', nowMs });
    const isSame = (/** @type {string} */ a, /** @type {string} */ b) =>
      a.length === b.length && timingSafeEqual(Buffer.from(a), Buffer.from(b));
    if (!isSame(authorization, expected['authorization'] ?? '')) throw new Error('SignatureDoesNotMatch');
    return session.arn;
  };

  /** @param {URLSearchParams} form */
  const bearerOf = async (form) => {
    const { publicKey, issuer, subject } = workload;
    const checks = { issuer, subject, audience: 'sts.amazonaws.com' };
    await jwtVerify(form.get('WebIdentityToken') ?? '', publicKey, checks).catch(() => {
      throw new Error('InvalidIdentityToken');
    });
    return subject;
  };

  /** @param {import('node:http').IncomingMessage} incoming */
  const answer = async (incoming) => {
    const body = await text(incoming);
    const form = new URLSearchParams(body);
    const action = form.get('Action') ?? '';
    const caller = action === 'AssumeRole' ? signerOf(incoming, body) : await bearerOf(form);
    const arn = form.get('RoleArn') ?? '';
    if (arn.endsWith('/reader') === (caller === workload.subject)) throw new Error('AccessDenied');
    callers.push(`${arn.replace(/.*\//, '')} by ${caller.replace(/.*[/:]/, '')}`);
    const keys = {
      accessKeyId: `ASIA${randomBytes(8).toString('hex').toUpperCase()}`,
      secretAccessKey: randomBytes(30).toString('base64'),
      sessionToken: randomBytes(120).toString('base64'),
    };
    sessions.set(keys.accessKeyId, { keys, arn });
    const credentials = {
      AccessKeyId: keys.accessKeyId,
      SecretAccessKey: keys.secretAccessKey,
      SessionToken: keys.sessionToken,
      Expiration: Math.floor(Date.now() / 1_000) + Number(form.get('DurationSeconds')),
    };
    return { [`${action}Response`]: { [`${action}Result`]: { Credentials: credentials } } };
  };

  const server = createServer(async (incoming, response) => {
    response.setHeader('content-type', 'application/json');
    try {
      response.end(JSON.stringify(await answer(incoming)));
    } catch (error) {
      response.writeHead(403).end(JSON.stringify({ Error: { Code: error.message, Message: '…', Type: 'Sender' } }));
    }
  });
  await once(server.listen(0, '127.0.0.1'), 'listening');
  const { port } = /** @type {import('node:net').AddressInfo} */ (server.address());
  return { endpoint: `http://127.0.0.1:${port}`, callers, close: () => void server.close() };
};
