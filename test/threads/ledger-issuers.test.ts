/** Tokens of several issuers, which may have the same names. */
import { afterEach, describe, expect, test } from 'vitest';
import { startSupervisor } from 'tokenvisor';
import { revocationLedger, type JwtVerification } from 'tokenvisor/inbound';
import { SECRET, sign } from '../support/signed-tokens.js';
import { cleanUp, supervise } from '../support/supervised.js';

afterEach(cleanUp);

const [A, B] = ['https://a.example', 'https://b.example'];
const ledger = (verify: Partial<JwtVerification>) =>
  revocationLedger({
    verify: { secret: SECRET, algorithms: ['HS256'], ...verify },
    ...{ cutoffs: true, maxTokenLifetimeMs: 60_000, maxEntries: 100 },
  });
const iat = Math.floor(Date.now() / 1_000) - 10;
const tokenOf = (iss: string): Promise<string> => sign(SECRET, 'HS256', { iss, jti: 'a', sub: 'ann', iat });

describe('one issuer could revoke another’s tokens, by the same jti or sub', () => {
  test('several of them in one ledger are refused', async () => {
    await expect(startSupervisor({ revoked: ledger({ issuer: [A, B] }) })).rejects.toMatchObject({
      code: 'CONFIG_INVALID',
      problems: [{ path: 'revoked.verify.issuer', expected: expect.stringContaining('sharedNames') as string }],
    });
  });

  test('each has its own ledger, and the others’ tokens are refused there', async () => {
    const { supervisor, children } = await supervise({ a: ledger({ issuer: A }), b: ledger({ issuer: [B] }) });
    await supervisor.ready();
    const [ofA, ofB] = [await tokenOf(A), await tokenOf(B)];
    await expect(children.a.revoke(ofB)).rejects.toMatchObject({ code: 'TOKEN_REFUSED' });
    expect(await children.b.revoke(ofB)).toBe('revoked');
    await children.b.revokeAllForSubject('ann');
    expect([children.a.isRevoked(ofA), children.b.isRevoked(ofB)]).toEqual([false, true]);
  });

  test('names of one issuer are said to be', async () => {
    const { supervisor, children } = await supervise({ revoked: ledger({ issuer: [A, `${A}/`], sharedNames: true }) });
    await supervisor.ready();
    expect(await children.revoked.revoke(await tokenOf(`${A}/`))).toBe('revoked');
    expect(children.revoked.isRevoked(await tokenOf(A))).toBe(true);
  });
});
