/** A kind of a user's with a reader and a client of its own, by the public API alone. */
import { once } from 'node:events';
import { Worker } from 'node:worker_threads';
import { afterEach, expect, test } from 'vitest';
import { actor, attach, startSupervisor, type Actor, type ActorReader } from 'tokenvisor';
import { cleanUp, supervise } from '../support/supervised.js';
import { Rates } from './fixtures/rates.mjs';

afterEach(cleanUp);

const behaviour = { module: new URL('./fixtures/rates.mjs', import.meta.url), export: 'behaviour' };
const ratesOf = (base: Actor): Rates & { base: Actor } => Object.assign(new Rates(base), { base });

test('it has them in the starting thread and in another one, as a reader and as a writer', async () => {
  const { children, supervisor } = await supervise({ rates: actor({ behaviour, client: ratesOf }) });
  const { rates } = children;
  await supervisor.ready();
  expect(await rates.set('EUR', 0.9)).toBe(1);
  expect(rates.rate('EUR')).toBe(0.9);
  const writer = await rates.base.writer();
  const worker = new Worker(new URL('./fixtures/rates-thread.mjs', import.meta.url), {
    workerData: { handle: rates.handle(), writer },
    transferList: [writer.port],
    execArgv: [],
  });
  const [seen] = (await once(worker, 'message')) as [unknown];
  expect(seen).toEqual({ read: 0.9, size: 2, written: [0.95, 0.95] });
  expect(rates.rate('CHF')).toBe(0.95);
  expect(supervisor.health().children).toEqual({ rates: 'ok' });
});

test.each<[what: string, client: (base: Actor) => object, message: RegExp]>([
  [
    'returns none',
    () => undefined as never,
    /Expected the `client` function of 'rates' to return an object, got nothing/,
  ],
  [
    'returns a promise',
    () => Promise.resolve({}),
    /Expected the `client` function of 'rates' to return an object, got /,
  ],
  [
    'throws',
    () => {
      throw new Error('no');
    },
    /The `client` function of 'rates' threw/,
  ],
])('a client function that %s fails the start, and leaves no thread', async (_, client, message) => {
  await expect(startSupervisor({ rates: actor({ behaviour, client }) })).rejects.toMatchObject({
    code: 'START_FAILED',
    message: expect.stringMatching(message) as string,
  });
  const { supervisor } = await supervise({});
  await expect(supervisor.startChild('rates', actor({ behaviour, client }))).rejects.toMatchObject({
    code: 'START_FAILED',
  });
  expect(await supervisor.whichChildren()).toEqual([]);
  expect(Object.keys(supervisor.children)).toEqual([]);
});

test('options that are of the other end, of another kind, or no functions, are refused with what to give', async () => {
  const { children } = await supervise({ rates: actor({ behaviour }) });
  const handle = children.rates.handle();
  const refused = (options: unknown): unknown => {
    try {
      return attach(handle, options as { reader: (base: ActorReader) => object });
    } catch (error) {
      return (error as Error).message;
    }
  };
  expect(refused({ writer: () => ({}) })).toMatch(/Expected `reader` for what handle\(\) returned, got `writer`/);
  expect(refused({ reader: 5 })).toMatch(/Expected `reader` to be a function that makes a reader, got 5 \(number\)/);
  expect(refused({ reader: () => 5 })).toMatch(/Expected `reader` to return an object, got 5 \(number\)/);
  expect(refused(null)).toMatch(/Expected `reader` to be a function/);
  const other = { ...handle, kind: 'tokenSet' };
  expect(() => attach(other as never, { reader: () => ({}) })).toThrow(
    /Expected no options for a child of kind 'tokenSet'/,
  );
});
