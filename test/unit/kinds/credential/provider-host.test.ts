import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import type { ActorContext } from '../../../../src/actor/behaviour.js';
import { ProviderHost } from '../../../../src/kinds/credential/provider-host.js';
import { SealedState } from '../../../../src/kinds/credential/sealed-state.js';
import { allocateChildMemory } from '../../../../src/memory/child-memory.js';
import { file, literal } from '../../../../src/grants/index.js';
import type { ProviderSpec } from '../../../../src/oauth/provider.js';
import { TokenReference } from '../../../../src/secrets/token-reference.js';
import { createSimulatedClock } from '../../../../src/testing/simulated-clock.js';
import { publisherOf } from '../../../support/token-publisher.js';

const folder = mkdtempSync(path.join(tmpdir(), 'tokenvisor-host-'));
afterAll(() => rmSync(folder, { recursive: true }));

/** As much of an actor as the host of a provider needs. */
class FakeActor {
  readonly clock = createSimulatedClock();
  readonly log: string[] = [];
  readonly events: unknown[] = [];
  kept: unknown;
  generation = 0;

  spec(secret: string, options: object = {}): ProviderSpec {
    const module = new URL('fixtures/noting-provider.mjs', import.meta.url).href;
    return { module, export: 'provider', options: { log: this.log, secret, ...options }, fenceable: true };
  }

  open(spec: ProviderSpec, previous?: ProviderSpec): ProviderHost {
    const context = {
      name: 'api',
      owner: 'test',
      clock: this.clock,
      sealed: () => this.kept,
      seal: (value: unknown) => (this.kept = structuredClone(value)),
      live: () => undefined,
      generation: () => this.generation,
      emit: (type: string, details: object) => this.events.push({ type, ...details }),
    } as unknown as ActorContext;
    return new ProviderHost(context, new SealedState(context), spec, previous);
  }
}

const mint = (host: ProviderHost, previous = false): Promise<unknown> =>
  host.mint({ number: 1, resumed: false }, host.controller(previous), previous);

describe('the older secret', () => {
  test('has a session when it is tried, and one session is open at a time', async () => {
    const actor = new FakeActor();
    const host = actor.open(actor.spec('new'), actor.spec('old'));
    expect(await mint(host)).toEqual({ value: 'by-new' });
    expect(await mint(host, true)).toEqual({ value: 'by-old' });
    expect(await mint(host, true)).toEqual({ value: 'by-old' });
    expect(await mint(host)).toEqual({ value: 'by-new' });
    host.close();
    expect(actor.log).toEqual([
      ...['open new', 'mint new', 'close new'],
      ...['open old', 'mint old', 'mint old', 'close old'],
      ...['open new', 'mint new', 'close new'],
    ]);
  });

  test('is forgotten at the end of the overlap, with its session', async () => {
    const actor = new FakeActor();
    const host = actor.open(actor.spec('new'), actor.spec('old', { clientSecret: literal('older-secret') }));
    await mint(host, true);
    expect(host.failure(new Error('older-secret')).message).not.toContain('older-secret');
    host.forgetPrevious();
    expect(actor.log.slice(-2)).toEqual(['close old', 'open new']);
    expect(await mint(host, true)).toEqual({ value: 'by-new' });
    // It is no secret of this actor any more.
    expect(host.failure(new Error('older-secret')).message).toContain('older-secret');
    const unused = actor.open(actor.spec('new'), actor.spec('old'));
    const before = actor.log.length;
    unused.forgetPrevious();
    expect(actor.log.slice(before)).toEqual([]);
  });

  test('is forgotten also if the newer can not be opened just now: that is told, and tried again by the next mint', async () => {
    const actor = new FakeActor();
    const options: { refusesToOpen?: boolean } = {};
    const next = actor.spec('new', options);
    const host = actor.open(next, actor.spec('old'));
    await mint(host, true);
    (next.options as typeof options).refusesToOpen = true;
    host.forgetPrevious();
    expect(actor.events).toEqual([expect.objectContaining({ type: 'error', during: 'the end of an overlap' })]);
    await expect(mint(host, true)).rejects.toThrow('can not be opened');
    (next.options as typeof options).refusesToOpen = false;
    expect(await mint(host, true)).toEqual({ value: 'by-new' });
  });

  test('that can not be opened leaves the newer one open', async () => {
    const actor = new FakeActor();
    const host = actor.open(actor.spec('new'), actor.spec('old', { refusesToOpen: true }));
    await expect(mint(host, true)).rejects.toThrow('can not be opened');
    expect(await mint(host)).toEqual({ value: 'by-new' });
    expect(actor.log).toEqual(['open new', 'close new', 'open new', 'mint new']);
  });

  test('whose session ends badly does not keep the newer from its turn', async () => {
    const actor = new FakeActor();
    const host = actor.open(actor.spec('new'), actor.spec('old', { closeThrows: true }));
    await mint(host, true);
    expect(await mint(host)).toEqual({ value: 'by-new' });
    expect(actor.events).toEqual([
      { type: 'error', during: "a provider's close()", error: expect.stringContaining('can not be closed') as string },
    ]);
  });
});

describe('a secret file', () => {
  test('that has changed is told of once, also if it changed while no actor lived', () => {
    const actor = new FakeActor();
    const at = path.join(folder, 'secret');
    writeFileSync(at, 'one');
    const spec = actor.spec('s', { clientSecret: file(at) });
    const host = actor.open(spec);
    expect(host.secretsChanged()).toBe(false);
    writeFileSync(at, 'two');
    expect(host.secretsChanged()).toBe(true);
    expect(host.secretsChanged()).toBe(false);
    writeFileSync(at, 'three');
    const next = actor.open(spec);
    expect(next.secretsChanged()).toBe(true);
    expect(actor.open(spec).secretsChanged()).toBe(false);
    // Another file is another configuration, not a change of this one.
    next.reopen(actor.spec('s'));
    expect(next.secretsChanged()).toBe(false);
    expect(JSON.stringify(actor.kept)).not.toMatch(/one|two|three/);
  });
});

describe('the token of another credential', () => {
  test('is watched for as long as the session that asked for it is open', async () => {
    const actor = new FakeActor();
    const { shared } = allocateChildMemory();
    const from = new TokenReference('source', shared);
    const publish = publisherOf(shared);
    const host = actor.open(actor.spec('new', { from }));
    await expect(mint(host)).rejects.toMatchObject({ reason: 'token_unavailable' });
    expect(host.sourcesChanged()).toBe(false);
    publish(1);
    expect(host.sourcesChanged()).toBe(true);
    expect(host.sourcesChanged()).toBe(false);
    await mint(host);
    expect(host.sourcesChanged()).toBe(false);
    publish(2);
    expect(host.sourcesChanged()).toBe(true);
    // What this one is minted from from now on is another.
    host.reopen(actor.spec('newer'));
    publish(3);
    expect(host.sourcesChanged()).toBe(false);
  });

  test.each([
    ['after it had published', 1, false],
    ['before it had published', 0, true],
  ])('is watched by the successor of an actor that died %s', async (_when, published, isNewAlready) => {
    const actor = new FakeActor();
    const { shared } = allocateChildMemory();
    const publish = publisherOf(shared);
    publish(1);
    const spec = actor.spec('new', { from: new TokenReference('source', shared) });
    const host = actor.open(spec);
    await mint(host);
    host.publishing(1);
    actor.generation = published;
    const next = actor.open(spec);
    // What is not known to be minted from this one is minted anew.
    expect(next.sourcesChanged()).toBe(isNewAlready);
    expect(next.sourcesChanged()).toBe(false);
    publish(2);
    expect(next.sourcesChanged()).toBe(true);
  });
});

test('regression: a server said a secret back whose file had another one by then, and it was shown', async () => {
  const actor = new FakeActor();
  const replaced = path.join(folder, 'replaced-secret');
  writeFileSync(replaced, 'first_secret');
  const host = actor.open(actor.spec('new', { clientSecret: file(replaced), reads: true }));
  const minting = mint(host);
  writeFileSync(replaced, 'second_secret');
  await minting;
  const { message } = host.failure(new Error('unknown: first_secret, second_secret'));
  expect(message).not.toMatch(/first_secret|second_secret/);
  expect(message).toContain('[redacted], [redacted]');
});

test('regression: a mint that was out of time before anything was sent was held for a person, as if it had been', async () => {
  const actor = new FakeActor();
  const connecting = mint(actor.open(actor.spec('new', { atAbort: 'connect_failed' })));
  const outcome = expect(connecting).rejects.toMatchObject({ class: 'transient', reason: 'connect_failed' });
  await actor.clock.advanceAsync(30_001);
  await outcome;
  // What is not said by a typed failure is not known.
  const unknown = mint(actor.open(actor.spec('new', { atAbort: 'untyped' })));
  const late = expect(unknown).rejects.toMatchObject({ reason: 'timed_out' });
  await actor.clock.advanceAsync(30_001);
  await late;
});
