/** What a token set promises, without threads: the rows of its semantics. */
import { inspect } from 'node:util';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { BulkError } from '../../../../src/kinds/inbound/bulk-error.js';
import { TokenSetReader } from '../../../../src/kinds/token-set/token-set-reader.js';
import { openWords } from '../../../../src/memory/child-memory.js';
import { Header } from '../../../../src/memory/layout.js';
import { WasmApi, type WasmMemory } from '../../../../src/table/web-assembly.js';
import { localTokenSet, type LocalTokenSet } from '../../../support/token-set.js';

const opened: LocalTokenSet[] = [];
afterEach(() => {
  vi.restoreAllMocks();
  opened.splice(0).forEach((one) => one.close());
});

const open = (...args: Parameters<typeof localTokenSet>): LocalTokenSet => {
  const local = localTokenSet(...args);
  opened.push(local);
  return local;
};

const code = (wanted: string): Error => expect.objectContaining({ code: wanted }) as Error;
setFlagsFromString('--expose-gc');
const collectGarbage = runInNewContext('gc') as () => void;
const HOUR_MS = 3_600_000;
const soon = (): number => (Math.floor(Date.now() / 1_000) + 3_600) * 1_000;
/** What was sent has come, and what is answered has been heard. */
const settled = async (): Promise<void> => {
  for (let turn = 0; turn < 20; turn += 1) await new Promise(setImmediate);
};

describe('insert', () => {
  it('resolves when readers see it, with its expiry and meta', async () => {
    const { set } = open();
    expect(set.exists('a')).toBe(false);
    const expiresAtMs = soon();
    await set.insert('a', { expiresAtMs, meta: 2 ** 32 - 1 });
    expect(set.exists('a')).toBe(true);
    expect(set.lookup('a')).toEqual({ expiresAtMs, meta: 2 ** 32 - 1 });
    await set.insert('b');
    expect(set.lookup('b')).toEqual({ expiresAtMs: Infinity, meta: 0 });
    expect(set.size()).toBe(2);
  });

  it('twice is once; the later expiry wins, whichever comes last; a meta replaces that of before, none does not', async () => {
    const { set } = open();
    const [early, late] = [soon(), soon() + HOUR_MS];
    await set.insert('a', { expiresAtMs: early, meta: 1 });
    await set.insert('a', { expiresAtMs: late });
    expect(set.lookup('a')).toEqual({ expiresAtMs: late, meta: 1 });
    await set.insert('a', { expiresAtMs: early, meta: 7 });
    expect(set.lookup('a')).toEqual({ expiresAtMs: late, meta: 7 });
    await set.insert('a', { expiresAtMs: late, meta: 0 });
    expect(set.lookup('a')).toEqual({ expiresAtMs: late, meta: 0 });
    expect(set.size()).toBe(1);
  });

  it('counts in whole seconds, rounded down: never longer than was said', async () => {
    const { set } = open();
    const expiresAtMs = soon();
    await set.insert('a', { expiresAtMs: expiresAtMs + 999 });
    expect(set.lookup('a')?.expiresAtMs).toBe(expiresAtMs);
  });

  it('of what has expired resolves, is not sent, and changes nothing', async () => {
    const { set, messages } = open();
    await set.insert('a', { expiresAtMs: Date.now() - 1 });
    await set.insert('b', { expiresAtMs: -5, meta: 1 });
    expect([set.exists('a'), set.exists('b'), set.size()]).toEqual([false, false, 0]);
    await set.insert('a', { meta: 3 });
    await set.insert('a', { expiresAtMs: 0, meta: 4 });
    expect(set.lookup('a')).toEqual({ expiresAtMs: Infinity, meta: 3 });
    expect(messages).toEqual(['set 1']);
  });

  it('of one that has expired there begins anew: the meta of before is gone', async () => {
    const { set, clock } = open();
    await set.insert('a', { expiresAtMs: soon(), meta: 9 });
    const laterMs = soon() + 1;
    vi.spyOn(Date, 'now').mockReturnValue(laterMs - 2);
    expect(set.exists('a')).toBe(true);
    vi.spyOn(Date, 'now').mockReturnValue(laterMs);
    clock.advance(HOUR_MS + 1_000);
    expect([set.exists('a'), set.lookup('a'), set.size()]).toEqual([false, undefined, 1]);
    await set.insert('a', { expiresAtMs: laterMs + HOUR_MS });
    expect(set.lookup('a')).toMatchObject({ meta: 0 });
  });

  it('is for as long as the wall clock says: set forth, it has expired; set back, it has not; also without an actor', async () => {
    const { set, close } = open();
    const expiresAtMs = soon();
    await set.insert('a', { expiresAtMs });
    const seen = (): readonly boolean[] =>
      [expiresAtMs, expiresAtMs - 1, 0].map((nowMs) => {
        vi.spyOn(Date, 'now').mockReturnValue(nowMs);
        return set.exists('a');
      });
    expect(seen()).toEqual([false, true, true]);
    close();
    expect(seen()).toEqual([false, true, true]);
  });

  it.each([
    ['no token', undefined, {}],
    ['an empty token', '', {}],
    ['a token that is none', 42, {}],
    ['a meta below 0', 'a', { meta: -1 }],
    ['a meta of more than 32 bits', 'a', { meta: 2 ** 32 }],
    ['a meta that is no integer', 'a', { meta: 0.5 }],
    ['a meta that is a text', 'a', { meta: '1' }],
    ['an expiry that is a Date', 'a', { expiresAtMs: new Date() }],
    ['an expiry that is no number', 'a', { expiresAtMs: NaN }],
    ['options that are none', 'a', null],
    ['an unknown option', 'a', { expiresAt: 5 }],
    ['a timeout that is none', 'a', { timeoutMs: '1s' }],
  ])('of %s rejects, and says so in an event', async (_what, token, options) => {
    const { set, told } = open();
    await expect(set.insert(token as string, options as never)).rejects.toThrow(code('CONFIG_INVALID'));
    expect(told).toEqual([{ type: 'write:failed', operation: 'insert', code: 'CONFIG_INVALID' }]);
    expect(set.size()).toBe(0);
  });
});

describe('what the set is asked with is never told', () => {
  it('to another thread: what crosses is a kind, and rows of digests that nobody can make elsewhere', async () => {
    const { set, crossed } = open();
    const secret = '0190a5e2-1111-7000-8000-00000000beef';
    await set.insert(secret, { meta: 1 });
    await set.insertMany([secret, 'another secret']);
    await set.existsOrdered(secret);
    await set.destroy(secret);
    for (const message of crossed as readonly Record<string, unknown>[]) {
      const { kind, rows, keepMeta = false, ...rest } = message;
      expect([rest, typeof kind, rows instanceof Int32Array, typeof keepMeta]).toEqual([{}, 'string', true, 'boolean']);
    }
    const [first] = crossed as readonly { rows: Int32Array }[];
    const other = open();
    await other.set.insert(secret, { meta: 1 });
    const [elsewhere] = other.crossed as readonly { rows: Int32Array }[];
    expect(first!.rows.subarray(3)).toEqual(elsewhere!.rows.subarray(3));
    expect([...first!.rows.subarray(0, 3)]).not.toEqual([...elsewhere!.rows.subarray(0, 3)]);
    expect(inspect([set, set.handle()], { depth: 9, showHidden: true })).not.toContain('beef');
  });

  it('in an error of it, or printed', async () => {
    const { set } = open();
    const secret = 'a secret that is in no message';
    const errors = await Promise.all([
      set.insert(secret, { meta: -1 }).catch(String),
      set.insert([secret] as never).catch(String),
      set.insertMany([secret, { token: secret, meta: 0.5 }]).catch(String),
      set.insertMany([[secret]] as never).catch(String),
      set.insertMany(secret as never).catch(String),
      set.destroyMany([{ secret }] as never).catch(String),
      set.destroyMany([new Date(), secret] as never).catch(String),
    ]);
    for (const error of errors) expect(error).toContain('Expected');
    expect(errors.join()).not.toContain('secret');
  });
});

describe('reads', () => {
  it('of what is no token find nothing', () => {
    const { set } = open();
    for (const what of ['', undefined, null, 5, {}, ['a']] as string[]) {
      expect([set.exists(what), set.lookup(what)]).toEqual([false, undefined]);
    }
  });

  it('see any text that can be a token, and tell apart what differs', async () => {
    const { set } = open();
    const tokens = ['a', 'b', 'A', 'a ', '\u0000', 'é', 'e\u0301', '\ud800', '\udc00', '💳', 'x'.repeat(100_000)];
    tokens.push('00000000-0000-0000-0000-000000000000', '00000000-0000-0000-0000-00000000000A');
    for (const [index, token] of tokens.entries()) {
      expect(tokens.map((other) => set.exists(other))).toEqual(tokens.map((_, other) => other < index));
      await set.insert(token, { meta: index });
    }
    expect(tokens.map((token) => set.lookup(token)?.meta)).toEqual(tokens.map((_, index) => index));
  });

  it('throw STOPPED when it has been stopped, and go on when it is started again', async () => {
    const { set } = open();
    await set.insert('a');
    const words = openWords(set.handle().memory);
    words.store(Header.STOPPED, 1);
    for (const read of [() => set.exists('a'), () => set.lookup('a'), () => set.size()]) {
      expect(read).toThrow(code('STOPPED'));
    }
    expect(set.status().size).toBe(1);
    words.store(Header.STOPPED, 0);
    expect(set.exists('a')).toBe(true);
  });

  it('are the same by a handle, without its writes', async () => {
    const { set } = open({ maxEntries: 1_234 });
    await set.insert('a', { meta: 1 });
    const { name, memory, table, ...rest } = set.handle();
    expect(rest).toEqual({ tokenvisor: 1, kind: 'tokenSet' });
    const reader = new TokenSetReader({ name, memory, table });
    expect([reader.exists('a'), reader.lookup('a')?.meta, reader.size()]).toEqual([true, 1, 1]);
    expect(reader.status()).toMatchObject({ name: 'set', size: 1, maxEntries: 1_234 });
    expect(() => new TokenSetReader({ name, memory })).toThrow(code('LAYOUT_MISMATCH'));
  });
});

describe('destroy', () => {
  it('resolves when no reader sees it; what is not there is fine', async () => {
    const { set } = open();
    await set.insert('a');
    await set.insert('b');
    await set.destroy('a');
    await set.destroy('unknown');
    expect([set.exists('a'), set.exists('b'), set.size()]).toEqual([false, true, 1]);
    await set.insert('a', { meta: 5 });
    expect(set.lookup('a')?.meta).toBe(5);
    await expect(set.destroy('')).rejects.toThrow(code('CONFIG_INVALID'));
  });
});

describe('existsOrdered', () => {
  it('sees all that was sent before, awaited or not; exists does not', async () => {
    const { set, hold } = open();
    const release = hold();
    void set.insert('a');
    expect(set.exists('a')).toBe(false);
    const ordered = [set.existsOrdered('a')];
    void set.destroy('a');
    ordered.push(set.existsOrdered('a'));
    void set.insertMany(['x', 'a', 'y']);
    ordered.push(set.existsOrdered('a'), set.existsOrdered('never'), set.existsOrdered(''));
    release();
    expect(await Promise.all(ordered)).toEqual([true, false, true, false, false]);
  });
});

describe('regressions: existsOrdered', () => {
  const silent: AsyncIterable<string> = {
    [Symbol.asyncIterator]: () => ({ next: () => new Promise(() => undefined) }),
  };

  it('waited for a slow bulk past its time and its signal', async () => {
    const { set } = open();
    void set.insertMany(silent);
    await expect(set.existsOrdered('a', { timeoutMs: 5 })).rejects.toMatchObject({
      code: 'CALL_TIMEOUT',
      child: 'set',
    });
    const controller = new AbortController();
    const waiting = set.existsOrdered('a', { signal: controller.signal });
    controller.abort();
    await expect(waiting).rejects.toThrow(code('ABORTED'));
    await expect(set.existsOrdered('a', { timeoutMs: -1 })).rejects.toThrow(code('CONFIG_INVALID'));
    await expect(set.existsOrdered('', 5 as never)).rejects.toThrow(code('CONFIG_INVALID'));
  });

  it('was overtaken by what was sent later, while a bulk that had nothing left to send was under way', async () => {
    const { set, hold, messages } = open();
    const release = hold();
    void set.insertMany(['a']);
    const ordered = set.existsOrdered('a');
    void set.destroy('a');
    release();
    expect(await ordered).toBe(true);
    expect(messages).toEqual(['set 1', 'exists 1', 'remove 1']);
  });
});

describe('insertMany and destroyMany', () => {
  const tokens = Array.from({ length: 2_500 }, (_, index) => `token-${index}`);

  it('take iterables, in messages of a thousand, and tell how far they are', async () => {
    const { set, messages } = open();
    const progress: number[] = [];
    const onProgress = ({ done }: { done: number }): void => void progress.push(done);
    expect(await set.insertMany(new Set(tokens), { onProgress })).toBe(2_500);
    expect(progress).toEqual([1_000, 2_000, 2_500]);
    expect(tokens.every((token) => set.exists(token))).toBe(true);
    expect(set.size()).toBe(2_500);
    expect(await set.destroyMany(tokens.slice(10).values(), { onProgress })).toBe(2_490);
    expect(progress.slice(3)).toEqual([1_000, 2_000, 2_490]);
    expect([set.size(), set.exists('token-9'), set.exists('token-10')]).toEqual([10, true, false]);
    expect(messages).toEqual(['set 1000', 'set 1000', 'set 500', 'remove 1000', 'remove 1000', 'remove 490']);
    expect([await set.insertMany([]), await set.destroyMany([])]).toEqual([0, 0]);
  });

  it('take async iterables, no faster than they are written', async () => {
    const { set, hold } = open();
    let given = 0;
    async function* source() {
      for (; given < 20_000; given += 1) {
        if (given % 500 === 0) await new Promise(setImmediate);
        yield { token: `token-${given}`, meta: given };
      }
    }
    const release = hold();
    const all = set.insertMany(source());
    await settled();
    await expect.poll(() => given).toBe(4_000 - 1);
    await settled();
    expect(given).toBe(4_000 - 1);
    release();
    expect(await all).toBe(20_000);
    expect([set.size(), set.lookup('token-19999')?.meta]).toEqual([20_000, 19_999]);
  });

  it('take items of both forms: of one token twice the last meta counts', async () => {
    const { set } = open();
    await set.insert('kept', { meta: 5 });
    const expiresAtMs = soon();
    await set.insertMany(['kept', { token: 'a', meta: 1 }, 'a', { token: 'a', meta: 2, expiresAtMs }, { token: 'b' }]);
    expect(set.lookup('kept')).toEqual({ expiresAtMs: Infinity, meta: 5 });
    expect(set.lookup('a')).toEqual({ expiresAtMs: Infinity, meta: 2 });
    expect(set.lookup('b')).toEqual({ expiresAtMs: Infinity, meta: 0 });
  });

  it('of what has expired leave nothing that is seen', async () => {
    const { set } = open();
    expect(await set.insertMany([{ token: 'a', expiresAtMs: 1 }, 'b'])).toBe(2);
    expect([set.exists('a'), set.lookup('a'), set.exists('b')]).toEqual([false, undefined, true]);
    const gone = Array.from({ length: 3 }, () => ({ token: 'b', expiresAtMs: 1, meta: 9 }));
    expect(await set.insertMany(gone)).toBe(3);
    expect(set.lookup('b')).toEqual({ expiresAtMs: Infinity, meta: 0 });
  });

  it('end by their signal, and say how many are done; a source that keeps them waiting is left', async () => {
    const { set } = open();
    const controller = new AbortController();
    let returned = false;
    const source: AsyncIterable<string> = {
      [Symbol.asyncIterator]: () => {
        let given = 0;
        return {
          next: () => {
            if (given < 1_200) return Promise.resolve({ done: false, value: `token-${given++}` });
            controller.abort(new Error('enough'));
            return new Promise(() => undefined);
          },
          return: () => {
            returned = true;
            return Promise.resolve({ done: true, value: undefined });
          },
        };
      },
    };
    const error = await set.insertMany(source, { signal: controller.signal }).catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(BulkError);
    expect(error).toMatchObject({ code: 'ABORTED', done: 1_000, child: 'set' });
    expect([returned, set.size()]).toEqual([true, 1_000]);
    const aborted = { signal: AbortSignal.abort() };
    await expect(set.destroyMany(tokens, aborted)).rejects.toMatchObject({ code: 'ABORTED', done: 0 });
    expect(set.size()).toBe(1_000);
  });

  it('end with what their source or their listener throws, or with an item that is none', async () => {
    const { set } = open();
    const broken = function* () {
      yield* tokens.slice(0, 1_000);
      throw new RangeError('the source broke');
    };
    await expect(set.insertMany(broken())).rejects.toThrow('the source broke');
    expect(set.size()).toBe(1_000);
    const stop = (): never => {
      throw new RangeError('the listener broke');
    };
    await expect(set.destroyMany(tokens, { onProgress: stop })).rejects.toThrow('the listener broke');
    const bad = [...tokens.slice(0, 1_500), ''];
    await expect(set.insertMany(bad)).rejects.toMatchObject({ code: 'CONFIG_INVALID', done: 1_000 });
  });

  it.each([
    ['a text', 'token', {}],
    ['nothing', undefined, {}],
    ['a number', 5, {}],
    ['options that are none', [], 5],
  ])('refuse %s', async (_what, items, options) => {
    const { set } = open();
    await expect(set.insertMany(items as never, options as never)).rejects.toThrow(code('CONFIG_INVALID'));
    await expect(set.destroyMany(items as never, options as never)).rejects.toThrow(code('CONFIG_INVALID'));
  });
});

describe('regressions: a bulk', () => {
  it('that fits into its first messages was overtaken by what was sent after it', async () => {
    const { set, messages } = open();
    void set.insertMany(['a', 'b']);
    await set.destroy('a');
    expect(messages).toEqual(['set 2', 'remove 1']);
    expect([set.exists('a'), set.exists('b')]).toEqual([false, true]);
  });

  it('asked an item twice what it is, and sent another row when it said something else', async () => {
    const { set } = open();
    await set.insert('kept', { meta: 5 });
    let asked = 0;
    const item = {
      token: 'b',
      meta: 9,
      get expiresAtMs() {
        asked += 1;
        return asked === 1 ? Infinity : 1;
      },
    };
    expect(await set.insertMany(['kept', item])).toBe(2);
    expect([set.lookup('kept')?.meta, set.lookup('b')?.meta, asked]).toEqual([5, 9, 1]);
  });

  it('of an async source kept something of each token until its end', async () => {
    const { set } = open();
    async function* source() {
      for (let index = 0; index < 40_000; index += 1) yield await Promise.resolve(`token-${index}`);
    }
    const heap: number[] = [];
    const onProgress = ({ done }: { done: number }): void => {
      if (done !== 2_000 && done !== 32_000) return;
      collectGarbage();
      heap.push(process.memoryUsage().heapUsed);
    };
    await set.insertMany(source(), { onProgress });
    const [early, late] = heap as [number, number];
    expect((late - early) / 30_000).toBeLessThan(100);
  });

  it('of what has expired kept the thread from everything else', async () => {
    const { set } = open();
    let turned = false;
    setImmediate(() => (turned = true));
    let before = 0;
    function* gone() {
      for (; before < 50_000 && !turned; before += 1) yield { token: 'a', expiresAtMs: 1 };
    }
    expect(await set.insertMany(gone())).toBe(before);
    expect(before).toBeLessThan(50_000);
  });

  it.each([
    ['a listener that is none', { onProgress: 5 }],
    ['a signal that is none', { signal: {} }],
    ['a time that is none', { timeoutMs: '5' }],
    ['an option that there is not', { progress: 5 }],
  ])('took %s, and failed later or not at all', async (_what, options) => {
    const { set, messages } = open();
    for (const items of [[], ['a']]) {
      await expect(set.insertMany(items, options as never)).rejects.toThrow(code('CONFIG_INVALID'));
      await expect(set.destroyMany(items, options as never)).rejects.toThrow(code('CONFIG_INVALID'));
    }
    expect(messages).toEqual([]);
  });

  it('told of a source that could not be ended, in place of why it was', async () => {
    const { set } = open();
    const source: AsyncIterable<string> = {
      [Symbol.asyncIterator]: () => ({
        next: () => Promise.resolve({ done: false, value: '' }),
        return: () => {
          throw new RangeError('it can not be ended');
        },
      }),
    };
    await expect(set.insertMany(source)).rejects.toThrow(code('CONFIG_INVALID'));
  });
});

describe('a set whose memory can not grow', () => {
  it('says how far a bulk surely came, and takes more when there is room', async () => {
    const grow = vi.spyOn(WasmApi.Memory.prototype as WasmMemory, 'grow');
    grow.mockImplementation((pages) => {
      if (pages > 0) throw new RangeError('there is none to be had');
      return 0;
    });
    const { set } = open({ maxEntries: 100_000 });
    const tokens = Array.from({ length: 6_000 }, (_, index) => ({ token: `token-${index}`, meta: 0 }));
    const all = await set.insertMany(tokens).catch((thrown: unknown) => thrown);
    const done = set.size();
    expect(all).toMatchObject({ code: 'TABLE_FULL', done });
    expect(done).toBeGreaterThan(4_000);
    // Another meta takes a slot of its own. What comes after it is there, and was not done by this.
    const some = set.insertMany([tokens[0]!, { token: 'token-1', meta: 7 }, tokens[2]!]);
    await expect(some).rejects.toMatchObject({ code: 'TABLE_FULL', done: 1 });
    expect(set.lookup('token-1')?.meta).toBe(0);
    await set.destroyMany(tokens.slice(0, 400).map(({ token }) => token));
    await set.insert('token-401', { meta: 7 });
    expect([set.lookup('token-401')?.meta, set.size()]).toEqual([7, done - 400]);
    expect(await set.clear()).toBe(done - 400);
  });
});

describe('a set that is full', () => {
  it('refuses what is new, takes what is there, and says how far a bulk came', async () => {
    const { set, told } = open({ maxEntries: 1_500 });
    const tokens = Array.from({ length: 1_600 }, (_, index) => `token-${index}`);
    const error = await set.insertMany(tokens).catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({ code: 'TABLE_FULL', done: 1_500 });
    expect([set.size(), set.exists('token-1499'), set.exists('token-1500')]).toEqual([1_500, true, false]);
    await expect(set.insert('one more')).rejects.toMatchObject({ code: 'TABLE_FULL', child: 'set' });
    await set.insert('token-7', { meta: 7 });
    expect(set.lookup('token-7')?.meta).toBe(7);
    expect(told).toEqual([
      { type: 'write:failed', operation: 'insertMany', code: 'TABLE_FULL' },
      { type: 'write:failed', operation: 'insert', code: 'TABLE_FULL' },
    ]);
    await set.destroy('token-7');
    await set.insert('one more');
    expect(set.exists('one more')).toBe(true);
  });
});

describe('clear and expungeExpired', () => {
  it('clear empties it, for all readers, and says how many there were', async () => {
    const { set } = open();
    await set.insertMany(['a', 'b', 'c']);
    expect(await set.clear()).toBe(3);
    expect([set.size(), set.exists('a'), await set.clear()]).toEqual([0, false, 0]);
    await set.insert('a');
    expect(set.exists('a')).toBe(true);
  });

  it('expungeExpired takes out what has expired and no more; who asks meanwhile waits for the same', async () => {
    const { set, clock, told } = open();
    await set.insertMany(
      Array.from({ length: 20_000 }, (_, index) => ({
        token: `token-${index}`,
        expiresAtMs: soon() + (index % 2) * HOUR_MS,
      })),
    );
    clock.advance(1.5 * HOUR_MS);
    const both = [set.expungeExpired(), set.expungeExpired()];
    expect(await Promise.all(both)).toEqual([10_000, 10_000]);
    expect([set.size(), set.exists('token-0'), set.exists('token-1')]).toEqual([10_000, false, true]);
    expect(told).toEqual([{ type: 'table:expunged', removed: 10_000, size: 10_000 }]);
    expect(await set.expungeExpired()).toBe(0);
    expect(told).toHaveLength(1);
  });

  it('it is done by itself, again and again, about every expungeIntervalMs', async () => {
    const { set, clock, told } = open({ expungeIntervalMs: 10_000 });
    for (const round of [1, 2]) {
      await set.insert(`token-${round}`, { expiresAtMs: soon() + round * HOUR_MS });
      clock.advance(2 * HOUR_MS);
      await expect.poll(() => told.length).toBe(round);
      expect(told.at(-1)).toEqual({ type: 'table:expunged', removed: 1, size: 0 });
    }
  });

  it('never, if that was said', async () => {
    const { set, clock } = open({ expungeIntervalMs: Infinity });
    await set.insert('a', { expiresAtMs: soon() });
    clock.advance(1_000 * HOUR_MS);
    await settled();
    expect(set.size()).toBe(1);
    expect(await set.expungeExpired()).toBe(1);
  });
});

describe('a crash of the actor', () => {
  it('leaves what is there; what is in flight rejects, and is an event', async () => {
    const { set, hold, crash, told } = open();
    await set.insert('a', { meta: 1 });
    const release = hold();
    const inFlight = set.insert('b');
    const bulk = set.insertMany(['c', 'd']);
    await settled();
    crash();
    await expect(inFlight).rejects.toMatchObject({ code: 'ACTOR_DOWN', child: 'set' });
    await expect(bulk).rejects.toMatchObject({ code: 'ACTOR_DOWN', done: 0 });
    release();
    expect(told.map(({ operation, code: why }) => `${String(operation)} ${String(why)}`).sort()).toEqual([
      'insert ACTOR_DOWN',
      'insertMany ACTOR_DOWN',
    ]);
    await set.insert('e');
    expect([set.exists('a'), set.exists('e'), set.size() >= 2]).toEqual([true, true, true]);
  });

  it('a write that nobody waits for is an event, and no unhandled rejection', async () => {
    const { set, close, told } = open();
    close();
    void set.insert('a');
    void set.destroy('a');
    void set.insertMany(['a']);
    void set.clear();
    await settled();
    expect(told.map(({ operation, code: why }) => `${String(operation)} ${String(why)}`).sort()).toEqual(
      ['clear', 'destroy', 'insert', 'insertMany'].map((operation) => `${operation} NO_PROC`),
    );
  });
});
