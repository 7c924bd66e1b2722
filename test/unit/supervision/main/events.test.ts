import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { AnyTokenvisorEvent } from '../../../../src/supervision/core/event-map.js';
import { Events, logEvents } from '../../../../src/supervision/main/events.js';
import { turn } from '../../../support/turn.js';

const warnings: unknown[][] = [];
beforeEach(() => {
  warnings.length = 0;
  vi.spyOn(process, 'emitWarning').mockImplementation((...warning: unknown[]) => void warnings.push(warning));
});
afterEach(() => vi.restoreAllMocks());

const started = { name: 'github', incarnation: 1 };

describe('listeners', () => {
  it('hear an event once each, in order, with the time of it', () => {
    const events = new Events();
    const heard: unknown[] = [];
    events.on('child:started', (event) => heard.push(['first', event]));
    events.on('event', (event) => heard.push(['all', event]));
    events.on('child:started', (event) => heard.push(['second', event]));
    events.emit('child:started', { ...started, atMs: 5 });
    const event = { ...started, atMs: 5 };
    expect(heard).toEqual([
      ['first', event],
      ['second', event],
      ['all', { ...event, type: 'child:started' }],
    ]);
    events.emit('child:stopped', { name: 'github' });
    expect(heard).toHaveLength(4);
    expect(heard[3]).toMatchObject(['all', { type: 'child:stopped', atMs: expect.any(Number) as number }]);
  });

  it('may be removed, and may hear once', () => {
    const events = new Events();
    const listener = vi.fn();
    const once = vi.fn();
    events.on('child:started', listener);
    events.on('child:stopped', listener);
    events.once('child:started', once);
    events.emit('child:started', started);
    events.off('child:started', listener);
    events.off('child:started', () => undefined);
    events.emit('child:started', started);
    events.emit('child:stopped', started);
    expect([listener.mock.calls.length, once.mock.calls.length]).toEqual([2, 1]);
    events.once('child:started', once);
    events.off('child:started', once);
    events.emit('child:started', started);
    expect(once).toHaveBeenCalledTimes(1);
  });

  it('that are no functions are refused', () => {
    expect(() => new Events().on('event', 'loudly' as never)).toThrow(
      expect.objectContaining({ code: 'CONFIG_INVALID' }),
    );
  });

  it('can not make an event look like another', () => {
    const events = new Events();
    const heard = vi.fn();
    events.on('event', heard);
    events.emit('own:thing', { type: 'supervisor:ended', name: 'own' });
    events.emit('event', { name: 'own' });
    expect(heard.mock.calls.map(([event]) => (event as { type: string }).type)).toEqual(['own:thing', 'event']);
  });
});

describe('a listener that throws', () => {
  it.each<[string, () => unknown]>([
    [
      'throws',
      () => {
        throw new RangeError('mine');
      },
    ],
    ['rejects', () => Promise.reject(new RangeError('mine'))],
    [
      'is thenable and rejects',
      () => ({ then: (_ok: unknown, fail: (error: Error) => void) => fail(new RangeError('mine')) }),
    ],
  ])('%s: harms no other, and is an error event', async (_how, listener) => {
    const events = new Events();
    const other = vi.fn();
    const errors = vi.fn();
    events.on('child:started', listener);
    events.on('child:started', other);
    events.on('error', errors);
    events.emit('child:started', started);
    await turn();
    expect(other).toHaveBeenCalledTimes(1);
    expect(errors.mock.calls).toMatchObject([
      [{ error: { message: 'mine' }, during: "a listener of 'child:started'" }],
    ]);
    expect(warnings).toEqual([]);
  });

  it.each(['error', 'event'] as const)('of `%s` is a warning of the process, and no loop', async (name) => {
    const events = new Events();
    events.on(name, () => {
      throw new Error('mine');
    });
    events.emit('error', { error: new Error('first'), during: 'a test' });
    events.on('child:started', () => Promise.reject(new Error('second')));
    events.emit('child:started', started);
    await turn();
    expect(warnings.every(([warning]) => (warning as Error).message === 'mine')).toBe(true);
    expect(warnings).toHaveLength(name === 'error' ? 2 : 3);
  });

  it.each([undefined, null, 'text', Symbol('s'), Object.create(null) as object])('may throw %o', (thrown) => {
    const events = new Events();
    const errors = vi.fn();
    events.on('error', errors);
    events.on('child:started', () => {
      // eslint-disable-next-line @typescript-eslint/only-throw-error -- a listener of a user's does
      throw thrown;
    });
    events.emit('child:started', started);
    expect(errors.mock.calls).toMatchObject([[{ error: expect.any(Error) as Error }]]);
  });
});

describe('a failure that nobody hears', () => {
  it.each([
    ['mint:failed', started],
    ['token:expired', started],
    ['child:parked', started],
    ['child:zombie', started],
    ['cast:failed', started],
    ['supervisor:exited', {}],
    ['supervisor:ended', { reason: 'restart_intensity' }],
    ['error', { error: new Error('x'), during: 'a test' }],
  ])('%s: is a warning, once', (type, details) => {
    const events = new Events();
    for (let times = 0; times < 3; times += 1) events.emit(type, details);
    events.emit('mint:failed', started);
    expect(warnings).toHaveLength(1);
    expect(warnings[0]).toEqual([
      expect.stringContaining(`'${type}'`),
      { code: 'TOKENVISOR_UNHEARD', type: 'TokenvisorWarning' },
    ]);
  });

  it('tells what has failed', () => {
    new Events().emit('mint:failed', { ...started, failure: { message: 'No connection to login.example' } });
    expect(warnings[0]?.[0]).toContain('has no listener (No connection to login.example). Listen to it');
    new Events().emit('ledger:store-failed', { name: 'revoked', error: { message: "npm install 'lmdb'" } });
    expect(warnings[1]?.[0]).toContain("of 'revoked' has no listener (npm install 'lmdb'). Listen to it");
    new Events().emit('write:failed', { name: 'set', operation: 'insert', code: 'TABLE_FULL' });
    expect(warnings[2]?.[0]).toContain("of 'set' has no listener (TABLE_FULL). Listen to it");
  });

  it.each(['mint:failed', 'event'] as const)('is none if somebody listens to `%s`', (name) => {
    const events = new Events();
    events.on(name, () => undefined);
    events.emit('mint:failed', started);
    expect(warnings).toEqual([]);
  });

  it.each([
    ['mint:succeeded', started],
    ['child:exited', started],
    ['supervisor:report', {}],
    ['supervisor:ended', { reason: 'closed' }],
  ])('%s is no failure', (type, details) => {
    new Events().emit(type, details);
    expect(warnings).toEqual([]);
  });
});

describe('logEvents', () => {
  const lineOf = (type: string, details: object): string => {
    const events = new Events();
    const lines: string[] = [];
    logEvents(events, (line) => lines.push(line));
    events.emit(type, { atMs: Date.UTC(2030, 0, 1), ...details });
    expect(lines).toHaveLength(1);
    return lines[0]!.replace('2030-01-01T00:00:00.000Z ', '');
  };

  it.each<[string, object, string]>([
    ['child:started', { name: 'github', incarnation: 2 }, 'child:started name=github incarnation=2'],
    ['mint:succeeded', { name: 'a', expiresAtMs: Infinity }, 'mint:succeeded name=a expiresAtMs=Infinity'],
    ['child:exited', { reason: { kind: 'exit', code: 7 } }, 'child:exited reason={"kind":"exit","code":7}'],
    [
      'error',
      { error: new TypeError('no such thing'), during: 'a test' },
      'error error="TypeError: no such thing" during="a test"',
    ],
    [
      'own:thing',
      { text: '', yes: true, none: null, gone: undefined },
      'own:thing text="" yes=true none=null gone=null',
    ],
  ])('%s %o', (type, details, line) => {
    expect(lineOf(type, details)).toBe(line);
  });

  it.each([
    ['a line break', 'a\nb', '"a\\nb"'],
    ['a carriage return', 'a\rb', '"a\\rb"'],
    ['a separator of lines', 'a\u2028b\u0085c', '"a\\u2028b\\u0085c"'],
    ['an escape sequence', '\u001b[2Jx', '"\\u001b[2Jx"'],
    ['a pair', 'ok fine=true', '"ok fine=true"'],
    ['a quote', 'say "hi"', '"say \\"hi\\""'],
    ['a right-to-left override', 'a\u202eb', '"a\\u202eb"'],
  ])('writes one line for a text with %s', (_what, text, shown) => {
    expect(lineOf('own:thing', { text })).toBe(`own:thing text=${shown}`);
  });

  it('writes a line for what has no JSON', () => {
    const circle: Record<string, unknown> = {};
    circle['circle'] = circle;
    expect(lineOf('own:thing', { circle, big: 10n })).toBe('own:thing circle="[object Object]" big="10"');
  });

  it('ends when it is told to', () => {
    const events = new Events();
    const write = vi.fn();
    const stop = logEvents(events, write);
    stop();
    events.emit('child:started', started);
    expect(write).not.toHaveBeenCalled();
  });

  it('writes to stderr by default', () => {
    const write = vi.spyOn(process.stderr, 'write').mockImplementation(() => true);
    const events = new Events();
    logEvents(events);
    events.emit('child:started', { ...started, atMs: 0 });
    expect(write.mock.calls).toEqual([['1970-01-01T00:00:00.000Z child:started name=github incarnation=1\n']]);
  });
});

it('an event is what its listeners are given: typed', () => {
  const events = new Events();
  const types: AnyTokenvisorEvent['type'][] = [];
  events.on('event', ({ type }) => types.push(type));
  events.emit('clock:stepped', { name: 'a', byMs: 4 });
  expect(types).toEqual(['clock:stepped']);
});
