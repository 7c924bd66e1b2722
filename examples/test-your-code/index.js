// @ts-check
/**
 * Test your code: a client of an API meets an outage, a revoked token and a parked credential, in no time.
 *
 * What you see: four tests of `report-client.js`, written with node:test. Each makes a credential from a list of answers:
 * tokens and failures, served in order. They use no server, no thread and no wait: expiry and
 * retries follow a simulated clock. More than an hour passes in milliseconds.
 */
import assert from 'node:assert/strict';
import { afterEach, beforeEach, test } from 'node:test';
import { ProviderError } from 'tokenvisor/providers';
import { createSimulatedClock, createTestCredential } from 'tokenvisor/testing';
import { createReportClient } from './report-client.js';

/** @type {import('tokenvisor/testing').SimulatedClock} */
let clock;
/** @type {import('tokenvisor/testing').TestCredential} */
let made;

/** A client whose API takes the tokens that are good. */
const createClient = (/** @type {import('tokenvisor/testing').TestAnswer[]} */ answers, good = /token/) => {
  made = createTestCredential(answers, { clock });
  const ask = async (/** @type {string} */ authorization) =>
    good.test(authorization) ? { status: 200, body: `read with ${authorization}` } : { status: 401, body: '' };
  return createReportClient(made.credential, ask);
};

beforeEach(() => {
  clock = createSimulatedClock();
});
afterEach(() => made.close());

await test('it reads with the token of the hour', async () => {
  const client = createClient([
    { value: 'token-1', expiresInS: 3_600 },
    { value: 'token-2', expiresInS: 3_600 },
  ]);
  assert.equal(await client.report(), 'read with Bearer token-1');
  await clock.advanceAsync(3_600_000);
  assert.equal(await client.report(), 'read with Bearer token-2');
});

await test('an outage that is longer than a token lives shows in its health, and is over by itself', async () => {
  const down = ProviderError.transient('the server is down');
  const client = createClient([{ value: 'token-1', expiresInS: 60 }, ...Array(25).fill(down), 'token-2']);
  await made.ready();
  assert.equal(client.isHealthy(), true);
  await clock.advanceAsync(60_000);
  assert.equal(client.isHealthy(), false);
  const late = assert.rejects(client.report(), { code: 'TIMEOUT' });
  clock.advance(2_000);
  await late;
  await clock.advanceAsync(300_000);
  assert.equal(await client.report(), 'read with Bearer token-2');
});

await test('a token that the API refuses is replaced, and the report read all the same', async () => {
  const client = createClient(['revoked', 'token-2']);
  const report = client.report();
  await clock.advanceAsync(10_000);
  assert.equal(await report, 'read with Bearer token-2');
  assert.equal(made.left, 0);
});

await test('a parked credential is reported at once', async () => {
  const client = createClient([ProviderError.fatal('the client is not known', { oauthError: 'invalid_client' })]);
  await assert.rejects(client.report(), { code: 'PARKED', message: /the client is not known/ });
});
