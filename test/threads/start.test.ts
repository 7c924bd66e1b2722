import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import { actor, credential, startSupervisor } from 'tokenvisor';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

const ECHO = `module.exports = {
  init: () => 0,
  handleCall: (message, from, state) => ({ [Symbol.for('tokenvisor.directive')]: 'reply', state, value: message }),
};`;
const MINT = `let minted = 0;
module.exports = async ({ options }) => {
  minted += 1;
  if (minted <= options.good) return { value: 'a-token', expiresInS: 60 };
  throw Object.assign(new Error('no'), { code: 'MINT_FAILED', class: 'fatal', reason: 'provider_threw' });
};`;

let folder: string;
const moduleNamed = (name: string): URL => pathToFileURL(path.join(folder, name));

beforeAll(async () => {
  folder = await mkdtemp(path.join(tmpdir(), 'tokenvisor-start-'));
  await writeFile(path.join(folder, 'echo.cjs'), ECHO);
  await writeFile(path.join(folder, 'mint.cjs'), MINT);
});

afterAll(() => rm(folder, { recursive: true }));

describe('what was told before an answer is known when the answer is here', () => {
  it('a call right after the start finds its actor', async () => {
    for (let round = 0; round < 15; round += 1) {
      await using supervisor = await startSupervisor({ echo: actor({ behaviour: moduleNamed('echo.cjs') }) });
      expect(await supervisor.children.echo.call('hello')).toBe('hello');
    }
  });

  it('the events of a command come before its answer', async () => {
    await using supervisor = await startSupervisor({ echo: actor({ behaviour: moduleNamed('echo.cjs') }) });
    const seen: string[] = [];
    supervisor.on('event', ({ type }) => seen.push(type));
    await supervisor.terminateChild('echo');
    expect(seen).toContain('child:stopped');
  });
});

describe('a credential that is not eager', () => {
  it('is ready, and well, with no token: nobody has asked yet', async () => {
    await using supervisor = await startSupervisor({
      lazy: credential({ provider: moduleNamed('mint.cjs'), options: { good: 1 }, eager: false }),
    });
    await supervisor.ready();
    expect(supervisor.health().status).toBe('ok');
    expect(supervisor.children.lazy.status()).toMatchObject({ state: 'starting', attempts: 0 });
    expect((await supervisor.children.lazy.get()).value).toBe('a-token');
    expect(supervisor.health().status).toBe('ok');
  });
});

describe('a parked credential with a good token', () => {
  it('refuses a refresh at once, and serves the token', async () => {
    await using supervisor = await startSupervisor({
      api: credential({ provider: moduleNamed('mint.cjs'), options: { good: 1 } }),
    });
    supervisor.on('event', () => undefined);
    const { api } = supervisor.children;
    await supervisor.ready();
    await expect(api.refresh({ timeoutMs: 30_000 })).rejects.toMatchObject({ code: 'PARKED' });
    await expect(api.refresh({ timeoutMs: 30_000 })).rejects.toMatchObject({ code: 'PARKED' });
    expect(api.current().value).toBe('a-token');
  });
});
