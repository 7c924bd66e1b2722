/** The bytes of an answer, as they go on the wire: nothing tidies them up, and none is kept longer than it must be. */
import { STATUS_CODES } from 'node:http';
import type { Body, HostileAnswer } from './types.js';

/** So much of a repeated text is made at once. */
const CHUNK_BYTES = 64 * 1024;

export const lengthOf = (body: Body): number => {
  if ('text' in body) return Buffer.byteLength(body.text);
  return 'hex' in body ? body.hex.length / 2 : Buffer.byteLength(body.repeat) * body.times;
};

/** A body, piece by piece. */
export const chunksOf = function* (body: Body): Generator<Buffer> {
  if ('text' in body) yield Buffer.from(body.text);
  else if ('hex' in body) yield Buffer.from(body.hex, 'hex');
  else yield* repeated(body.repeat, body.times);
};

const repeated = function* (text: string, times: number): Generator<Buffer> {
  const size = Buffer.byteLength(text);
  const atOnce = Math.max(1, Math.floor(CHUNK_BYTES / size));
  const chunk = Buffer.from(text.repeat(Math.min(atOnce, times)));
  for (let left = times; left > 0; left -= atOnce) yield chunk.subarray(0, left * size);
};

/** The status line and the headers. Values are written as Latin-1, and are not looked at. */
export const headOf = ({ status, headers, body }: HostileAnswer): Buffer => {
  const framed = { 'content-length': String(lengthOf(body)), connection: 'close', ...headers };
  const lines = Object.entries(framed).flatMap(([name, values]) => [values].flat().map((value) => `${name}: ${value}`));
  return Buffer.from([`HTTP/1.1 ${status} ${STATUS_CODES[status] ?? ''}`, ...lines, '', ''].join('\r\n'), 'latin1');
};

/** All of an answer. */
export const bytesOf = function* (answer: HostileAnswer): Generator<Buffer> {
  if (answer.wire) {
    for (const piece of answer.wire) yield* chunksOf(piece);
    return;
  }
  yield headOf(answer);
  yield* chunksOf(answer.body);
};

/** The first so many bytes of these. */
export const first = function* (count: number, chunks: Iterable<Buffer>): Generator<Buffer> {
  let left = count;
  for (const chunk of chunks) {
    if (left <= 0) return;
    yield chunk.subarray(0, left);
    left -= chunk.length;
  }
};
