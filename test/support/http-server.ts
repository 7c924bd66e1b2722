/** A local HTTP server whose answers a test writes down. */
import { createServer, type IncomingMessage, type RequestListener, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';

export interface SeenRequest {
  readonly method: string;
  readonly path: string;
  readonly headers: IncomingMessage['headers'];
  readonly form: URLSearchParams;
}

export interface ScriptedAnswer {
  readonly status?: number;
  readonly headers?: Record<string, string>;
  readonly body?: string | Buffer | object;
  /** Instead of an answer: cut the connection, or never answer. */
  readonly fault?: 'cut' | 'silence' | 'half';
}

export interface ScriptedServer {
  readonly origin: string;
  readonly port: number;
  readonly seen: SeenRequest[];
  close(): Promise<void>;
  [Symbol.asyncDispose](): Promise<void>;
}

/** Answers each request with what `script` says; a list is used one by one, its last for ever. */
export async function serve(
  script: ScriptedAnswer | readonly ScriptedAnswer[] | ((request: SeenRequest) => ScriptedAnswer),
  make: (listener: RequestListener) => Server = createServer,
  scheme = 'http',
): Promise<ScriptedServer> {
  const answers = typeof script === 'function' ? [] : [script].flat();
  const seen: SeenRequest[] = [];
  const server = make((request, response) => {
    void text(request).then((body) => {
      const one = {
        method: request.method ?? '',
        path: request.url ?? '',
        headers: request.headers,
        form: new URLSearchParams(body),
      };
      seen.push(one);
      const answer =
        typeof script === 'function' ? script(one) : (answers[Math.min(seen.length, answers.length) - 1] ?? {});
      const payload =
        typeof answer.body === 'object' && !Buffer.isBuffer(answer.body) ? JSON.stringify(answer.body) : answer.body;
      if (answer.fault === 'cut') return request.socket.destroy();
      if (answer.fault === 'silence') return;
      response.writeHead(answer.status ?? 200, { 'content-type': 'application/json', ...answer.headers });
      if (answer.fault === 'half') {
        response.write('{"access_token":', () => request.socket.destroy());
        return;
      }
      response.end(payload ?? '');
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  const close = async (): Promise<void> => {
    const closed = new Promise((resolve) => server.close(resolve));
    server.closeAllConnections();
    await closed;
  };
  return { origin: `${scheme}://127.0.0.1:${port}`, port, seen, close, [Symbol.asyncDispose]: close };
}

/** A port that nobody listens on. */
export async function closedPort(): Promise<number> {
  const server = await serve({});
  await server.close();
  return server.port;
}

/** An answer with a token. */
export const tokenAnswer = (more: object = {}): ScriptedAnswer => ({
  body: { access_token: 'access-1', token_type: 'Bearer', expires_in: 60, ...more },
});
