/** How the provider modules of the examples, which are there to be copied, treat what a server refuses. */
import { generateKeyPairSync } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { literal, type HttpAnswer, type ProviderFunction, type ProviderFunctionContext } from 'tokenvisor/providers';
import { assumeRoleWithWebIdentity } from '../../examples/aws-sts/provider.js';
import mintOfGitHub from '../../examples/github-app/provider.js';

const NOW_MS = Date.UTC(2026, 0, 1);
const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
const pem = privateKey.export({ type: 'pkcs1', format: 'pem' }).toString();

/** What `mint` throws if the server answers so. */
const failureOf = async <Options>(
  mint: ProviderFunction<Options>,
  options: Options,
  { status, headers = {}, body = '' }: { status: number; headers?: Record<string, string>; body?: string },
): Promise<unknown> => {
  const answer: HttpAnswer = { status, headers, body, json: () => JSON.parse(body) as unknown };
  const context = {
    options,
    now: () => NOW_MS,
    secret: () => pem,
    request: () => Promise.resolve(answer),
  } as unknown as ProviderFunctionContext<Options>;
  try {
    await mint(context);
  } catch (error) {
    return error;
  }
  throw new Error('Expected a failure');
};

describe('a GitHub App takes', () => {
  const app = { appId: 'Iv23liExample', installationId: 1, privateKey: literal(pem) };
  const reset = { 'x-ratelimit-remaining': '0', 'x-ratelimit-reset': String(NOW_MS / 1_000 + 90) };

  it.each([
    ['401 for a key that is not known', { status: 401 }, { class: 'fatal' }],
    ['404 for an installation that is gone', { status: 404 }, { class: 'fatal' }],
    ['422 for permissions that it has not', { status: 422 }, { class: 'fatal' }],
    ['403 for a suspension', { status: 403, headers: { 'x-ratelimit-remaining': '12' } }, { class: 'fatal' }],
    [
      '403 with Retry-After for a limit',
      { status: 403, headers: { 'retry-after': '7' } },
      { class: 'transient', retryAfterMs: 7_000 },
    ],
    ['403 for a limit that is used up', { status: 403, headers: reset }, { class: 'transient', retryAfterMs: 90_000 }],
    [
      '403 for a secondary limit, by its text',
      { status: 403, body: '{"message":"You have exceeded a secondary rate limit."}' },
      { class: 'transient', retryAfterMs: 60_000 },
    ],
    ['429 for a limit', { status: 429 }, { class: 'transient', retryAfterMs: 60_000 }],
    ['502 for a passing failure', { status: 502 }, { class: 'transient' }],
  ])('%s', async (_what, answer, expected) => {
    expect(await failureOf(mintOfGitHub, app, answer)).toMatchObject({ ...expected, status: answer.status });
  });
});

describe('AWS STS takes', () => {
  const role = { region: 'eu-central-1', roleArn: 'arn', roleSessionName: 'a', webIdentityToken: literal('a token') };
  const refusal = (code: string) => JSON.stringify({ Error: { Code: code, Message: 'what was sent' } });

  it.each([
    [400, 'IDPCommunicationError', 'transient'],
    [400, 'Throttling', 'transient'],
    [503, 'ServiceUnavailable', 'transient'],
    [403, 'AccessDenied', 'fatal'],
    [403, 'SignatureDoesNotMatch', 'fatal'],
    [400, 'ExpiredTokenException', 'fatal'],
    [400, 'ValidationError', 'fatal'],
  ])('%d %s as %s', async (status, code, failureClass) => {
    const failure = await failureOf(assumeRoleWithWebIdentity, role, { status, body: refusal(code) });
    expect(failure).toMatchObject({ class: failureClass, status, message: expect.stringContaining(code) as unknown });
    expect(String(failure)).not.toContain('what was sent');
  });

  it('a refusal in XML by its status', async () => {
    const failure = await failureOf(assumeRoleWithWebIdentity, role, { status: 500, body: '<html>' });
    expect(failure).toMatchObject({ class: 'transient', status: 500 });
  });
});
