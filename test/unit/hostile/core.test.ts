import { describe, expect, test } from 'vitest';
import {
  admitClient,
  answerTo,
  authorise,
  initialHostileState,
  presentations,
  refuseClient,
  type HostileState,
} from '../../hostile/core.js';
import type { Fault, HostileAnswer } from '../../hostile/types.js';

const NOW_MS = Date.UTC(2026, 0, 5, 12);

const ask = (state: HostileState, refreshToken: string, fault?: Fault, nowMs = NOW_MS) =>
  answerTo(state, { grantType: 'refresh_token', clientId: 'mail', refreshToken }, nowMs, fault);

const askAsClient = (state: HostileState, fault?: Fault, nowMs = NOW_MS) =>
  answerTo(state, { grantType: 'client_credentials', clientId: 'reports' }, nowMs, fault);

const textOf = ({ body }: HostileAnswer): string => ('text' in body ? body.text : '');
const jsonOf = (answer: HostileAnswer) => JSON.parse(textOf(answer)) as Record<string, string>;

const lost: Fault = { kind: 'delivery', acts: true, delivery: { kind: 'reset', bytes: 0 } };

describe('families of refresh tokens', () => {
  test('each redemption replaces the token', () => {
    const { state, refreshToken } = authorise(initialHostileState(), 'mail');
    const first = ask(state, refreshToken);
    const second = ask(first.state, jsonOf(first.answer)['refresh_token']!);
    expect(second.answer.status).toBe(200);
    expect(new Set([refreshToken, ...[first, second].map(({ answer }) => jsonOf(answer)['refresh_token'])]).size).toBe(
      3,
    );
    expect(presentations(second.state, refreshToken)).toEqual([1, 1, 0]);
    expect(second.state.counts).toMatchObject({ requests: 2, acted: 2, issued: 2, refused: 0, reuses: 0 });
  });

  test('a token that comes a second time revokes its family, and no other', () => {
    const one = authorise(initialHostileState(), 'mail');
    const other = authorise(one.state, 'mail');
    const first = ask(other.state, one.refreshToken);
    const reuse = ask(first.state, one.refreshToken);
    expect(jsonOf(reuse.answer)).toMatchObject({ error: 'invalid_grant' });
    expect(reuse.state.counts).toMatchObject({ reuses: 1, revokedFamilies: 1 });
    const after = ask(reuse.state, jsonOf(first.answer)['refresh_token']!);
    expect(jsonOf(after.answer)).toMatchObject({ error: 'invalid_grant' });
    expect(after.state.counts.revokedFamilies).toBe(1);
    expect(ask(after.state, other.refreshToken).answer.status).toBe(200);
  });

  test('an answer that is lost after the server has acted: the same token again is a reuse', () => {
    const { state, refreshToken } = authorise(initialHostileState(), 'mail');
    const first = ask(state, refreshToken, lost);
    expect(first).toMatchObject({ acted: true, answer: { delivery: { kind: 'reset', bytes: 0 } } });
    expect(ask(first.state, refreshToken).state.counts.reuses).toBe(1);
  });

  test('one that is lost before it has acted is none', () => {
    const { state, refreshToken } = authorise(initialHostileState(), 'mail');
    for (const fault of [
      { ...lost, acts: false },
      { kind: 'status', status: 500 },
      { kind: 'connection', why: 'refused' },
    ] as const) {
      const first = ask(state, refreshToken, fault);
      expect(first.acted).toBe(false);
      expect(ask(first.state, refreshToken).answer.status).toBe(200);
    }
  });

  test('within the grace the token before the last is answered with the last; older ones never', () => {
    const { state, refreshToken } = authorise(initialHostileState({ reuseGraceMs: 1_000 }), 'mail');
    const first = ask(state, refreshToken);
    const again = ask(first.state, refreshToken, undefined, NOW_MS + 999);
    expect(jsonOf(again.answer)['refresh_token']).toBe(jsonOf(first.answer)['refresh_token']);
    expect(ask(again.state, refreshToken, undefined, NOW_MS + 1_000).state.counts.reuses).toBe(1);
    const second = ask(again.state, jsonOf(first.answer)['refresh_token']!);
    expect(ask(second.state, refreshToken).state.counts.reuses).toBe(1);
  });

  test('a reusable token may come as often as it likes; one of another client, or of nobody, is refused', () => {
    const { state, refreshToken } = authorise(initialHostileState({ rotation: 'reusable' }), 'mail');
    const second = ask(ask(state, refreshToken).state, refreshToken);
    expect(second.state.counts).toMatchObject({ issued: 2, reuses: 0 });
    const stolen = answerTo(state, { grantType: 'refresh_token', clientId: 'other', refreshToken }, NOW_MS, undefined);
    for (const { answer, acted } of [stolen, ask(state, 'nonsense'), ask(state, 'canary-refresh-0-7')]) {
      expect([jsonOf(answer)['error'], acted]).toEqual(['invalid_grant', false]);
    }
  });
});

test('a client is refused for a time, and well again; also where it is admitted before', () => {
  const refused = refuseClient(initialHostileState(), 'reports', 'invalid_client', NOW_MS + 10);
  expect(askAsClient(refused).answer).toMatchObject({ status: 401 });
  expect(askAsClient(refused, undefined, NOW_MS + 10).answer.status).toBe(200);
  expect(askAsClient(admitClient(refused, 'reports')).answer.status).toBe(200);
});

describe('answers under a fault', () => {
  const answerUnder = (fault: Fault, options = {}): HostileAnswer =>
    askAsClient(initialHostileState(options), fault).answer;

  test('dates are those of the server, whose clock may be off', () => {
    const options = { clockOffMs: 3 * 3_600_000 };
    expect(askAsClient(initialHostileState(options)).answer.headers['date']).toBe('Mon, 05 Jan 2026 15:00:00 GMT');
    const retry: Fault = { kind: 'status', status: 429, retryAfter: { dateInMs: 5_000 } };
    expect(answerUnder(retry, options).headers).toMatchObject({
      date: 'Mon, 05 Jan 2026 15:00:00 GMT',
      'retry-after': 'Mon, 05 Jan 2026 15:00:05 GMT',
    });
    expect(answerUnder({ ...retry, dateOffMs: -3_600_000 }).headers['date']).toBe('Mon, 05 Jan 2026 11:00:00 GMT');
  });

  test('members are replaced, left out, or written as they are', () => {
    const text = textOf(
      answerUnder({
        kind: 'members',
        members: { token_type: ['Bearer'] },
        texts: { expires_in: '1e400', __proto__x: '{}' },
        without: ['scope'],
      }),
    );
    expect(text).toBe('{"access_token":"canary-access-1","token_type":["Bearer"],"expires_in":1e400,"__proto__x":{}}');
  });

  test('a member comes again, a body is cut, or another, or in other bytes', () => {
    expect(textOf(answerUnder({ kind: 'duplicate_key', key: 'access_token', value: 'b' }))).toMatch(
      /^\{"access_token":"canary-access-1",.*,"access_token":"b"\}$/,
    );
    expect(textOf(answerUnder({ kind: 'truncated', bytes: 9 }))).toBe('{"access_');
    expect(answerUnder({ kind: 'body', body: { repeat: 'x', times: 1e8 }, contentType: 'text/plain' })).toMatchObject({
      status: 200,
      headers: { 'content-type': 'text/plain' },
      body: { repeat: 'x', times: 1e8 },
    });
    expect(answerUnder({ kind: 'encoded', as: 'utf16be' }).body).toMatchObject({
      hex: expect.stringMatching(/^feff007b0022/) as string,
    });
    expect(answerUnder({ kind: 'wire', acts: true, wire: [{ text: 'HTTP/0.9 ' }, { right: 'body' }] }).wire).toEqual([
      { text: 'HTTP/0.9 ' },
      { text: expect.stringContaining('canary-access-1') as string },
    ]);
  });

  test('a refusal stays one, whatever the fault would have made of a token', () => {
    const state = refuseClient(initialHostileState(), 'reports', 'invalid_client');
    expect(askAsClient(state, { kind: 'truncated', bytes: 3 }).answer.status).toBe(401);
    expect(askAsClient(state, lost).answer.delivery).toEqual({ kind: 'reset', bytes: 0 });
  });

  test('what was asked by no connection is not counted', () => {
    const { state, answer } = askAsClient(initialHostileState(), { kind: 'connection', why: 'tls_expired' });
    expect(state.counts.requests).toBe(0);
    expect(answer.delivery).toEqual({ kind: 'no_connection', why: 'tls_expired' });
  });

  test('a fault and a state are JSON, and the same again gives the same', () => {
    const { state, refreshToken } = authorise(initialHostileState(), 'mail');
    const fault: Fault = { kind: 'members', members: { expires_in: 'soon' } };
    const copied = ask(
      JSON.parse(JSON.stringify(state)) as HostileState,
      refreshToken,
      JSON.parse(JSON.stringify(fault)) as Fault,
    );
    expect(copied).toEqual(ask(state, refreshToken, fault));
  });
});
