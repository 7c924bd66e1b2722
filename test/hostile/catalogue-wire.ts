/** Connections that break, hang, or say what no HTTP library would write: RFC 9112, and TLS. */
import { lost, malformed, silent, unsent, used, refused, type Entry, type Promised } from './promises.js';
import { CANARY, type Delivery, type Fault, type NoConnection, type Wire } from './types.js';

const delivered = (delivery: Exclude<Delivery, { kind: 'no_connection' }>, acts = true): Fault => ({
  kind: 'delivery',
  acts,
  delivery,
});

const wire = (...pieces: readonly (string | Wire[number])[]): Extract<Fault, { kind: 'wire' }> => ({
  kind: 'wire',
  acts: true,
  wire: pieces.map((piece) => (typeof piece === 'string' ? { text: piece } : piece)),
});
const right = { right: 'body' } as const;

const OK = 'HTTP/1.1 200 OK\r\n';
const JSON_TYPE = 'Content-Type: application/json\r\n';
const headers = (more: Readonly<Record<string, string | readonly string[]>>): Fault => ({
  kind: 'headers',
  headers: more,
});

const deliveries: readonly Entry[] = [
  used('the answer 300 ms late', delivered({ kind: 'delayed', ms: 300 })),
  used('a connection that is kept open', delivered({ kind: 'kept_open' })),
  used('byte by byte, fast', delivered({ kind: 'byte_by_byte', everyMs: 0 })),
  silent('byte by byte, too slow', delivered({ kind: 'byte_by_byte', everyMs: 50 })),
  silent('it hangs before the headers, and has not acted', delivered({ kind: 'hang_before_headers' }, false)),
  silent('it hangs before the headers, and has acted', delivered({ kind: 'hang_before_headers' })),
  silent('it hangs in the body', delivered({ kind: 'hang_in_body', bytes: 10 })),
  silent('it hangs late in the body', delivered({ kind: 'hang_in_body', bytes: 80 })),
  silent('it hangs after the status line', { ...wire('HTTP/1.1 200 OK\r\nContent-'), delivery: { kind: 'kept_open' } }),
  lost('a reset, and it has not acted', delivered({ kind: 'reset', bytes: 0 }, false)),
  lost('a reset, and it has acted', delivered({ kind: 'reset', bytes: 0 })),
  lost('a reset in the headers', delivered({ kind: 'reset', bytes: 40 })),
  lost('a reset in the body', delivered({ kind: 'reset', bytes: 170 })),
  lost('an end with nothing', delivered({ kind: 'half_closed', bytes: 0 })),
  lost('an end in the headers', delivered({ kind: 'half_closed', bytes: 40 })),
  lost('an end in the body', delivered({ kind: 'half_closed', bytes: 170 })),
  used('an end of the body by that of the connection', wire(`${OK}${JSON_TYPE}\r\n`, right)),
];

/** A refusal whose body never ends: its status and its headers are here. */
const refusals: readonly Entry[] = [
  ...(['a chunk that is none', 'an end', 'too much'] as const).map((how) => {
    const framed =
      how === 'an end'
        ? 'Content-Length: 99\r\n\r\nx'
        : how === 'too much'
          ? 'Transfer-Encoding: chunked\r\n\r\n'
          : 'Transfer-Encoding: chunked\r\n\r\nzz\r\n';
    const more = how === 'too much' ? [{ repeat: `8000\r\n${CANARY.repeat(5_461)}cc\r\n`, times: 100 }] : [];
    const promised: Promised = { outcome: 'transient', reason: 'http_status', status: 503, retryAfterMs: 4_000 };
    const fault: Fault = {
      kind: 'wire',
      acts: false,
      wire: [{ text: `HTTP/1.1 503 Busy\r\nRetry-After: 4\r\n${framed}` }, ...more],
    };
    return refused(`503, its body with ${how}`, fault, promised);
  }),
  {
    ...refused(
      '429, its body never ends',
      {
        kind: 'wire',
        acts: false,
        delivery: { kind: 'kept_open' },
        wire: [{ text: 'HTTP/1.1 429 Busy\r\nRetry-After: 4\r\nContent-Length: 99\r\n\r\nx' }],
      },
      { outcome: 'transient', reason: 'http_status', status: 429, retryAfterMs: 4_000 },
    ),
    over: 'at_timeout',
  },
];

const protocol: readonly Entry[] = [
  malformed('HTTP/0.9', wire(right)),
  malformed('HTTP/3.7', wire('HTTP/3.7 200 OK\r\n\r\n')),
  malformed('SSH', wire('SSH-2.0-OpenSSH_9.6\r\n')),
  malformed('a status of letters', wire('HTTP/1.1 abc OK\r\n\r\n')),
  malformed(
    'both a length and chunks',
    wire(`${OK}${JSON_TYPE}Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n`),
  ),
  malformed('a negative length', wire(`${OK}${JSON_TYPE}Content-Length: -5\r\n\r\n`)),
  malformed('two lengths', wire(`${OK}${JSON_TYPE}Content-Length: 5\r\nContent-Length: 6\r\n\r\n`)),
  malformed('a length of 10^30', wire(`${OK}${JSON_TYPE}Content-Length: 1${'0'.repeat(30)}\r\n\r\n`)),
  malformed('a length of 100 MB, and nothing', wire(`${OK}${JSON_TYPE}Content-Length: 100000000\r\n\r\n`)),
  malformed('a chunk of no size', wire(`${OK}${JSON_TYPE}Transfer-Encoding: chunked\r\n\r\nzz\r\n{}\r\n`)),
  malformed('a chunk of a negative size', wire(`${OK}${JSON_TYPE}Transfer-Encoding: chunked\r\n\r\n-5\r\n{}\r\n`)),
  malformed(
    'chunks of 100 MB',
    wire(`${OK}Transfer-Encoding: chunked\r\n\r\n`, { repeat: `8000\r\n${'x'.repeat(32_768)}\r\n`, times: 3_000 }),
  ),
  malformed('100 MB to the end of the connection', wire(`${OK}\r\n`, { repeat: CANARY, times: 2e7 })),
  malformed(
    'a chunk extension without an end',
    wire(`${OK}Transfer-Encoding: chunked\r\n\r\n5;`, { repeat: CANARY, times: 2e6 }),
  ),
  malformed('a header without an end', wire(`${OK}X-${CANARY}: `, { repeat: CANARY, times: 2e6 })),
  malformed('headers without an end', wire(OK, { repeat: `X-${CANARY}: ${CANARY}\r\n`, times: 1e6 })),
  malformed('a header with NUL', wire(`${OK}X-A: a\0b\r\n\r\n{}`)),
  malformed('a header folded', wire(`${OK}X-A: a\r\n b\r\n: c\r\n\r\n{}`)),
  malformed('a content coding', headers({ 'content-encoding': 'gzip' })),
  malformed('a transfer coding that nobody knows', wire(`${OK}Transfer-Encoding: ${CANARY}\r\n\r\n{}`)),
  used('headers in Latin-1', headers({ 'x-name': 'caf\u00e9 \u00ff', 'www-authenticate': CANARY })),
  used('1,000 headers', headers(Object.fromEntries(Array.from({ length: 1_000 }, (_, i) => [`x-${i}`, '1'])))),
  used(
    'headers named like members of objects',
    headers({ __proto__x: '1', constructor: '2', toString: '3', 'set-cookie': ['a=1', 'b=2'] }),
  ),
  used(
    '100 times 100 Continue',
    wire({ repeat: 'HTTP/1.1 100 Continue\r\n\r\n', times: 100 }, `${OK}${JSON_TYPE}Connection: close\r\n\r\n`, right),
  ),
  used('103 Early Hints', wire('HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n', `${OK}${JSON_TYPE}\r\n`, right)),
  lost(
    '101 Switching Protocols',
    wire(`HTTP/1.1 101 Switching Protocols\r\nUpgrade: ${CANARY}\r\nConnection: Upgrade\r\n\r\n`),
  ),
  // RFC 9112 §6.3: what comes after the end of the answer may be thrown away, and is no part of it.
  used(
    'more after the end',
    wire(`${OK}${JSON_TYPE}Connection: close\r\nContent-Length: `, { right: 'length' }, '\r\n\r\n', right, CANARY),
  ),
  used(
    'a line more after the end',
    wire(`${OK}${JSON_TYPE}Content-Length: `, { right: 'length' }, '\r\n\r\n', right, '\r\n'),
  ),
];

const unreached: readonly (readonly [NoConnection, Promised, 'at_once' | 'at_timeout'])[] = [
  ['refused', { outcome: 'transient', reason: 'connect_failed' }, 'at_once'],
  ['tls_wrong_name', { outcome: 'fatal', reason: 'tls_failed' }, 'at_once'],
  ['tls_expired', { outcome: 'fatal', reason: 'tls_failed' }, 'at_once'],
  ['tls_unknown_authority', { outcome: 'fatal', reason: 'tls_failed' }, 'at_once'],
  ['tls_not_spoken', { outcome: 'fatal', reason: 'tls_failed' }, 'at_once'],
  ['tls_reset', { outcome: 'transient', reason: 'connect_failed' }, 'at_once'],
  ['tls_hangs', { outcome: 'transient', reason: 'connect_failed' }, 'at_timeout'],
];

/** What strikes before anything is asked: such a server has no other clients meanwhile. */
export const connections: readonly Entry[] = [
  ...unreached.map(([why, promised, over]) =>
    unsent(why, { kind: 'connection', why }, promised, { over, ...(why !== 'refused' && { tls: true }) }),
  ),
  used('an answer before the request', delivered({ kind: 'early' })),
];

export const onTheWire: readonly Entry[] = [...deliveries, ...refusals, ...protocol];
