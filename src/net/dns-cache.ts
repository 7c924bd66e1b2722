/**
 * The addresses of the hosts that a credential uses, resolved before they are needed.
 *
 * `dns.lookup` runs on libuv's pool of four threads, which the whole process shares: while that is full, a lookup takes
 * seconds. So addresses are looked up early, kept when they are old, and renewed beside the requests; a new host is
 * looked up in the hosts file and by c-ares, neither of which needs the pool.
 */
import { lookup as systemLookup, resolve4, resolve6 } from 'node:dns';
import { readFileSync } from 'node:fs';
import { isIP, type LookupFunction } from 'node:net';
import type { Clock } from '../core/clock.js';
import { isLoopbackHost, normaliseHost } from './url.js';

export interface Address {
  readonly address: string;
  readonly family: 4 | 6;
}

/** The contents of an address book, as JSON: kept in sealed memory, so that the next incarnation starts with it. */
export type AddressBookState = {
  readonly [host: string]: { readonly addresses: readonly Address[]; readonly atMs: number };
};

/** The sources of addresses; by default the machine's. */
export interface AddressSources {
  /** The system's resolver, on libuv's pool. */
  lookup(host: string): Promise<readonly Address[]>;
  /** The name servers, by c-ares: no pool, but no hosts file and no search domains either. */
  query(host: string): Promise<readonly Address[]>;
  /** The text of the hosts file; read synchronously. */
  hostsFile(): string;
}

export interface AddressBookOptions {
  readonly clock: Clock;
  /** The state that an earlier book exported; invalid state is ignored. */
  readonly state?: unknown;
  /** Called when the book has changed: the moment to save `toJSON()`. */
  readonly onChange?: (state: AddressBookState) => void;
  readonly sources?: AddressSources;
}

/** An older entry is used once more, and renewed meanwhile. */
const STALE_AFTER_MS = 30_000;
/** The head start of the system's resolver, which knows more than c-ares. */
const HEAD_START_MS = 100;

interface Entry {
  readonly addresses: readonly Address[];
  readonly atMs: number;
}

export class AddressBook {
  readonly #clock: Clock;
  readonly #sources: AddressSources;
  readonly #onChange: (state: AddressBookState) => void;
  readonly #entries: Map<string, Entry>;
  /** Pending lookups, shared by all that ask for the same host. */
  readonly #pending = new Map<string, Promise<readonly Address[]>>();

  constructor({ clock, state, onChange, sources }: AddressBookOptions) {
    this.#clock = clock;
    this.#sources = sources ?? machineSources;
    this.#onChange = onChange ?? (() => {});
    this.#entries = new Map(importState(state));
  }

  /** Starts a lookup of `host` if its addresses are missing or stale. Never throws, never waits. */
  warm(host: string): void {
    // An invalid name has no addresses.
    if (typeof host !== 'string' || host === '') return;
    const name = normaliseHost(host);
    if (fixedAddresses(name) !== undefined) return;
    const entry = this.#entries.get(name);
    if (entry === undefined || this.#isStale(entry)) this.#renew(name).catch(() => {});
  }

  /** The addresses of `host`, from the book if it has any, however old; at least one. Rejects if there are none. */
  async resolve(host: string): Promise<readonly Address[]> {
    const name = normaliseHost(host);
    const fixed = fixedAddresses(name);
    if (fixed !== undefined) return fixed;
    const entry = this.#entries.get(name);
    if (entry === undefined) return this.#renew(name);
    if (this.#isStale(entry)) this.#renew(name).catch(() => {});
    return entry.addresses;
  }

  /**
   * Marks the addresses of `host` as stale because none answered: they are renewed at the next use, and kept until
   * then.
   */
  distrust(host: string): void {
    const entry = this.#entries.get(normaliseHost(host));
    if (entry !== undefined) this.#entries.set(normaliseHost(host), { ...entry, atMs: 0 });
  }

  /**
   * `lookup` for `net.connect`. With `all` (which Node sets when it may try several addresses) it answers with a list,
   * otherwise with one address and its family.
   */
  readonly lookup: LookupFunction = (hostname, options, callback) => {
    this.resolve(hostname).then(
      (found) => {
        const family = options.family === 'IPv4' ? 4 : options.family === 'IPv6' ? 6 : (options.family ?? 0);
        const fitting = family === 0 ? found : found.filter((address) => address.family === family);
        const first = fitting[0];
        if (first === undefined) callback(notFound(hostname), '', 0);
        else if (options.all === true) callback(null, fitting.slice());
        else callback(null, first.address, first.family);
      },
      (error: unknown) => callback(error as NodeJS.ErrnoException, '', 0),
    );
  };

  toJSON(): AddressBookState {
    return Object.fromEntries(this.#entries);
  }

  #isStale(entry: Entry): boolean {
    const ageMs = this.#clock.wallMs() - entry.atMs;
    return ageMs > STALE_AFTER_MS || ageMs < 0; // Below 0: the clock was set back, so the age is unknown.
  }

  #renew(host: string): Promise<readonly Address[]> {
    const underWay = this.#pending.get(host);
    if (underWay !== undefined) return underWay;
    const renewal = this.#find(host)
      .then((addresses) => {
        this.#entries.set(host, { addresses, atMs: this.#clock.wallMs() });
        this.#onChange(this.toJSON());
        return addresses;
      })
      .finally(() => this.#pending.delete(host));
    this.#pending.set(host, renewal);
    return renewal;
  }

  async #find(host: string): Promise<readonly Address[]> {
    const listed = addressesInHostsFile(this.#hostsFile(), host);
    if (listed.length > 0) return listed;
    const system = this.#sources.lookup(host).then(atLeastOne(host));
    const queried = this.#headStart(system)
      .then(() => this.#sources.query(host))
      .then(atLeastOne(host));
    try {
      return await Promise.any([system, queried]);
    } catch {
      throw notFound(host);
    }
  }

  /**
   * Resolves when c-ares may start: after the head start, or when the system's resolver has failed. Otherwise never.
   */
  #headStart(system: Promise<unknown>): Promise<void> {
    return new Promise((resolve) => {
      const timer = this.#clock.setTimer(HEAD_START_MS, resolve);
      system.then(
        () => timer.cancel(),
        () => {
          timer.cancel();
          resolve();
        },
      );
    });
  }

  #hostsFile(): string {
    try {
      return this.#sources.hostsFile();
    } catch {
      return '';
    }
  }
}

/** The machine's resolvers. */
export const machineSources: AddressSources = {
  lookup: (host) =>
    new Promise((resolve, reject) => {
      systemLookup(host, { all: true }, (error, found) => {
        if (error) reject(error);
        else resolve(found.map(({ address, family }) => ({ address, family: family === 6 ? 6 : 4 })));
      });
    }),
  query: async (host) => {
    const answers = await Promise.allSettled([query(resolve4, host, 4), query(resolve6, host, 6)]);
    return answers.flatMap((answer) => (answer.status === 'fulfilled' ? answer.value : []));
  },
  hostsFile: () => {
    const windows = process.env['SystemRoot'] ?? 'C:\\Windows';
    return readFileSync(
      process.platform === 'win32' ? `${windows}\\System32\\drivers\\etc\\hosts` : '/etc/hosts',
      'utf8',
    );
  },
};

const query = (resolver: typeof resolve4 | typeof resolve6, host: string, family: 4 | 6): Promise<readonly Address[]> =>
  new Promise((resolve, reject) => {
    resolver(host, (error, found: string[]) => {
      if (error) reject(error);
      else resolve(found.map((address) => ({ address, family })));
    });
  });

const atLeastOne =
  (host: string): ((found: readonly Address[]) => readonly Address[]) =>
  (found) => {
    if (found.length === 0) throw notFound(host);
    return found;
  };

const notFound = (host: string): NodeJS.ErrnoException =>
  Object.assign(new Error(`No address was found for ${host}`), { code: 'ENOTFOUND' });

/**
 * Hosts that need no lookup: an address, or a name of this machine (RFC 6761 §6.3), which resolvers treat differently.
 */
const fixedAddresses = (host: string): readonly Address[] | undefined => {
  const family = isIP(host);
  if (family !== 0) return [{ address: host, family: family === 6 ? 6 : 4 }];
  if (!isLoopbackHost(host)) return undefined;
  return [
    { address: '127.0.0.1', family: 4 },
    { address: '::1', family: 6 },
  ];
};

const importState = (state: unknown): readonly (readonly [string, Entry])[] => {
  if (typeof state !== 'object' || state === null) return [];
  return Object.entries(state as Record<string, unknown>).filter((named): named is [string, Entry] =>
    isEntry(named[1]),
  );
};

const isEntry = (value: unknown): value is Entry => {
  const { addresses, atMs } = (value ?? {}) as Partial<Entry>;
  return typeof atMs === 'number' && Array.isArray(addresses) && addresses.length > 0 && addresses.every(isAddress);
};

const isAddress = (value: unknown): value is Address => {
  const { address, family } = (value ?? {}) as Partial<Address>;
  return typeof address === 'string' && isIP(address) !== 0 && family === isIP(address);
};

/** The addresses of `host` in a hosts file (hosts(5)), in the file's order. */
export const addressesInHostsFile = (text: string, host: string): readonly Address[] => {
  const wanted = host.toLowerCase();
  return text.split('\n').flatMap((line) => {
    const [address = '', ...names] = line.replace(/#.*/, '').trim().split(/\s+/);
    const family = isIP(address);
    if (family === 0 || !names.some((name) => name.toLowerCase() === wanted)) return [];
    return [{ address, family: family === 6 ? 6 : 4 } as const];
  });
};
