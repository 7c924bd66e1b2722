/** A process is stopped for a time, at each moment at which that could cost something, and goes on as if nothing had been. */
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { expect, test } from 'vitest';
import { freeze } from './busy-machine.mjs';
import { type StarvedProcess, starvedProcess } from './starved.js';
import { afterTest } from './supervised.js';

const ANSWER = { access_token: 'access-1', refresh_token: 'refresh-1', token_type: 'Bearer', expires_in: 600 };

/** A token endpoint that answers after `afterMs`: with `seen` when a request is there, `answered` when the answer has left. */
const slowEndpoint = async (afterMs: number) => {
  let seen = (): void => undefined;
  const request = new Promise<void>((resolve) => (seen = resolve));
  let requests = 0;
  const server = createServer((_, response) => {
    requests += 1;
    seen();
    setTimeout(
      () => response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(ANSWER)),
      afterMs,
    );
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  afterTest(() => server.close());
  const { port } = server.address() as AddressInfo;
  return { tokenEndpoint: `http://127.0.0.1:${port}/token`, request, requests: () => requests };
};

/** What is asked of the process, when it is stopped, and what comes of it. */
const MOMENTS: Record<
  string,
  (process: StarvedProcess) => Promise<{ now: Promise<void>; expected: Record<string, unknown>; after?: () => void }>
> = {
  'a single-use exchange, before it is answered': async (process) => {
    const { tokenEndpoint, request, requests } = await slowEndpoint(1_000);
    process.order({ scenario: 'exchange', tokenEndpoint });
    return { now: request, expected: { value: 'access-1' }, after: () => expect(requests()).toBe(1) };
  },
  'a single-use exchange, with its answer on the way': async (process) => {
    const { tokenEndpoint, request, requests } = await slowEndpoint(0);
    process.order({ scenario: 'exchange', tokenEndpoint });
    return { now: request, expected: { value: 'access-1' }, after: () => expect(requests()).toBe(1) };
  },
  'a boot': async (process) => {
    const now = process.event('test:in_init');
    process.order({ scenario: 'boot' });
    return { now, expected: { failed: [] } };
  },
  'a terminate': async (process) => {
    const now = process.event('test:terminating');
    process.order({ scenario: 'terminate' });
    return { now, expected: {} };
  },
  'a close': async (process) => {
    const now = process.event('test:terminating');
    process.order({ scenario: 'close' });
    return { now, expected: { reasons: ['closed'] } };
  },
};

/** One test a moment, all at once. */
export const testFrozen = (ms: number): void => {
  test.concurrent.each(Object.keys(MOMENTS))(`a process that is stopped for ${ms / 1_000} s in %s`, async (moment) => {
    const process = starvedProcess();
    const { now, expected, after } = await MOMENTS[moment]!(process);
    await now;
    await freeze(process.child, ms);
    expect(await process.result).toMatchObject({ ...expected, wrongs: [] });
    after?.();
  });
};
