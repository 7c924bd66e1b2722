/**
 * The shell around the core: it listens, reads requests, and writes answers on sockets byte by byte, so that nothing
 * tidies them up. One request a connection.
 *
 * It has three doors: `/token`, `/.well-known/…` (the metadata of the issuer `<origin>/<client>`), and `/jwks/<client>`.
 * Faults wait at each of them, per client or for whoever comes.
 */
import { type AddressInfo, createServer, type Socket } from 'node:net';
import {
  admitClient,
  answerTo,
  authorise,
  initialHostileState,
  presentations,
  refuseClient,
  type HostileCounts,
  type HostileOptions,
} from './core.js';
import { deliver, reset } from './deliver.js';
import { actsUnder, mangled, plain } from './mangle.js';
import { readRequest, tokenRequestOf, type RawRequest } from './request.js';
import { createSecured } from './secure.js';
import type { Fault, HostileAnswer } from './types.js';
import { askUpstream } from './upstream.js';

export type Door = 'token' | 'metadata' | 'jwks';

export interface HostileServerOptions {
  readonly core?: HostileOptions;
  /** Speaks TLS, with a certificate that is well unless a fault says otherwise. */
  readonly tls?: boolean;
  /** Default: one that is free. */
  readonly port?: number;
  /** The origin of a real server, which is asked what this one acts on. */
  readonly upstream?: string;
  /** What `/jwks/…` answers when it is well. */
  readonly jwks?: object;
}

/** Whom a fault is for: default, whoever comes next to the token endpoint. */
export interface For {
  readonly clientId?: string;
  readonly at?: Door;
}

/** One request, as it was dealt with. */
export interface SeenRequest {
  readonly atMs: number;
  readonly at: Door;
  readonly clientId: string;
  readonly fault?: Fault;
  readonly acted: boolean;
}

export interface HostileStats {
  readonly counts: HostileCounts;
  /** Since the start, and open now. */
  readonly connections: { readonly all: number; readonly open: number };
  readonly byClient: Readonly<
    Record<string, { readonly requests: number; readonly acted: number; readonly open: number }>
  >;
  readonly bytesWritten: number;
}

/** What is done at a server; where it has a process of its own, the answers are promises. */
export interface HostileCommands {
  /** Lines up a fault, so many times. A connection that is refused stays so until `clear()`. */
  readonly next: (fault: Fault, times?: number, to?: For) => void;
  /** No fault waits any more, for this one or for all. */
  readonly clear: (to?: For) => void;
  readonly authorise: (clientId: string) => string;
  readonly refuse: (clientId: string, error: string, forMs?: number) => void;
  readonly admit: (clientId: string) => void;
  readonly presentations: (refreshToken: string) => readonly number[];
  readonly stats: () => HostileStats;
  /** The last thousand requests. */
  readonly seen: () => readonly SeenRequest[];
}

export interface HostileServer extends HostileCommands {
  readonly origin: string;
  readonly tokenEndpoint: string;
  readonly port: number;
  /** With `tls`: what a client has to trust. */
  readonly ca: string | undefined;
  readonly close: () => Promise<void>;
}

const ANYBODY = '*';
const SEEN = 1_000;

export const startHostileServer = async (options: HostileServerOptions = {}): Promise<HostileServer> => {
  const server = new Shell(options);
  await server.listen(options.port ?? 0);
  return server;
};

class Shell implements HostileServer {
  readonly #options: HostileServerOptions;
  readonly #secured;
  readonly #listener = createServer({ allowHalfOpen: true }, (raw) => this.#connected(raw));
  readonly #queues = new Map<string, { readonly fault: Fault; left: number }[]>();
  readonly #open = new Map<Socket, string | undefined>();
  readonly #requests = new Map<string, { requests: number; acted: number }>();
  readonly #seen: SeenRequest[] = [];
  #state;
  #connections = 0;
  #bytesWritten = 0;
  #port = 0;

  constructor(options: HostileServerOptions) {
    this.#options = options;
    this.#state = initialHostileState(options.core);
    this.#secured = options.tls ? createSecured() : undefined;
  }

  get port(): number {
    return this.#port;
  }

  get origin(): string {
    return `${this.#secured ? 'https' : 'http'}://127.0.0.1:${this.#port}`;
  }

  get tokenEndpoint(): string {
    return `${this.origin}/token`;
  }

  get ca(): string | undefined {
    return this.#secured?.ca;
  }

  async listen(port: number): Promise<void> {
    await new Promise<void>((resolve, reject) => {
      this.#listener.once('error', reject);
      this.#listener.listen(port, '127.0.0.1', resolve);
    });
    this.#port = (this.#listener.address() as AddressInfo).port;
  }

  next(fault: Fault, times = 1, { clientId = ANYBODY, at = 'token' }: For = {}): void {
    if (isAtConnection(fault) && clientId !== ANYBODY) throw new Error('A connection says nothing of its client');
    if (fault.kind === 'connection' && fault.why === 'refused') return void this.#listener.close();
    const key = keyOf(at, clientId);
    const queue = this.#queues.get(key) ?? [];
    this.#queues.set(key, [...queue, { fault, left: times }]);
  }

  clear(to?: For): void {
    if (to) this.#queues.delete(keyOf(to.at ?? 'token', to.clientId ?? ANYBODY));
    else this.#queues.clear();
    if (!this.#listener.listening) this.#listener.listen(this.#port, '127.0.0.1');
  }

  authorise(clientId: string): string {
    const { state, refreshToken } = authorise(this.#state, clientId);
    this.#state = state;
    return refreshToken;
  }

  refuse(clientId: string, error: string, forMs = Infinity): void {
    this.#state = refuseClient(this.#state, clientId, error, Date.now() + forMs);
  }

  admit(clientId: string): void {
    this.#state = admitClient(this.#state, clientId);
  }

  presentations(refreshToken: string): readonly number[] {
    return presentations(this.#state, refreshToken);
  }

  stats(): HostileStats {
    const clients = [...this.#open.values()];
    const byClient = [...this.#requests].map(([clientId, counted]) => {
      const open = clients.filter((one) => one === clientId).length;
      return [clientId, { ...counted, open }] as const;
    });
    return {
      counts: this.#state.counts,
      connections: { all: this.#connections, open: this.#open.size },
      byClient: Object.fromEntries(byClient),
      bytesWritten: this.#bytesWritten + [...this.#open.keys()].reduce((sum, raw) => sum + raw.bytesWritten, 0),
    };
  }

  seen(): readonly SeenRequest[] {
    return this.#seen;
  }

  async close(): Promise<void> {
    const closed = new Promise((resolve) => this.#listener.close(resolve));
    for (const raw of this.#open.keys()) raw.destroy();
    await closed;
  }

  #connected(raw: Socket): void {
    this.#connections += 1;
    this.#open.set(raw, undefined);
    raw.on('error', () => {});
    raw.on('close', () => {
      this.#bytesWritten += raw.bytesWritten;
      this.#open.delete(raw);
    });
    const fault = this.#take('token', ANYBODY, isAtConnection);
    const why = fault?.kind === 'connection' ? fault.why : undefined;
    const socket = this.#secured ? this.#secured.over(raw, why) : raw;
    if (!socket) return;
    // The client has said all that it will: with nothing left to be said here, this side ends too.
    socket.on('error', () => raw.destroy());
    socket.on('end', () => socket.end());
    if (fault?.kind === 'delivery') {
      const unasked = { grantType: 'client_credentials', clientId: '' };
      const { state, answer } = answerTo(this.#state, unasked, Date.now(), fault);
      this.#state = state;
      void deliver(socket, raw, answer);
      return void socket.resume();
    }
    void this.#serve(socket, raw);
  }

  async #serve(socket: Socket, raw: Socket): Promise<void> {
    const request = await readRequest(socket);
    if (!request) return void raw.destroy();
    const at = doorOf(request.path);
    const clientId = at === 'token' ? tokenRequestOf(request).clientId : nameIn(request.path);
    this.#open.set(raw, clientId);
    const fault = this.#take(at, clientId) ?? this.#take(at, ANYBODY);
    try {
      const { answer, acted } = await this.#answer(at, clientId, request, fault);
      const counted = this.#requests.get(clientId) ?? { requests: 0, acted: 0 };
      this.#requests.set(clientId, { requests: counted.requests + 1, acted: counted.acted + (acted ? 1 : 0) });
      this.#seen.push({ atMs: Date.now(), at, clientId, acted, ...(fault && { fault }) });
      if (this.#seen.length > SEEN) this.#seen.shift();
      await deliver(socket, raw, answer);
    } catch {
      // The upstream is away: so are we.
      reset(raw);
    }
  }

  async #answer(
    at: Door,
    clientId: string,
    request: RawRequest,
    fault: Fault | undefined,
  ): Promise<{ answer: HostileAnswer; acted: boolean }> {
    const { upstream, jwks = { keys: [] }, core } = this.#options;
    const nowMs = Date.now();
    const serverMs = nowMs + (core?.clockOffMs ?? 0);
    if (at === 'token' && (upstream === undefined || !actsUnder(fault))) {
      const { state, answer, acted } = answerTo(this.#state, tokenRequestOf(request), nowMs, fault);
      this.#state = state;
      return { answer, acted };
    }
    if (upstream !== undefined && actsUnder(fault)) {
      const right = await askUpstream(upstream, request);
      const well = right.status === 200;
      return { answer: well || fault?.kind === 'delivery' ? mangled(right, fault, serverMs) : right, acted: well };
    }
    const { origin, tokenEndpoint } = this;
    const text = JSON.stringify(
      at === 'jwks' ? jwks : { issuer: `${origin}/${clientId}`, token_endpoint: tokenEndpoint },
    );
    return { answer: mangled(plain(200, { text }, serverMs), fault, serverMs), acted: false };
  }

  #take(at: Door, clientId: string, which: (fault: Fault) => boolean = (fault) => !isAtConnection(fault)) {
    const [head, ...rest] = this.#queues.get(keyOf(at, clientId)) ?? [];
    if (!head || !which(head.fault)) return undefined;
    head.left -= 1;
    if (head.left <= 0) this.#queues.set(keyOf(at, clientId), rest);
    return head.fault;
  }
}

/** The client that a path names, by RFC 8414 §3.1 or by OpenID Connect Discovery §4. */
const nameIn = (path: string): string => path.replace(/\/\.well-known\/[^/]+/, '').replace(/^.*\//, '');

const keyOf = (at: Door, clientId: string): string => `${at} ${clientId}`;

const doorOf = (path: string): Door =>
  path.includes('/.well-known/') ? 'metadata' : path.startsWith('/jwks') ? 'jwks' : 'token';

/** True of a fault that strikes before anything is asked. */
const isAtConnection = (fault: Fault): boolean =>
  fault.kind === 'connection' || (fault.kind === 'delivery' && fault.delivery.kind === 'early');
