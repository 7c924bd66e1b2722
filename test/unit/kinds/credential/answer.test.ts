import { describe, expect, it } from 'vitest';
import { readAnswer, readFailure } from '../../../../src/kinds/credential/answer.js';
import { ProviderError } from '../../../../src/core/errors.js';

const sentAt = { wallMs: 1_900_000_000_000, monoMs: 0 };

describe('an answer that is no token', () => {
  it.each([
    [undefined, 'Expected the result of the provider to be an object with a `value`'],
    ['text', 'Expected the result of the provider to be an object with a `value`'],
    [{ access_token: 'a' }, 'Expected `value` of the answer to be a string'],
    [{ value: 'a', fields: { long: 'x'.repeat(70_000) } }, 'Expected the token with its `fields` to be at most'],
  ])('%#: says where', (minted, text) => {
    expect(readAnswer(minted, sentAt)).toMatchObject({
      ok: false,
      failure: { reason: 'malformed_answer', message: expect.stringContaining(text) as string },
    });
  });
});

describe('what a provider threw', () => {
  const messageOf = (thrown: unknown): string => readFailure(thrown, ['canary-secret']).message;

  it('is told with its cause, as fetch() has the reason there alone', () => {
    const cause = new Error('connect ECONNREFUSED 127.0.0.1:1');
    expect(messageOf(new TypeError('fetch failed', { cause }))).toBe(
      'The provider threw TypeError: fetch failed: connect ECONNREFUSED 127.0.0.1:1',
    );
    const nameless = Object.assign(new AggregateError([], ''), { code: 'ECONNREFUSED' });
    expect(messageOf(new TypeError('fetch failed', { cause: nameless }))).toMatch(/fetch failed: ECONNREFUSED$/);
    expect(messageOf(new TypeError('fetch failed', { cause: new Error('') }))).toMatch(/fetch failed$/);
    expect(messageOf(new TypeError('fetch failed', { cause: 'text' }))).toMatch(/fetch failed$/);
  });

  it('is told without secrets, in the cause too', () => {
    expect(messageOf(new Error('a', { cause: new Error('with canary-secret') }))).not.toContain('canary-secret');
  });
});

const revoked = (): object => {
  const { proxy, revoke } = Proxy.revocable({}, {});
  revoke();
  return proxy;
};

const throwingGetter = (name: string): object =>
  Object.defineProperty({ value: 'token', expiresInS: 60 }, name, {
    get: () => {
      throw new Error('a getter');
    },
  });

const nested = (levels: number): object => {
  let value: object = {};
  for (let level = 1; level < levels; level += 1) value = { value };
  return value;
};

describe('whatever a provider throws', () => {
  it.each([
    ['an object with no prototype', Object.create(null) as unknown],
    ['a revoked proxy', revoked()],
    ['an error whose message is a getter that throws', throwingGetter('message')],
    ['an object whose text is none', { message: Object.create(null) as unknown }],
    ['a symbol', Symbol('thrown')],
    ['nothing', undefined],
  ])('%s: is a failure of the mint, and no crash of the actor', (_what, thrown) => {
    const failure = readFailure(thrown, ['a secret']);
    expect(failure).toMatchObject({ class: 'transient', reason: 'provider_threw' });
    expect(failure.message).toContain('The provider threw');
  });

  it('a secret that is no text is a failure of the mint as well', () => {
    expect(readFailure(new Error('x'), [42 as never])).toMatchObject({ reason: 'provider_threw' });
  });

  it('a failure with long texts stays small enough for the records that it is kept in', () => {
    const long = 'é'.repeat(70_000);
    const failure = readFailure(new ProviderError(long, { oauthError: long, reason: long as never }), []);
    expect(Buffer.byteLength(JSON.stringify(failure))).toBeLessThan(2_000);
  });
});

describe('whatever a provider answers', () => {
  it.each([
    ['a revoked proxy', revoked()],
    ['an object whose value is a getter that throws', throwingGetter('value')],
    ['an object whose expiresInS is a getter that throws', throwingGetter('expiresInS')],
    ['fields that turn into a number', { value: 'token', fields: { toJSON: () => 5 } }],
    ['fields that turn into nothing', { value: 'token', fields: { toJSON: () => undefined } }],
    ['fields so deep that a reader could not freeze them', { value: 'token', fields: nested(101) }],
    ['fields so deep that no JSON can be made of them', { value: 'token', fields: nested(100_000) }],
  ])('%s: is a malformed answer', (_what, minted) => {
    expect(readAnswer(minted, sentAt)).toMatchObject({ ok: false, failure: { reason: 'malformed_answer' } });
  });

  it('fields of 100 levels are as good as flat ones', () => {
    expect(readAnswer({ value: 'token', fields: nested(100) }, sentAt)).toMatchObject({ ok: true });
  });
});
