// @ts-check
/**
 * A GitHub App's installation tokens, by a provider module that you can copy.
 *
 * What you see: the app signs a JWT that a server in place of GitHub verifies, and gets a token for two repositories of one
 * installation. After a rate limit the credential waits as long as the server says. A missing installation parks its
 * credential; the other one is not affected.
 */
import assert from 'node:assert/strict';
import { generateKeyPairSync } from 'node:crypto';
import { credential, startSupervisor } from 'tokenvisor';
import { literal } from 'tokenvisor/providers';
import { startGitHub } from './github.js';

const { privateKey, publicKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
const github = await startGitHub({ appId: 'Iv23liExample', installationId: 4711, publicKey });

/** @param {number} installationId */
const installation = (installationId) =>
  credential({
    provider: new URL('./provider.js', import.meta.url),
    options: {
      appId: 'Iv23liExample',
      installationId,
      // In an application: file('/run/secrets/app.private-key.pem').
      privateKey: literal(privateKey.export({ type: 'pkcs1', format: 'pem' }).toString()),
      baseUrl: github.baseUrl, // Left out for github.com.
      repositories: ['website', 'docs'],
      permissions: { contents: 'read' },
    },
  });

const supervisor = await startSupervisor({ website: installation(4711), gone: installation(4712) });
supervisor.on('mint:failed', ({ name, failure }) => {
  const when = failure.retryAfterMs === undefined ? '' : `, not again within ${failure.retryAfterMs} ms`;
  console.log(`event: ${failure.class} failure of '${name}': ${failure.message}${when}`);
});
supervisor.on('child:parked', ({ name, why }) => console.log(`event: '${name}' is parked (${why})`));

const { website, gone } = supervisor.children;
const token = await website.get();
console.log(`The token:       ${token}, ${Math.round((token.expiresAtMs - Date.now()) / 60_000)} minutes left`);
console.log(`Its fields:      ${JSON.stringify(token.fields)}`);
await assert.rejects(gone.get(), { code: 'PARKED' });

console.log('\nOver the rate limit, with one request:');
github.limit(1);
console.log(`The next token:  ${await website.refresh({ timeoutMs: 10_000 })}`);
assert.equal(website.status().attempts, 3);

await supervisor.close();
github.close();
