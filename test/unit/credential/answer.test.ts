import { describe, expect, it } from 'vitest';
import { readAnswer, readFailure } from '../../../src/credential/answer.js';

const sentAt = { wallMs: 1_900_000_000_000, monoMs: 0 };

describe('an answer that is no token', () => {
  it.each([
    [undefined, 'Expected what the provider returns to be an object with a `value`'],
    ['text', 'Expected what the provider returns to be an object with a `value`'],
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
