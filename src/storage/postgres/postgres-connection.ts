/**
 * One connection to Postgres: opened when it is needed, dropped when it does not answer, opened again at the next use.
 */
import { Socket } from 'node:net';
import type * as Pg from 'pg';
import { setBound } from '../../core/bound.js';
import { TokenvisorError } from '../../core/errors.js';
import { AddressBook } from '../../net/dns-cache.js';
import { readSecret } from '../../secrets/references.js';
import type { StoreContext } from '../port/store.js';
import { isCollision, isLost, storeError } from './postgres-errors.js';
import { refuseInClear, refuseOddFiles, refuseOddSsl } from './postgres-guards.js';
import type { CheckedPostgresOptions, PostgresTls } from './postgres-options.js';

/** How much longer to wait than the server, which is asked to end a statement at its timeout: ms. */
const GRACE_MS = 1_000;
const MARGIN_MS = 100;
const CLOSE_MS = 1_000;
const FIRST_WAIT_MS = 50;
const LONGEST_WAIT_MS = 2_000;
/** How often a statement is run if it collides with another one. */
const MAX_TRIES = 5;

export type Row = Readonly<Record<string, unknown>>;

export interface ConnectionHooks {
  /** Sets up a new connection. */
  readonly prepare: (query: (text: string, values?: readonly unknown[]) => Promise<readonly Row[]>) => Promise<void>;
  /** Called when another session has notified of a change, or when the listening connection is lost. */
  readonly changed: () => void;
}

interface Live {
  readonly client: Pg.Client;
  /** Rejects when the connection ends. */
  readonly lost: Promise<never>;
  /** Statements to reject when it ends. Not by racing with `lost`: that promise would retain all of them. */
  readonly waiting: Set<(error: Error) => void>;
  readonly drop: (error: Error) => void;
  /** Resolves when the statements so far have been answered. */
  turn: Promise<unknown>;
}

export class PostgresConnection {
  readonly #pg: typeof Pg;
  readonly #options: CheckedPostgresOptions;
  readonly #context: StoreContext;
  readonly #hooks: ConnectionHooks;
  readonly #addresses: AddressBook;
  #live: Live | undefined;
  #connecting: Promise<Live> | undefined;
  #closed = false;
  /** After a failed connection: no other before this instant, on the monotonic clock. */
  #notBeforeMs = -Infinity;
  #waitMs = 0;
  #lastFailure: TokenvisorError | undefined;

  constructor(pg: typeof Pg, options: CheckedPostgresOptions, context: StoreContext, hooks: ConnectionHooks) {
    this.#pg = pg;
    this.#options = options;
    this.#context = context;
    this.#hooks = hooks;
    this.#addresses = new AddressBook({ clock: context.clock });
  }

  /** Runs one statement, a transaction of its own, and returns its rows. @throws STORE_UNAVAILABLE, STORE_FAILED */
  async query(doing: string, text: string, values: readonly unknown[] = []): Promise<readonly Row[]> {
    for (let tries = 1; ; tries++) {
      const live = await this.#connected();
      try {
        return await this.#ask(live, text, values);
      } catch (error) {
        if (!isCollision(error) || tries === MAX_TRIES)
          throw storeError(doing, error, { secrets: this.#secrets(), authenticated: true });
      }
    }
  }

  /** Ends the connection, within a second. */
  async close(): Promise<void> {
    this.#closed = true;
    const live = this.#live ?? (await this.#connecting?.catch(() => undefined));
    this.#live = undefined;
    if (!live) return;
    const ended = Promise.race([live.client.end(), live.lost]).catch(() => undefined);
    await this.#bounded(CLOSE_MS, ended, () => live.drop(new Error('it was closed'))).catch(() => undefined);
    live.drop(new Error('it was closed'));
  }

  async #connected(): Promise<Live> {
    if (this.#closed) throw new TokenvisorError('STORE_UNAVAILABLE', 'The Postgres store has been closed');
    if (this.#live) return this.#live;
    const leftMs = this.#notBeforeMs - this.#context.clock.monoMs();
    if (!this.#connecting && leftMs > 0 && this.#lastFailure) throw this.#lastFailure;
    this.#connecting ??= this.#connect().finally(() => (this.#connecting = undefined));
    return this.#connecting;
  }

  /** A method, because the answer changes during a wait. */
  #isClosed(): boolean {
    return this.#closed;
  }

  async #connect(): Promise<Live> {
    const { connectTimeoutMs } = this.#options;
    let live: Live | undefined;
    let authenticated = false;
    try {
      live = this.#begin();
      const { client, lost, drop } = live;
      const opened = live;
      const session = client.connect().then(() => {
        authenticated = true;
        return this.#hooks.prepare((text, values = []) => this.#ask(opened, text, values));
      });
      await this.#bounded(connectTimeoutMs, Promise.race([session, lost]), () =>
        drop(new Error(`no connection within ${connectTimeoutMs} ms`)),
      );
      if (this.#isClosed()) throw new Error('it was closed');
      this.#waitMs = 0;
      this.#live = live;
      // A connection that has ended can't notify of changes: report one, so that the next request opens another.
      lost.catch(() => {
        if (this.#live !== opened) return;
        this.#live = undefined;
        this.#hooks.changed();
      });
      return live;
    } catch (error) {
      live?.drop(new Error('its session could not begin'));
      this.#waitMs = Math.min(LONGEST_WAIT_MS, Math.max(FIRST_WAIT_MS, this.#waitMs * 2));
      this.#notBeforeMs = this.#context.clock.monoMs() + this.#waitMs;
      this.#lastFailure = storeError('a connection', error, { secrets: this.#secrets(), authenticated });
      throw this.#lastFailure;
    }
  }

  #begin(): Live {
    const client = new this.#pg.Client(this.#config());
    refuseOddSsl(client);
    if (!this.#options.allowInsecure) refuseInClear(client);
    let drop: (error: Error) => void = () => undefined;
    const lost = new Promise<never>((_, reject) => {
      drop = (error) => {
        reject(error);
        // Sends nothing more: a server that does not answer would keep the socket open for minutes.
        socketOf(client)?.destroy();
      };
      client.on('error', drop);
      client.on('end', () => reject(new Error('the connection ended')));
    });
    const waiting: Live['waiting'] = new Set();
    lost.catch((error: unknown) => {
      for (const fail of waiting) fail(error as Error);
    });
    client.on('notification', ({ processId }) => {
      const own = (client as unknown as { readonly processID?: number }).processID;
      if (processId !== own) this.#hooks.changed();
    });
    return { client, lost, waiting, drop, turn: Promise.resolve() };
  }

  /** Runs one statement at a time. The bound includes the wait for earlier statements. */
  async #ask(live: Live, text: string, values: readonly unknown[]): Promise<readonly Row[]> {
    const boundMs = this.#options.statementTimeoutMs + GRACE_MS;
    const late = new Error(`no answer within ${boundMs} ms`);
    const state = { isAsked: false, isGivenUp: false };
    let fail: (error: Error) => void = () => undefined;
    const failed = new Promise<never>((_, reject) => {
      fail = reject;
    });
    live.waiting.add(fail);
    const answer = live.turn.then(async () => {
      if (state.isGivenUp) return [];
      state.isAsked = true;
      // A server that has not ended the statement by then is unreachable: the connection is not used again.
      const asked = live.client.query<Row>(text, values as unknown[]);
      return (await this.#bounded(boundMs, asked, () => live.drop(late))).rows;
    });
    live.turn = answer.catch(() => undefined);
    try {
      // A little after the connection is dropped, so that the next statement gets another one.
      return await this.#bounded(boundMs + MARGIN_MS, Promise.race([answer, failed]), () => {
        state.isGivenUp = true;
        fail(late);
      });
    } catch (error) {
      if (state.isAsked && error !== late && isLost(error)) live.drop(error as Error);
      throw error;
    } finally {
      live.waiting.delete(fail);
    }
  }

  /** Calls `late` at the bound, which makes `work` reject. */
  async #bounded<T>(timeoutMs: number, work: Promise<T>, late: () => void): Promise<T> {
    const timer = setBound(this.#context.clock, timeoutMs, late);
    try {
      return await work;
    } finally {
      timer.cancel();
    }
  }

  #config(): Pg.ClientConfig {
    const { connectionString, host, port, database, user, password, tls } = this.#options;
    const { lookup } = this.#addresses;
    const text = connectionString === undefined ? undefined : readSecret(connectionString);
    if (text !== undefined) refuseOddFiles(text);
    return {
      ...(text !== undefined && { connectionString: text }),
      ...(host !== undefined && { host }),
      ...(port !== undefined && { port }),
      ...(database !== undefined && { database }),
      ...(user !== undefined && { user }),
      ...(password !== undefined && { password: readSecret(password) }),
      ...(tls !== undefined && { ssl: typeof tls === 'boolean' ? tls : tlsOptions(tls) }),
      application_name: 'tokenvisor',
      keepAlive: true,
      keepAliveInitialDelayMillis: 10_000,
      // Resolves the name without libuv's pool, which may be full.
      stream: () => {
        const socket = new Socket();
        const connect = socket.connect.bind(socket);
        const connectByName = (to: number | string, name?: string): Socket =>
          typeof to === 'string' ? connect(to) : connect({ port: to, host: name ?? 'localhost', lookup });
        return Object.assign(socket, { connect: connectByName });
      },
    };
  }

  /** All secrets that a message might quote. */
  #secrets(): readonly string[] {
    const { connectionString, password } = this.#options;
    try {
      return [
        ...(connectionString === undefined ? [] : passwordsIn(readSecret(connectionString))),
        ...(password === undefined ? [] : [readSecret(password)]),
      ];
    } catch {
      return [];
    }
  }
}

/** The connection string, and the passwords before its last `@` or in its parameters: raw and decoded. */
const passwordsIn = (connectionString: string): readonly string[] => {
  const parts = [/^[^:]+:\/\/[^:@/]*:(.*)@/s, /[?&]password=([^&#]*)/s].flatMap(
    (pattern) => pattern.exec(connectionString)?.[1] ?? [],
  );
  return [connectionString, ...parts, ...parts.map(decoded)];
};

const socketOf = (client: Pg.Client): Socket | undefined =>
  (client as unknown as { readonly connection?: { readonly stream?: Socket } }).connection?.stream;

const decoded = (text: string): string => {
  try {
    return decodeURIComponent(text);
  } catch {
    return '';
  }
};

const tlsOptions = ({ ca, cert, key, servername, rejectUnauthorized }: PostgresTls): object => ({
  ...(ca !== undefined && { ca: [ca].flat().map((one) => readSecret(one as string)) }),
  ...(cert !== undefined && { cert: readSecret(cert) }),
  ...(key !== undefined && { key: readSecret(key) }),
  ...(servername !== undefined && { servername }),
  ...(rejectUnauthorized !== undefined && { rejectUnauthorized }),
});
