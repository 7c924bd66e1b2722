/** Refusals and redirects: RFC 6749 §5.2, RFC 9110 §10.2.3 and §15. */
import { leavesOpen, malformed, refused, type Entry, type Promised } from './promises.js';
import { CANARY, type Fault, type RetryAfter } from './types.js';

const DAY_MS = 86_400_000;

const status = (code: number, more: Partial<Extract<Fault, { kind: 'status' }>> = {}): Fault => ({
  kind: 'status',
  status: code,
  ...more,
});

const later = (code: number, more: Partial<Promised> = {}): Promised => ({
  outcome: 'transient',
  reason: 'http_status',
  status: code,
  ...more,
});

/** A 429, and what is told of when to come back. */
const busy = (
  name: string,
  retryAfter: RetryAfter,
  retryAfterMs: Promised['retryAfterMs'] & {},
  dateOffMs = 0,
): Entry => refused(`429, Retry-After ${name}`, status(429, { retryAfter, dateOffMs }), later(429, { retryAfterMs }));

const html = { body: { text: `<html><body>${CANARY}</body></html>` }, contentType: 'text/html' } as const;

const oauth = (code: number, error: string): Entry =>
  refused(`${code} ${error}`, status(code, { error }), {
    outcome: 'fatal',
    reason: 'oauth_error',
    oauthError: error,
    status: code,
  });

/** An error that no specification has: a server's own word, which is shown nowhere. */
const unknown = (code: number, name: string, body: { readonly text: string }): Entry =>
  refused(`${code} ${name}`, status(code, { body }), { outcome: 'fatal', reason: 'oauth_error', status: code });

const other = (code: number, more: Partial<Extract<Fault, { kind: 'status' }>>, name: string): Entry =>
  refused(`${code} ${name}`, status(code, more), { outcome: 'fatal', reason: 'http_status', status: code });

const redirect = (code: number): Entry =>
  refused(`${code} to elsewhere`, { kind: 'redirect', status: code, location: '{elsewhere}' }, later(code));

export const statuses: readonly Entry[] = [
  leavesOpen('500', status(500), later(500)),
  leavesOpen('500 after it has acted', status(500, { acts: true, ...html }), later(500)),
  leavesOpen('500 invalid_grant', status(500, { error: 'invalid_grant' }), later(500, { oauthError: 'invalid_grant' })),
  leavesOpen('502 in HTML', status(502, html), later(502)),
  leavesOpen('504 with a Retry-After', status(504, { retryAfter: '2' }), later(504, { retryAfterMs: 2_000 })),
  leavesOpen('599', status(599), later(599)),
  leavesOpen('999', status(999), later(999)),
  refused('503', status(503, html), later(503)),
  refused(
    '503 of 100 MB',
    status(503, { body: { repeat: CANARY, times: 2e7 }, retryAfter: '3' }),
    later(503, { retryAfterMs: 3_000 }),
  ),
  refused('408', status(408), later(408)),
  refused('425', status(425), later(425)),
  busy('in seconds', '7', 7_000),
  busy('in fractions', '1.5', 1_500),
  busy('0', '0', 0),
  busy('negative', '-5', 'none'),
  busy('huge', '9'.repeat(400), 'over an hour'),
  busy('of 31 digits', `1${'0'.repeat(30)}`, 'over an hour'),
  busy('in no number', 'soon', 'none'),
  busy('in a number that is none', '1e3', 'none'),
  busy('empty', '', 'none'),
  busy('as a date', { dateInMs: 9_000 }, 9_000),
  busy('as a date, the clock 5 h ahead', { dateInMs: 9_000 }, 9_000, 5 * 3_600_000),
  busy('as a date, the clock 3 days behind', { dateInMs: 9_000 }, 9_000, -3 * DAY_MS),
  busy('as a date that has passed', { dateInMs: -DAY_MS }, 0),
  busy('as a date in the year 9999', 'Fri, 31 Dec 9999 23:59:59 GMT', 'over an hour'),
  busy('as a date that is none', 'Fri, 99 Foo 2026 25:61:61 GMT', 'none'),
  // The size of the body must not cost what the header says.
  refused(
    '429 of 100 MB, Retry-After of 31 digits',
    status(429, { retryAfter: `1${'0'.repeat(30)}`, body: { repeat: CANARY, times: 2e7 } }),
    later(429, { retryAfterMs: 'over an hour' }),
  ),
  oauth(400, 'invalid_grant'),
  oauth(401, 'invalid_client'),
  oauth(400, 'unauthorized_client'),
  oauth(400, 'unsupported_grant_type'),
  oauth(400, 'invalid_scope'),
  oauth(400, 'invalid_request'),
  unknown(403, 'with an error of its own', { text: '{"error":"temporarily_odd"}' }),
  unknown(400, 'with an error that is a secret', { text: `{"error":"${'canary7'.repeat(9)}"}` }),
  other(400, html, 'in HTML'),
  other(400, {}, 'with nothing'),
  other(400, { body: { text: `{"error":{"${CANARY}":1}}` } }, 'with an error that is an object'),
  other(400, { body: { text: `{"error":"${CANARY} with spaces"}` } }, 'with an error that is a sentence'),
  other(400, { body: { text: `{"error":"${CANARY}\\u0000\\r\\n"}` } }, 'with an error of control characters'),
  other(400, { body: { text: `${'['.repeat(1e5)}${']'.repeat(1e5)}` } }, 'nested 100,000 deep'),
  other(400, { body: { text: `{"__proto__":{"error":"invalid_grant"}}` } }, 'with an error in __proto__'),
  other(404, html, 'in HTML'),
  other(418, {}, 'with nothing'),
  ...[301, 302, 303, 307, 308].map(redirect),
  refused('304', status(304), later(304)),
  // A refusal in a success: RFC 6749 §5.2 has it with a 400, and some servers don't.
  refused('200 invalid_grant', status(200, { error: 'invalid_grant' }), {
    ...{ outcome: 'fatal', reason: 'oauth_error', oauthError: 'invalid_grant', status: 200 },
  }),
  {
    ...malformed('200 with another error', status(200, { error: 'slow_down' })),
    reusable: { outcome: 'transient', reason: 'malformed_answer', oauthError: 'slow_down' },
  },
  malformed('201', { kind: 'body', body: { text: `{"access_token":"${CANARY}"}` }, status: 201 }),
  malformed('202 with nothing', status(202)),
  malformed('204', status(204)),
  malformed('204 with a body', status(204, { body: { text: `{"access_token":"${CANARY}"}` } })),
  malformed('205 with a body', status(205, { body: { text: `{"access_token":"${CANARY}"}` } })),
  malformed('206', status(206, { body: { text: `{"access_token":"${CANARY}"}` } })),
];
