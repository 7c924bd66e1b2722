/** What a fault makes of the answer that would have been right. Pure, so that the right one may be a real server's. */
import type { Body, Fault, HostileAnswer, RetryAfter } from './types.js';
import { CANARY } from './types.js';

/** True if the server does what it is asked before it misbehaves. */
export const actsUnder = (fault: Fault | undefined): boolean => {
  switch (fault?.kind) {
    case 'status':
      return fault.acts === true;
    case 'redirect':
    case 'connection':
      return false;
    case 'delivery':
    case 'wire':
      return fault.acts;
    default:
      return true;
  }
};

/**
 * The answer under a fault.
 *
 * @param right What would have been answered without it; of a server that has not acted it is not used.
 * @param serverMs What the server's clock shows.
 */
export const mangled = (right: HostileAnswer, fault: Fault | undefined, serverMs: number): HostileAnswer => {
  const withBody = (body: Body): HostileAnswer => ({ ...right, body });
  switch (fault?.kind) {
    case undefined:
      return right;
    case 'status':
      return statusAnswer(fault, serverMs);
    case 'redirect':
      return {
        ...plain(fault.status, { text: '' }, serverMs),
        headers: { ...dated(serverMs), location: fault.location },
      };
    case 'members':
      return withBody({ text: withMembers(textOf(right.body), fault) });
    case 'body': {
      const { body, contentType = 'application/json', status = right.status } = fault;
      return { ...right, status, headers: { ...right.headers, 'content-type': contentType }, body };
    }
    case 'truncated':
      return withBody({ text: textOf(right.body).slice(0, fault.bytes) });
    case 'duplicate_key':
      return withBody({ text: withMore(textOf(right.body), fault.key, JSON.stringify(fault.value)) });
    case 'encoded':
      return withBody({ hex: encoded(textOf(right.body), fault.as) });
    case 'headers':
      return { ...right, headers: { ...right.headers, ...fault.headers } };
    case 'wire': {
      const wire = fault.wire.map((piece) => ('right' in piece ? partOf(right, piece.right) : piece));
      return { ...right, wire, ...(fault.delivery && { delivery: fault.delivery }) };
    }
    case 'delivery':
      return { ...right, delivery: fault.delivery };
    case 'connection':
      return { ...right, delivery: { kind: 'no_connection', why: fault.why } };
  }
};

const partOf = ({ body }: HostileAnswer, part: 'body' | 'length'): Body =>
  part === 'body' ? body : { text: String(Buffer.byteLength(textOf(body))) };

/** An answer of the server's own, as JSON. */
export const plain = (status: number, body: Body, serverMs: number): HostileAnswer => ({
  status,
  headers: { ...dated(serverMs), 'content-type': 'application/json', 'cache-control': 'no-store' },
  body,
  delivery: { kind: 'whole' },
});

/** A refusal by RFC 6749 §5.2. What it says beside the code is for nobody's eyes. */
export const refusal = (status: number, error: string, serverMs: number): HostileAnswer =>
  plain(status, { text: JSON.stringify({ error, error_description: `${CANARY}: ${error}` }) }, serverMs);

const dated = (serverMs: number): Readonly<Record<string, string>> => ({ date: new Date(serverMs).toUTCString() });

const statusAnswer = (fault: Extract<Fault, { kind: 'status' }>, serverMs: number): HostileAnswer => {
  const { status, error, body, contentType, retryAfter, dateOffMs = 0 } = fault;
  const ownMs = serverMs + dateOffMs;
  const answer = error === undefined ? plain(status, body ?? { text: '' }, ownMs) : refusal(status, error, ownMs);
  return {
    ...answer,
    headers: {
      ...answer.headers,
      ...(contentType !== undefined && { 'content-type': contentType }),
      ...(retryAfter !== undefined && { 'retry-after': retryAfterText(retryAfter, ownMs) }),
    },
  };
};

const retryAfterText = (retryAfter: RetryAfter, ownMs: number): string =>
  typeof retryAfter === 'string' ? retryAfter : new Date(ownMs + retryAfter.dateInMs).toUTCString();

/** The text of a right answer's body; those are small, and texts. */
const textOf = (body: Body): string => {
  if ('text' in body) return body.text;
  throw new Error('Expected the right answer to have a text for a body, got bytes');
};

const withMembers = (text: string, { members = {}, texts = {}, without = [] }: Extract<Fault, { kind: 'members' }>) => {
  const right = Object.entries(JSON.parse(text) as Record<string, unknown>);
  const kept = right.filter(([name]) => !without.includes(name) && !(name in texts) && !(name in members));
  const named = [...kept, ...Object.entries(members)].map(([name, value]) => [name, JSON.stringify(value)] as const);
  return `{${[...named, ...Object.entries(texts)].map(([name, value]) => `${JSON.stringify(name)}:${value}`).join(',')}}`;
};

/** The text of an object, with one member more at its end. */
const withMore = (text: string, key: string, value: string): string =>
  `${text.slice(0, text.lastIndexOf('}'))},${JSON.stringify(key)}:${value}}`;

const encoded = (text: string, as: Extract<Fault, { kind: 'encoded' }>['as']): string => {
  if (as === 'utf8_bom') return Buffer.from(`\ufeff${text}`).toString('hex');
  const bytes = Buffer.from(`\ufeff${text}`, 'utf16le');
  return (as === 'utf16be' ? bytes.swap16() : bytes).toString('hex');
};
