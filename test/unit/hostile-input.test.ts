/** Regressions: what came from where no type checker looks, and was not seen. */
import { MessageChannel } from 'node:worker_threads';
import { afterEach, describe, expect, it } from 'vitest';
import { allocateCallCounts, CallCount } from '../../src/messaging/call-endpoint.js';
import { CallPort } from '../../src/messaging/call-port.js';
import { guardedEndpoint } from '../../src/messaging/guarded-endpoint.js';
import { systemClock } from '../../src/core/clock.js';
import { check, number, object, optional } from '../../src/config/check.js';
import { TokenvisorError } from '../../src/core/errors.js';
import { encodeOptions } from '../../src/secrets/reference-tree.js';
import { withError } from '../../src/supervision/main/answers.js';
import { HOSTILE, HUSH } from '../support/hostile-values.mjs';

const cleanups: (() => void)[] = [];
afterEach(() => cleanups.splice(0).forEach((cleanup) => cleanup()));

const codeOf = (run: () => unknown): unknown => {
  try {
    return run();
  } catch (error) {
    return (error as TokenvisorError).code;
  }
};

describe('a message that can not be sent', () => {
  const open = (): { readonly calls: CallPort; readonly reserved: () => number } => {
    const { port1, port2 } = new MessageChannel();
    const counts = allocateCallCounts();
    cleanups.push(() => [port1, port2].forEach((port) => port.close()));
    const calls = new CallPort('own', { port: port1, counts, mailboxLimit: 3 }, () => undefined);
    return { calls, reserved: () => Atomics.load(new Int32Array(counts), CallCount.RESERVED) };
  };

  it('takes no place in the mailbox for good, though it throws at once', async () => {
    const { calls, reserved } = open();
    for (let count = 0; count < 10; count++) {
      await expect(calls.call(HOSTILE['a proxy that throws']!())).rejects.toMatchObject({ code: 'NOT_CLONEABLE' });
      expect(codeOf(() => calls.cast(HOSTILE['a revoked proxy']!()))).toBe('NOT_CLONEABLE');
    }
    expect(reserved()).toBe(0);
  });

  it('is not quoted: neither the text of a symbol nor the source of a function', async () => {
    const { calls } = open();
    for (const message of [Symbol(HUSH), Object.assign(() => undefined, { toString: () => HUSH })]) {
      const error: unknown = await calls.call(message).catch((thrown: unknown) => thrown);
      expect(error).toMatchObject({ code: 'NOT_CLONEABLE' });
      expect((error as Error).message + String((error as Error).cause)).not.toContain(HUSH);
    }
  });
});

it('a timer of no number of ms is refused: it would have woken each ms, and never fired', () => {
  for (const delayMs of [NaN, '5m', undefined, {}]) {
    expect(codeOf(() => systemClock.setTimer(delayMs as number, () => undefined))).toBe('CONFIG_INVALID');
  }
  systemClock.setTimer(Infinity, () => undefined).cancel();
});

it('options are read once: what is used is what was checked', () => {
  let reads = 0;
  const lying = {
    get timeoutMs(): unknown {
      reads += 1;
      return reads === 1 ? 5 : 'never';
    },
  };
  const { value, problems } = check(
    object({ timeoutMs: optional(number()) }, (given) => expect(given['timeoutMs']).toBe(5)),
    lying,
  );
  expect([value, problems, reads]).toEqual([{ timeoutMs: 5 }, [], 1]);
});

it('an object with very many unknown options is one problem', () => {
  const many = Object.fromEntries(Array.from({ length: 100_000 }, (_, index) => [`k${index}`, 1]));
  expect(check(object({}), many).problems).toHaveLength(1);
});

it('options that are nested too deep are told, and do not end in a stack overflow', () => {
  expect(codeOf(() => encodeOptions(HOSTILE['something deep']!()))).toBe('NOT_CLONEABLE');
});

it('an error event whose error has no text is an error event', () => {
  expect(withError({ error: { toString: 1 } })['error']).toBeInstanceOf(TokenvisorError);
});

it('a request on a port that leads to code is dropped before anything is looked up', async () => {
  const { port1, port2 } = new MessageChannel();
  cleanups.push(() => [port1, port2].forEach((port) => port.close()));
  const strange: unknown[] = [];
  const taken: unknown[] = [];
  const endpoint = guardedEndpoint(port1, ['call'], (message) => strange.push(message));
  endpoint.addEventListener('message', (event: { data: unknown }) => taken.push(event.data));
  const request = (path: unknown, argumentList: unknown = []): object => ({
    id: '1',
    type: 'APPLY',
    path,
    argumentList,
  });
  const bad = [request(['call', 'constructor']), request(['__proto__']), request('call'), request(['call'], [null])];
  const good = request(['call'], [{ type: 'RAW', value: 1 }]);
  for (const message of [...bad, null, good]) port2.postMessage(message);
  endpoint.start?.();
  await new Promise((resolve) => setImmediate(() => setImmediate(resolve)));
  await expect.poll(() => taken).toEqual([good]);
  expect(strange).toEqual([...bad, null]);
});
