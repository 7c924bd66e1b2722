/** What a token endpoint may do wrong in a chaos run, by the name that its figures have. */

/** @typedef {import('../hostile/types.js').Fault} Fault */

/** For one client, at the hostile server in front. @type {Readonly<Record<string, Fault>>} */
export const FRONT_FAULTS = {
  'answers 500': { kind: 'status', status: 500 },
  'answers 503 with Retry-After': { kind: 'status', status: 503, retryAfter: '1' },
  'answers 429 with a date': { kind: 'status', status: 429, retryAfter: { dateInMs: 1_500 } },
  'refuses the client': { kind: 'status', status: 401, error: 'invalid_client' },
  'answers 403': { kind: 'status', status: 403 },
  redirects: { kind: 'redirect', status: 307, location: 'http://127.0.0.1:9/token' },
  'answers an expired token': { kind: 'members', members: { expires_in: 0 } },
  'answers no token': { kind: 'members', without: ['access_token'] },
  'answers HTML': { kind: 'body', body: { text: '<html>later</html>' }, contentType: 'text/html' },
  'answers too much': { kind: 'body', body: { repeat: '{"a":', times: 200_000 } },
  'cuts the body': { kind: 'truncated', bytes: 30 },
  'resets before it acts': { kind: 'delivery', acts: false, delivery: { kind: 'reset', bytes: 0 } },
  'resets after it has acted': { kind: 'delivery', acts: true, delivery: { kind: 'reset', bytes: 60 } },
  'ends in mid-answer': { kind: 'delivery', acts: true, delivery: { kind: 'half_closed', bytes: 80 } },
  'hangs before the headers': { kind: 'delivery', acts: true, delivery: { kind: 'hang_before_headers' } },
  'hangs in the body': { kind: 'delivery', acts: true, delivery: { kind: 'hang_in_body', bytes: 20 } },
  'is slow': { kind: 'delivery', acts: true, delivery: { kind: 'delayed', ms: 700 } },
  'writes byte by byte': { kind: 'delivery', acts: true, delivery: { kind: 'byte_by_byte', everyMs: 1 } },
};

/** The faults that say that asking again is of no use. */
export const PARKING = new Set(['refuses the client', 'answers 403', 'redirects']);

/** The name of a fault that was seen. @param {Fault} fault */
export const nameOf = (fault) => NAMES.get(JSON.stringify(fault)) ?? 'another';

const NAMES = new Map(Object.entries(FRONT_FAULTS).map(([name, fault]) => [JSON.stringify(fault), name]));

/** For one client of a server that is asked directly. @type {Readonly<Record<string, object>>} */
export const DIRECT_FAULTS = {
  'the real server answers 500': { kind: 'status', status: 500 },
  'the real server loses an answer': { kind: 'lose' },
};
