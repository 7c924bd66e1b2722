// @ts-check
/**
 * AWS Signature Version 4 with node:crypto alone, for services whose paths need no further encoding: STS has `/`.
 * Synchronous, so it does not wait for libuv's pool. Checked against AWS's published examples in the tests.
 */
import { createHash, createHmac } from 'node:crypto';

/**
 * @typedef {object} AwsKeys
 * @property {string} accessKeyId
 * @property {string} secretAccessKey
 * @property {string | undefined} [sessionToken] of keys that are temporary themselves
 *
 * @typedef {object} Unsigned
 * @property {string} method
 * @property {string | URL} url
 * @property {Readonly<Record<string, string>>} [headers] further ones, which are signed as well
 * @property {string} [body]
 *
 * @typedef {object} Signing
 * @property {AwsKeys} keys
 * @property {string} region
 * @property {string} service
 * @property {number} nowMs
 */

const ALGORITHM = 'AWS4-HMAC-SHA256';

/** @param {string} text */
const sha256 = (text) => createHash('sha256').update(text).digest('hex');

/** @param {import('node:crypto').BinaryLike} key @param {string} text */
const hmac = (key, text) => createHmac('sha256', key).update(text).digest();

/** RFC 3986: encodeURIComponent leaves some characters that AWS requires encoded. @param {string} text */
const encode = (text) =>
  encodeURIComponent(text).replaceAll(/[!'()*]/g, (letter) => `%${letter.charCodeAt(0).toString(16).toUpperCase()}`);

/**
 * The headers to send: those given, and `x-amz-date`, `x-amz-security-token` and `authorization`. The HTTP client adds
 * `host`, which is signed too.
 *
 * @param {Unsigned} request @param {Signing} signing @returns {Record<string, string>}
 */
export const signRequest = ({ method, url, headers = {}, body = '' }, { keys, region, service, nowMs }) => {
  const { host, pathname, searchParams } = new URL(url);
  const date = new Date(nowMs).toISOString().replaceAll(/[-:]|\.\d{3}/g, '');
  const sent = {
    ...Object.fromEntries(Object.entries(headers).map(([name, value]) => [name.toLowerCase(), value])),
    'x-amz-date': date,
    ...(keys.sessionToken !== undefined && { 'x-amz-security-token': keys.sessionToken }),
  };

  const signed = Object.entries({ ...sent, host }).sort(byName);
  const signedNames = signed.map(([name]) => name).join(';');
  const canonicalRequest = [
    method,
    pathname,
    [...searchParams]
      .map(([name, value]) => `${encode(name)}=${encode(value)}`)
      .sort()
      .join('&'),
    ...signed.map(([name, value]) => `${name}:${value.trim().replaceAll(/ +/g, ' ')}`),
    '',
    signedNames,
    sha256(body),
  ].join('\n');

  const scope = [date.slice(0, 8), region, service, 'aws4_request'];
  const stringToSign = [ALGORITHM, date, scope.join('/'), sha256(canonicalRequest)].join('\n');
  const key = scope.reduce(hmac, Buffer.from(`AWS4${keys.secretAccessKey}`));
  const signature = hmac(key, stringToSign).toString('hex');
  const credential = [keys.accessKeyId, ...scope].join('/');
  return {
    ...sent,
    authorization: `${ALGORITHM} Credential=${credential}, SignedHeaders=${signedNames}, Signature=${signature}`,
  };
};

/** By code points, whatever the locale. @param {[string, string]} a @param {[string, string]} b */
const byName = ([a], [b]) => (a < b ? -1 : 1);
