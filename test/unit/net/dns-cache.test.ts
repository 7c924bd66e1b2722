import { lookup as systemLookup } from 'node:dns';
import { describe, expect, it, vi } from 'vitest';
import {
  AddressBook,
  machineSources,
  type Address,
  type AddressBookState,
  type AddressSources,
} from '../../../src/net/dns-cache.js';
import { isSecureEnough } from '../../../src/net/url.js';
import { addressesInHostsFile } from '../../../src/net/dns-cache.js';
import { createSimulatedClock } from '../../../src/testing/simulated-clock.js';
import { turn } from '../../support/turn.js';

const v4 = (address: string): Address => ({ address, family: 4 });
const v6 = (address: string): Address => ({ address, family: 6 });
const LOOPBACK = [v4('127.0.0.1'), v6('::1')];

/** Lookups that a test answers by hand. */
class HandSources implements AddressSources {
  readonly asked: string[] = [];
  readonly #waiting: Record<'lookup' | 'query', ((outcome: readonly Address[] | Error) => void)[]> = {
    lookup: [],
    query: [],
  };
  hosts = '';

  lookup(host: string): Promise<readonly Address[]> {
    return this.#wait('lookup', host);
  }

  query(host: string): Promise<readonly Address[]> {
    return this.#wait('query', host);
  }

  hostsFile(): string {
    return this.hosts;
  }

  async answer(kind: 'lookup' | 'query', outcome: readonly Address[] | Error): Promise<void> {
    this.#waiting[kind].shift()!(outcome);
    await turn();
  }

  #wait(kind: 'lookup' | 'query', host: string): Promise<readonly Address[]> {
    this.asked.push(`${kind} ${host}`);
    return new Promise((resolve, reject) => {
      this.#waiting[kind].push((outcome) => (outcome instanceof Error ? reject(outcome) : resolve(outcome)));
    });
  }
}

const setUp = (state?: unknown) => {
  const clock = createSimulatedClock({ wallMs: 1_000_000 });
  const sources = new HandSources();
  const onChange = vi.fn<(state: AddressBookState) => void>();
  return { clock, sources, onChange, book: new AddressBook({ clock, sources, onChange, state }) };
};

describe('what needs no lookup', () => {
  it.each([
    ['127.0.0.1', [v4('127.0.0.1')]],
    ['[::1]', [v6('::1')]],
    ['2001:db8::1', [v6('2001:db8::1')]],
    ['localhost', LOOPBACK],
    ['LOCALHOST.', LOOPBACK],
    ['api.localhost', LOOPBACK],
  ])('%s', async (host, expected) => {
    const { book, sources } = setUp();
    book.warm(host);
    expect(await book.resolve(host)).toEqual(expected);
    expect(sources.asked).toEqual([]);
  });

  it('is in the hosts file', async () => {
    const { book, sources } = setUp();
    sources.hosts = '# comment\n10.0.0.7\tAuth.Internal alias # auth2\n::7 auth.internal\nnonsense auth.internal\n';
    expect(await book.resolve('auth.internal')).toEqual([v4('10.0.0.7'), v6('::7')]);
    expect(sources.asked).toEqual([]);
    expect(addressesInHostsFile(sources.hosts, 'auth2')).toEqual([]);
  });
});

describe('a host that is not known', () => {
  it('is looked up once for all who ask, and c-ares is left alone while the system is quick', async () => {
    const { book, sources, clock, onChange } = setUp();
    book.warm('a.example');
    const both = Promise.all([book.resolve('a.example'), book.resolve('A.example')]);
    await sources.answer('lookup', [v4('10.0.0.1')]);
    expect(await both).toEqual([[v4('10.0.0.1')], [v4('10.0.0.1')]]);
    clock.advance(10_000);
    await turn();
    expect(sources.asked).toEqual(['lookup a.example']);
    expect(onChange).toHaveBeenCalledExactlyOnceWith({ 'a.example': { addresses: [v4('10.0.0.1')], atMs: 1_000_000 } });
    expect(clock.pending()).toBe(0);
  });

  it('is found by c-ares while the pool is full', async () => {
    const { book, sources, clock } = setUp();
    const found = book.resolve('a.example');
    clock.advance(99);
    await turn();
    expect(sources.asked).toEqual(['lookup a.example']);
    clock.advance(1);
    await turn();
    await sources.answer('query', [v6('2001:db8::1')]);
    expect(await found).toEqual([v6('2001:db8::1')]);
  });

  it.each<[string, readonly Address[] | Error]>([
    ['an error', new Error('no such name')],
    ['an empty list', []],
  ])(
    'is found by c-ares after %s from the system, and by the system after none from c-ares',
    async (_name, nothing) => {
      const first = setUp();
      const found = first.book.resolve('a.example');
      await first.sources.answer('lookup', nothing);
      await first.sources.answer('query', [v4('10.0.0.1')]);
      expect(await found).toEqual([v4('10.0.0.1')]);

      const second = setUp();
      const late = second.book.resolve('a.example');
      second.clock.advance(100);
      await turn();
      await second.sources.answer('query', nothing);
      await second.sources.answer('lookup', [v4('10.0.0.2')]);
      expect(await late).toEqual([v4('10.0.0.2')]);
    },
  );

  it('is not remembered as unknown', async () => {
    const { book, sources } = setUp();
    const found = book.resolve('a.example');
    const rejected = expect(found).rejects.toMatchObject({ code: 'ENOTFOUND' });
    await sources.answer('lookup', []);
    await sources.answer('query', []);
    await rejected;
    const again = book.resolve('a.example');
    await sources.answer('lookup', [v4('10.0.0.1')]);
    expect(await again).toEqual([v4('10.0.0.1')]);
  });
});

describe('a host that is known', () => {
  const state = { 'a.example': { addresses: [v4('10.0.0.1')], atMs: 1_000_000 } };

  it('is answered at once, and renewed beside that when it is old', async () => {
    const { book, sources, clock } = setUp(state);
    clock.advance(30_000);
    expect(await book.resolve('a.example')).toEqual([v4('10.0.0.1')]);
    expect(sources.asked).toEqual([]);
    clock.advance(1);
    expect(await book.resolve('a.example')).toEqual([v4('10.0.0.1')]);
    await sources.answer('lookup', [v4('10.0.0.2')]);
    expect(await book.resolve('a.example')).toEqual([v4('10.0.0.2')]);
    expect(sources.asked).toEqual(['lookup a.example']);
  });

  it('is kept when it can not be renewed', async () => {
    const { book, sources } = setUp(state);
    book.distrust('a.example');
    expect(await book.resolve('a.example')).toEqual([v4('10.0.0.1')]);
    await sources.answer('lookup', new Error('down'));
    await sources.answer('query', new Error('down'));
    expect(await book.resolve('a.example')).toEqual([v4('10.0.0.1')]);
  });

  it('is renewed after the clock was set back', async () => {
    const { book, sources, clock } = setUp(state);
    clock.stepWall(-1_000);
    await book.resolve('a.example');
    expect(sources.asked).toEqual(['lookup a.example']);
  });

  it('goes from book to book as JSON', async () => {
    const { book } = setUp(JSON.parse(JSON.stringify(setUp(state).book)));
    expect(await book.resolve('a.example')).toEqual([v4('10.0.0.1')]);
  });
});

it.each<[string, unknown]>([
  ['nothing', undefined],
  ['null', null],
  ['a text', 'x'],
  ['null entries', { 'a.example': null }],
  ['no time', { 'a.example': { addresses: [v4('10.0.0.1')] } }],
  ['no addresses', { 'a.example': { addresses: [], atMs: 1 } }],
  ['a bad address', { 'a.example': { addresses: [{ address: 'x', family: 4 }], atMs: 1 } }],
  ['another family', { 'a.example': { addresses: [{ address: '::1', family: 4 }], atMs: 1 } }],
  ['a null address', { 'a.example': { addresses: [null], atMs: 1 } }],
])('a state that is no state is ignored: %s', (_name, state) => {
  expect(setUp(state).book.toJSON()).toEqual({});
});

describe('the lookup for net.connect', () => {
  const book = setUp({ 'a.example': { addresses: LOOPBACK, atMs: 1_000_000 } }).book;
  const ask = (options: object, host = 'a.example'): Promise<unknown[]> =>
    new Promise((resolve) => book.lookup(host, options, (...answer: unknown[]) => resolve(answer)));

  it.each<[string, object, unknown[]]>([
    ['a list where all are asked for', { all: true }, [null, LOOPBACK]],
    ['one with its family', {}, [null, '127.0.0.1', 4]],
    ['one of family 6', { family: 6 }, [null, '::1', 6]],
    ['a list of a family by name', { family: 'IPv6', all: true }, [null, [v6('::1')]]],
    ['any for family 0', { family: 0, all: true }, [null, LOOPBACK]],
  ])('%s', async (_name, options, expected) => expect(await ask(options)).toEqual(expected));

  it('says that there is none of that family', async () => {
    expect((await ask({ family: 6 }, '127.0.0.1'))[0]).toMatchObject({ code: 'ENOTFOUND' });
  });
});

it('the sources of the machine answer like the system', async () => {
  const found = await machineSources.lookup('localhost');
  const expected = await new Promise((resolve) =>
    systemLookup('localhost', { all: true }, (_error, all) => resolve(all)),
  );
  expect(found).toEqual(expected);
  expect(machineSources.hostsFile()).toContain('localhost');
});

describe('DNS answers that change between a check and a use', () => {
  it('are not asked for what may be sent in clear: the names and addresses of this machine', async () => {
    const asked: string[] = [];
    const evil = (host: string): Promise<readonly Address[]> => {
      asked.push(host);
      return Promise.resolve([v4('203.0.113.7')]);
    };
    const clock = createSimulatedClock();
    // A hosts file, and what an earlier incarnation has learned, say another address too.
    const state = { localhost: { addresses: [v4('203.0.113.7')], atMs: clock.wallMs() } };
    const hostsFile = (): string => '203.0.113.7 localhost app.localhost';
    const book = new AddressBook({ clock, state, sources: { lookup: evil, query: evil, hostsFile } });
    const candidates = [
      ...[
        'localhost',
        'LOCALHOST.',
        'app.localhost',
        '127.0.0.1',
        '127.8.9.10',
        '[::1]',
        '2130706433',
        '0x7f.1',
        '127.1',
      ],
      ...[
        '0.0.0.0',
        '[::]',
        '[::ffff:127.0.0.1]',
        'localhost.example',
        '127.0.0.1.example',
        'localhost.localdomain',
        '203.0.113.7',
      ],
    ];
    for (const host of candidates) {
      const target = new URL(`http://${host}/`);
      if (!isSecureEnough(target, false)) continue;
      const found = await book.resolve(target.hostname);
      expect(
        found.every(({ address }) => address === '::1' || address.startsWith('127.')),
        host,
      ).toBe(true);
    }
    expect(asked).toEqual([]);
    // A host that is asked over https is any that its certificate is for: what its name leads to is not looked at.
    expect(await book.resolve('issuer.example')).toEqual([v4('203.0.113.7')]);
  });
});
