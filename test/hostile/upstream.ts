/** A real authorization server behind the hostile one: it checks what is asked, and its answers are what is mangled. */
import { request } from 'node:http';
import { buffer } from 'node:stream/consumers';
import type { RawRequest } from './request.js';
import type { HostileAnswer } from './types.js';

/** Those that say how a body travels, which is for the hostile server to say. */
const FRAMING = new Set(['connection', 'keep-alive', 'transfer-encoding', 'content-length']);

/** Passes a request on, headers and all. Rejects if there is no answer. */
export const askUpstream = (origin: string, { method, path, headers, body }: RawRequest): Promise<HostileAnswer> =>
  new Promise((resolve, reject) => {
    const { hostname, port } = new URL(origin);
    const asking = request(
      { hostname, port, method, path, headers: headers.flat(), agent: false, setHost: false },
      (response) => {
        buffer(response).then((bytes) => {
          const kept = Object.entries(response.headersDistinct).filter(([name]) => !FRAMING.has(name));
          resolve({
            status: response.statusCode ?? 0,
            headers: Object.fromEntries(kept) as Readonly<Record<string, readonly string[]>>,
            body: { text: bytes.toString() },
            delivery: { kind: 'whole' },
          });
        }, reject);
      },
    );
    asking.on('error', reject);
    asking.end(body);
  });
