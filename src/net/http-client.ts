/**
 * The HTTP client of actors: one request over node:http or node:https, with the addresses of {@link AddressBook}.
 *
 * It takes a tenth of the memory of the global fetch, which every credential would need, and it works while libuv's
 * pool is full. It keeps no connection, follows no redirect and asks for no compression. The size of a body is limited
 * before it is parsed: JSON.parse can't be interrupted.
 */
import { request as plainRequest, type ClientRequest, type IncomingMessage, type RequestOptions } from 'node:http';
import type { TLSSocket } from 'node:tls';
import { listenForAbort } from '../core/abort.js';
import { setBound } from '../core/bound.js';
import type { Clock } from '../core/clock.js';
import { checkSignal } from '../config/check-timeout.js';
import { isSecureEnough } from './url.js';
import { ProviderError } from '../core/errors.js';
import { withChanges } from '../core/with-changes.js';
import type { AddressBook } from './dns-cache.js';
import { checkedRequest, parsedUrl } from './checked-request.js';
import { codeOf, connectionFailure, givenUp, malformedAnswer, withHead, type RequestPhase } from './http-failures.js';
import type { HttpAnswer, HttpRequest } from './http-types.js';
import { ReadAnswer } from './read-answer.js';
import { parseRetryAfter } from './retry-after.js';
import { secureContextFor } from './tls.js';

/** Sends one request; see `ProviderContext.request`. Rejects with {@link ProviderError}s only. */
export type HttpClient = (url: string | URL, init?: HttpRequest, signal?: AbortSignal) => Promise<HttpAnswer>;

export interface HttpClientOptions {
  readonly clock: Clock;
  readonly addresses: AddressBook;
  /** For a request without a `timeoutMs`; default 10,000. */
  readonly timeoutMs?: number;
}

/** The largest body that is read, in bytes. */
export const MAX_BODY_BYTES = 256 * 1024;
const DEFAULT_TIMEOUT_MS = 10_000;
/** How long one address may be silent before the next one is tried. */
const ADDRESS_TIMEOUT_MS = 2_500;

/** Creates the HTTP client of one actor. */
export const createHttpClient =
  ({ clock, addresses, timeoutMs = DEFAULT_TIMEOUT_MS }: HttpClientOptions): HttpClient =>
  async (url, given = {}, signal) => {
    const init = checkedRequest(given);
    const target = parseTarget(url, init.allowInsecureHttp === true);
    checkSignal(signal);
    if (signal?.aborted === true) throw givenUp('connecting', 'it is not wanted any more', target.host);
    const exchange = new Exchange(target, init, addresses, clock);
    return exchange.run(init.timeoutMs ?? timeoutMs, signal);
  };

class Exchange {
  readonly #target: URL;
  readonly #init: HttpRequest;
  readonly #addresses: AddressBook;
  readonly #clock: Clock;
  #phase: RequestPhase = 'connecting';
  /** The status and Retry-After of an error response whose headers have arrived. */
  #refusal: { readonly status: number; readonly retryAfterMs?: number } | undefined;

  constructor(target: URL, init: HttpRequest, addresses: AddressBook, clock: Clock) {
    this.#target = target;
    this.#init = init;
    this.#addresses = addresses;
    this.#clock = clock;
  }

  async run(timeoutMs: number, signal: AbortSignal | undefined): Promise<HttpAnswer> {
    const { host } = this.#target;
    const request = this.#open();
    let cleanUp = (): void => {};
    try {
      return await new Promise<HttpAnswer>((resolve, reject) => {
        const giveUp = (why: string): void => reject(withHead(givenUp(this.#phase, why, host), this.#refusal));
        const onAbort = (): void => giveUp('it was cancelled');
        const timer = setBound(this.#clock, timeoutMs, () => giveUp('its time is over'));
        const unlisten = listenForAbort(signal, onAbort);
        cleanUp = () => {
          timer.cancel();
          unlisten();
        };
        let answer: IncomingMessage | undefined;
        request.on('error', (error) => {
          // An error after the end of the answer does not belong to it (RFC 9112 §6.3).
          if (answer?.complete !== true) reject(withHead(connectionFailure(this.#phase, error, host), this.#refusal));
        });
        request.on('response', (response) => {
          answer = response;
          this.#read(response, resolve, reject);
        });
        // Once an answer has begun, the request may close before the answer's `end` event.
        request.on('close', () => {
          if (!answer) reject(connectionFailure(this.#phase, undefined, host));
        });
        request.end(this.#init.body);
      });
    } catch (error) {
      if (this.#phase === 'connecting') this.#addresses.distrust(this.#target.hostname);
      throw error;
    } finally {
      cleanUp();
      request.destroy();
    }
  }

  #open(): ClientRequest {
    const { protocol, hostname, port, pathname, search } = this.#target;
    const { method = 'GET', headers = {}, body, tls } = this.#init;
    const secure = protocol === 'https:';
    const options: RequestOptions = {
      method,
      hostname: hostname.replace(/^\[(.*)\]$/, '$1'),
      port: port === '' ? (secure ? 443 : 80) : port,
      path: `${pathname}${search}`,
      headers: withChanges(
        Object.fromEntries(Object.entries(headers).map(([name, value]) => [name.toLowerCase(), value])),
        {
          'accept-encoding': 'identity',
          ...(body === undefined ? {} : { 'content-length': String(Buffer.byteLength(body)) }),
        },
      ),
      agent: false,
      lookup: this.#addresses.lookup,
      // Set explicitly, because the defaults differ between versions of Node, and 250 ms is too short for distant
      // hosts.
      ...{ autoSelectFamily: true, autoSelectFamilyAttemptTimeout: ADDRESS_TIMEOUT_MS },
      ...(secure && tls !== undefined ? { secureContext: secureContextFor(tls) } : {}),
    };
    let request: ClientRequest;
    try {
      // Loaded at its first use, because plain http does not need it; not by import(), which needs libuv's pool.
      request = (secure ? process.getBuiltinModule('node:https').request : plainRequest)(options);
    } catch (error) {
      throw unsent(`The request to ${this.#target.host} can't be written (${codeOf(error)})`);
    }
    request.on('socket', (socket) => {
      socket.once('connect', () => (this.#phase = secure ? 'securing' : 'sent'));
      (socket as TLSSocket).once('secureConnect', () => (this.#phase = 'sent'));
    });
    request.on('error', () => {}); // An error after the promise has settled is ignored.
    return request;
  }

  #read(
    response: IncomingMessage,
    resolve: (answer: HttpAnswer) => void,
    reject: (error: ProviderError) => void,
  ): void {
    const { host } = this.#target;
    const status = response.statusCode ?? 0;
    const headers = flatten(response);
    const retryAfterMs = parseRetryAfter(headers['retry-after'], this.#clock.wallMs(), headers['date']);
    const head = retryAfterMs === undefined ? { status } : { status, retryAfterMs };
    if (status >= 300) this.#refusal = head;
    const refuse = (what: string): void =>
      reject(malformedAnswer(`The answer of ${host} (status ${status}) ${what}`, head));
    const breakOff = (error?: Error): void => reject(withHead(connectionFailure('sent', error, host), this.#refusal));
    if (!/^(?:identity)?$/i.test(headers['content-encoding'] ?? '')) return refuse('has a content encoding');
    const tooLarge = `has a body of more than ${MAX_BODY_BYTES} bytes`;
    if (Number(headers['content-length']) > MAX_BODY_BYTES) return refuse(tooLarge);
    const chunks: Buffer[] = [];
    let length = 0;
    response.on('data', (chunk: Buffer) => {
      length += chunk.length;
      if (length > MAX_BODY_BYTES) return refuse(tooLarge);
      chunks.push(chunk);
    });
    response.on('error', breakOff);
    response.on('close', () => {
      if (!response.readableEnded) breakOff();
    });
    response.on('end', () => resolve(new ReadAnswer(status, headers, Buffer.concat(chunks), host)));
  }
}

const flatten = (response: IncomingMessage): Record<string, string> =>
  Object.fromEntries(
    Object.entries(response.headers).map(([name, value]) => [
      name,
      Array.isArray(value) ? value.join(', ') : (value ?? ''),
    ]),
  );

/** An invalid request: nothing of it was sent, so no refresh token can have been spent. */
const unsent = (message: string): ProviderError => ProviderError.fatal(message, { reason: 'connect_failed' });

const parseTarget = (url: string | URL, allowInsecureHttp: boolean): URL => {
  const target = parsedUrl(url);
  if (target.username !== '' || target.password !== '') {
    throw unsent(`The request URL at ${target.host} has credentials in it; send them in a header`);
  }
  if (isSecureEnough(target, allowInsecureHttp)) return target;
  throw new ProviderError(
    `Expected an https URL for ${target.host} (or http to localhost, or \`allowInsecureHttp\`), got ${target.protocol}`,
    { class: 'fatal', reason: 'tls_failed' },
  );
};
