/**
 * The door between the two cores: it takes a request to the hostile server's core, and the answer back as the real HTTP
 * door would, by the way of delivery that the answer says, on the simulated clock.
 */
import type { Clock } from '../../src/core/clock.js';
import { connectionFailure, givenUp, malformedAnswer, type RequestPhase } from '../../src/net/http-failures.js';
import { MAX_BODY_BYTES, type HttpClient } from '../../src/net/http-client.js';
import type { HttpAnswer, HttpRequest } from '../../src/net/http-types.js';
import { ReadAnswer } from '../../src/net/read-answer.js';
import { parseRetryAfter } from '../../src/net/retry-after.js';
import { chunksOf, lengthOf } from '../hostile/bytes.js';
import type { Fault, HostileAnswer, NoConnection, TokenRequest } from '../hostile/types.js';
import type { Mortal } from './mortal.js';
import type { Outcome, SeenRequest } from './observation.js';

const HOST = '127.0.0.1';

export interface Trip {
  readonly fault: Fault | undefined;
  /** Until the request is read, and from the answer on. */
  readonly upMs: number;
  readonly downMs: number;
  /** If the thread dies under way, the server reads it all the same. */
  readonly leftBehind: boolean;
}

export interface DoorOptions {
  readonly clock: Clock;
  /** What is to happen to the next request. */
  /** What becomes of a request that shows this secret. */
  readonly trip: (secret: string) => Trip;
  readonly answer: (
    request: TokenRequest & { readonly clientSecret: string },
    fault: Fault | undefined,
  ) => HostileAnswer;
  /** A request leaves. */
  readonly sent: (request: Pick<SeenRequest, 'refreshToken' | 'clientSecret' | 'fault'>, thread: Mortal) => SeenRequest;
  readonly settled: (request: SeenRequest, outcome: Outcome, thread: Mortal) => void;
}

const NO_CONNECTION: Readonly<Record<NoConnection, readonly [phase: RequestPhase, code: string]>> = {
  refused: ['connecting', 'ECONNREFUSED'],
  tls_wrong_name: ['securing', 'ERR_TLS_CERT_ALTNAME_INVALID'],
  tls_expired: ['securing', 'CERT_HAS_EXPIRED'],
  tls_unknown_authority: ['securing', 'SELF_SIGNED_CERT_IN_CHAIN'],
  tls_hangs: ['securing', ''],
  tls_reset: ['securing', 'ECONNRESET'],
  tls_not_spoken: ['securing', 'ERR_SSL_WRONG_VERSION_NUMBER'],
};

const headersOf = ({ headers }: HostileAnswer): Record<string, string> =>
  Object.fromEntries(
    Object.entries(headers).map(([name, value]) => [name.toLowerCase(), [value].flat().join(', ')] as const),
  );

/** About as long as a head is: where a delivery stops is not drawn more finely. */
const headLength = (answer: HostileAnswer): number =>
  40 + Object.entries(headersOf(answer)).reduce((sum, [name, value]) => sum + name.length + value.length + 4, 0);

const clientOf = (form: URLSearchParams, headers: Readonly<Record<string, string>>): readonly [string, string] => {
  const basic = /^Basic (.*)$/.exec(headers['authorization'] ?? '')?.[1];
  if (basic === undefined) return [form.get('client_id') ?? '', form.get('client_secret') ?? ''];
  const [id = '', secret = ''] = Buffer.from(basic, 'base64').toString().split(':').map(decodeURIComponent);
  return [id, secret];
};

/** The door as one thread has it. */
export const doorOf =
  (options: DoorOptions, thread: Mortal): HttpClient =>
  (_url, init = {}, signal) => {
    thread.act('deed');
    if (signal?.aborted) return Promise.reject(givenUp('connecting', 'it was cancelled', HOST));
    return new Promise<HttpAnswer>((resolve, reject) => new Journey(options, thread, init, signal, resolve, reject));
  };

class Journey {
  readonly #options: DoorOptions;
  readonly #thread: Mortal;
  readonly #request: SeenRequest;
  readonly #resolve: (answer: HttpAnswer) => void;
  readonly #reject: (error: Error) => void;
  #phase: RequestPhase = 'connecting';
  #settled = false;
  #cleanUp = (): void => undefined;

  constructor(
    options: DoorOptions,
    thread: Mortal,
    init: HttpRequest,
    signal: AbortSignal | undefined,
    resolve: (answer: HttpAnswer) => void,
    reject: (error: Error) => void,
  ) {
    this.#options = options;
    this.#thread = thread;
    this.#resolve = resolve;
    this.#reject = reject;
    const form = new URLSearchParams(init.body ?? '');
    const [clientId, clientSecret] = clientOf(form, init.headers ?? {});
    const trip = options.trip(clientSecret);
    const refreshToken = form.get('refresh_token') ?? undefined;
    const carried = { clientId, clientSecret, ...(refreshToken !== undefined && { refreshToken }) };
    this.#request = options.sent({ ...carried, fault: trip.fault }, thread);
    this.#bound(init.timeoutMs ?? 10_000, signal);
    options.clock.setTimer(trip.upMs, () =>
      this.#arrive({ grantType: form.get('grant_type') ?? '', ...carried }, trip),
    );
  }

  #bound(timeoutMs: number, signal: AbortSignal | undefined): void {
    const giveUp = (why: string): void => this.#fail(givenUp(this.#phase, why, HOST), why);
    const onAbort = (): void => giveUp('it was cancelled');
    const timer = this.#thread.clock.setTimer(timeoutMs, () => giveUp('its time is over'));
    signal?.addEventListener('abort', onAbort, { once: true });
    this.#cleanUp = () => {
      timer.cancel();
      signal?.removeEventListener('abort', onAbort);
    };
  }

  #arrive(request: TokenRequest & { readonly clientSecret: string }, trip: Trip): void {
    // What nobody waits for may be read all the same: it was on its way.
    if ((this.#settled || this.#thread.dead) && !trip.leftBehind) return;
    if (trip.fault?.kind !== 'connection') this.#phase = 'sent';
    const answer = this.#options.answer(request, trip.fault);
    this.#options.clock.setTimer(trip.downMs, () => this.#deliver(answer));
  }

  #deliver(answer: HostileAnswer): void {
    const { delivery } = answer;
    const total = headLength(answer) + lengthOf(answer.body);
    const later = (ms: number): void =>
      void this.#options.clock.setTimer(ms, () => this.#thread.enter(() => this.#read(answer)));
    const broken = (code: string): void =>
      this.#thread.enter(() => this.#fail(connectionFailure(this.#phase, { code }, HOST), code));
    switch (delivery.kind) {
      case 'no_connection': {
        const [phase, code] = NO_CONNECTION[delivery.why];
        this.#phase = phase;
        return code === '' ? undefined : broken(code);
      }
      case 'hang_before_headers':
      case 'hang_in_body':
        return;
      case 'delayed':
        return later(delivery.ms);
      case 'byte_by_byte':
        return later(delivery.everyMs * total);
      case 'reset':
      case 'half_closed':
        return delivery.bytes < total ? broken('ECONNRESET') : later(0);
      default:
        return later(0);
    }
  }

  #read(answer: HostileAnswer): void {
    if (answer.wire) {
      const code = 'HPE_INVALID_CONSTANT';
      return this.#fail(connectionFailure('sent', { code }, HOST), code);
    }
    const { status, body } = answer;
    const headers = headersOf(answer);
    const refuse = (what: string): void => {
      const retryAfterMs = parseRetryAfter(headers['retry-after'], this.#options.clock.wallMs(), headers['date']);
      const known = retryAfterMs === undefined ? { status } : { status, retryAfterMs };
      const error = malformedAnswer(`The answer of ${HOST} (status ${status}) ${what}`, known);
      this.#settle({ kind: 'unread', answer }, () => this.#reject(error));
    };
    if (!/^(?:identity)?$/i.test(headers['content-encoding'] ?? '')) return refuse('has a content encoding');
    if (lengthOf(body) > MAX_BODY_BYTES) return refuse(`has a body of more than ${MAX_BODY_BYTES} bytes`);
    const read = new ReadAnswer(status, headers, Buffer.concat([...chunksOf(body)]), HOST);
    this.#settle({ kind: 'answered', answer, body: read.body }, () => this.#resolve(read));
  }

  #fail(error: Error, why: string): void {
    this.#settle({ kind: this.#phase === 'sent' ? 'lost' : 'never_sent', why }, () => this.#reject(error));
  }

  #settle(outcome: Outcome, tell: () => void): void {
    if (this.#settled || this.#thread.dead) return;
    this.#settled = true;
    this.#cleanUp();
    this.#options.settled(this.#request, outcome, this.#thread);
    tell();
  }
}
