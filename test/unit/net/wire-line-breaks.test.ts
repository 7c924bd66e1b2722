/** Lone carriage returns and line feeds, and NULs, on the wire: a real server below HTTP. */
import { createServer, type AddressInfo } from 'node:net';
import { expect, it, describe } from 'vitest';
import { systemClock } from '../../../src/core/clock.js';
import { AddressBook } from '../../../src/net/dns-cache.js';
import { createHttpClient } from '../../../src/net/http-client.js';
import { failureOf } from '../../support/http-context.js';

const door = createHttpClient({
  clock: systemClock,
  addresses: new AddressBook({ clock: systemClock }),
  timeoutMs: 2_000,
});

/** What comes of an answer of these bytes, and what was asked. */
const answered = async (bytes: string): Promise<{ outcome: unknown; asked: string }> => {
  let asked = '';
  const server = createServer((socket) => {
    socket.on('error', () => undefined);
    socket.once('data', (chunk) => {
      asked = chunk.toString('latin1');
      socket.end(bytes, 'latin1');
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/token`;
  const outcome: unknown = await door(url, { method: 'POST', body: 'a=1' }).then(
    ({ status, headers, body }) => ({ status, headers, body }),
    (error: unknown) => error,
  );
  server.close();
  return { outcome, asked };
};

const BODY = '{"a":1}';
const whole = (head: string): string => `HTTP/1.1 200 OK\r\n${head}content-length: 7\r\n\r\n${BODY}`;

describe('an answer with lone CR or LF is no HTTP, or is read without them', () => {
  it.each([
    ['LF alone after the status', `HTTP/1.1 200 OK\ncontent-length: 7\n\n${BODY}`],
    ['LF alone after a header', whole('x-a: 1\n')],
    ['CR alone after a header', whole('x-a: 1\rset-cookie: b\r\n')],
    ['CR within a value', whole('x-a: one\rtwo\r\n')],
    ['CR within a name', whole('x\r-a: 1\r\n')],
    ['CR CR LF', whole('x-a: 1\r\r\n')],
    ['NUL within a value', whole('x-a: one\0two\r\n')],
    ['a folded line', whole('x-a: one\r\n two\r\n')],
    ['CR in the reason', `HTTP/1.1 200 O\rK\r\ncontent-length: 7\r\n\r\n${BODY}`],
    ['CR alone at the end of the head', `HTTP/1.1 200 OK\r\ncontent-length: 7\r\n\r${BODY}`],
    ['a length with LF in it', `HTTP/1.1 200 OK\r\ncontent-length: 7\n9\r\n\r\n${BODY}`],
    ['a chunk with LF alone', `HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n7\n${BODY}\n0\n\n`],
    ['two lengths', `HTTP/1.1 200 OK\r\ncontent-length: 7\r\ncontent-length: 8\r\n\r\n${BODY}`],
  ])('%s', async (_, bytes) => {
    const { outcome } = await answered(bytes);
    if (outcome instanceof Error) {
      expect(outcome).toMatchObject({ code: 'MINT_FAILED', class: 'transient' });
      expect(outcome.message).not.toMatch(/one|two|set-cookie|[\r\n\0]/);
      return;
    }
    const { body, headers } = outcome as { body: string; headers: Record<string, string> };
    expect(body).toBe(BODY);
    expect(JSON.stringify(headers)).not.toMatch(/\\r|\\n|\\u0000|set-cookie/);
  });
});

describe('what we send begins no line of its own', () => {
  it.each(['a\rb', 'a\nb', 'a\r\nx-b: 1', 'a\0b', 'a\u010ab'])(
    'a header of %j is refused, with nothing sent',
    async (value) => {
      const failure = await failureOf(() => door('http://127.0.0.1:1/', { headers: { 'x-a': value } }));
      expect(failure).toMatchObject({ reason: 'connect_failed' });
      expect(failure.message).not.toContain('x-b');
    },
  );

  it.each(['GET\r\nx: 1', 'G T', 'GET\n'])('nor a method of %j', async (method) => {
    await expect(door('http://127.0.0.1:1/', { method })).rejects.toMatchObject({
      name: expect.any(String) as string,
    });
  });

  it('a request has no line breaks but those of its head', async () => {
    const { asked } = await answered(whole(''));
    expect(asked.split('\r\n')[0]).toBe('POST /token HTTP/1.1');
    expect(asked.replaceAll('\r\n', '')).not.toMatch(/[\r\n]/);
  });
});
