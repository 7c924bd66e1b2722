/** Whether a token is whole and whose it is, by its signature or its checksum, and until when it may be handed out. */
import { createPublicKey, verify } from 'node:crypto';
import { checksumOf } from './own-provider.mjs';

/**
 * @typedef {{ clientId: string, mintedAtMs: number, goodUntilMs: number }} Reading by the machine's clock
 * @typedef {{ issuer: string, jwks: any, lifeMs: number }} Issuer
 */

/** Readers stop a tenth of the life before its end; it was minted after its request was sent. */
const USABLE = 0.9;

/** @param {string} part */
const decode = (part) => JSON.parse(Buffer.from(part, 'base64url').toString());

/** Not by `exp` and `iat`, which are of whole seconds. @param {any} claims @param {number} lifeMs @returns {Reading} */
const readingOf = ({ client_id: clientId, minted_ms: mintedAtMs }, lifeMs) => ({
  ...{ clientId, mintedAtMs },
  goodUntilMs: mintedAtMs + USABLE * lifeMs,
});

/**
 * @param {Issuer[]} issuers
 * @returns {(token: import('tokenvisor').Token) => Reading} throws for one that is not whole
 */
export const tokenReader = (issuers) => {
  const keys = new Map(
    issuers.map(({ issuer, jwks, lifeMs }) => [
      issuer,
      { key: createPublicKey({ key: jwks.keys[0], format: 'jwk' }), lifeMs },
    ]),
  );
  return (token) => {
    const [head = '', body = '', signature] = token.value.split('.');
    if (signature === undefined) {
      const { filled } = /** @type {{ filled: string }} */ (token.fields);
      if (checksumOf(head + filled) !== body) throw new Error('a checksum that is wrong');
      const claims = decode(head);
      return readingOf(claims, claims.life_ms);
    }
    const claims = decode(body);
    const known = keys.get(claims.iss);
    const how = known && { key: known.key, dsaEncoding: /** @type {const} */ ('ieee-p1363') };
    const isSigned = how && verify('sha256', Buffer.from(`${head}.${body}`), how, Buffer.from(signature, 'base64url'));
    if (!isSigned) throw new Error('a signature that is wrong');
    return readingOf(claims, known.lifeMs);
  };
};
