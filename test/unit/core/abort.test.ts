import { describe, expect, it } from 'vitest';
import { abortError, listenForAbort } from '../../../src/core/abort.js';

describe('listenForAbort', () => {
  it('calls every listener once, and none that was taken off', () => {
    const controller = new AbortController();
    const calls: string[] = [];
    listenForAbort(controller.signal, () => calls.push('a'));
    const off = listenForAbort(controller.signal, () => calls.push('b'));
    listenForAbort(controller.signal, () => calls.push('c'));
    off();
    controller.abort();
    controller.abort();
    expect(calls).toEqual(['a', 'c']);
  });

  it('puts one listener on a signal, however many wait', async () => {
    const warnings: Error[] = [];
    const note = (warning: Error): void => void warnings.push(warning);
    process.on('warning', note);
    const { signal } = new AbortController();
    for (let i = 0; i < 50; i += 1) listenForAbort(signal, () => undefined);
    await new Promise((resolve) => setImmediate(resolve));
    process.off('warning', note);
    expect(warnings).toEqual([]);
  });

  it('does without a signal', () => {
    expect(() => listenForAbort(undefined, () => undefined)()).not.toThrow();
  });

  it('names what was aborted, and why', () => {
    const controller = new AbortController();
    controller.abort(new Error('enough'));
    const error = abortError('call', controller.signal);
    expect(error).toMatchObject({ code: 'ABORTED', message: 'The call was aborted by its signal' });
    expect(error.cause).toBe(controller.signal.reason);
  });
});
