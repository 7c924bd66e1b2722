import { expect, test } from 'vitest';
import type { ActorContext, Behaviour } from '../../../../src/actor/behaviour.js';
import { credentialBehaviour, type CredentialActorOptions } from '../../../../src/kinds/credential/behaviour.js';
import { allocateChildMemory } from '../../../../src/memory/child-memory.js';
import type { ProviderSpec } from '../../../../src/oauth/provider.js';
import { TokenReference } from '../../../../src/secrets/token-reference.js';
import { createSimulatedClock } from '../../../../src/testing/simulated-clock.js';
import { policyOf } from '../../../support/refresh-driver.js';
import { publisherOf } from '../../../support/token-publisher.js';

type CredentialState =
  typeof credentialBehaviour extends Behaviour<infer State, CredentialActorOptions> ? State : never;

const log: string[] = [];
const specOf = (secret: string, options: object = {}): ProviderSpec => ({
  module: new URL('fixtures/noting-provider.mjs', import.meta.url).href,
  export: 'provider',
  options: { log, secret, ...options },
  fenceable: true,
});

/** The behaviour without a thread, a mailbox or memory: what it sends to itself comes at its time. */
const actorOf = (
  options: CredentialActorOptions,
  kept?: object,
): {
  readonly clock: ReturnType<typeof createSimulatedClock>;
  readonly settled: () => Promise<void>;
  /** What was sealed when each token was published. */
  readonly sealedAtPublish: readonly unknown[];
  /** What it has asked to be sent, ever. */
  readonly timers: readonly string[];
  /** Rings the timer of the refresh so many ms before its time, as a timer may. */
  readonly ringEarly: (byMs: number) => void;
} => {
  const clock = createSimulatedClock();
  const sealedAtPublish: unknown[] = [];
  const timers: string[] = [];
  let wokenInMs = 0;
  let sealed: unknown = kept;
  const tasks: Promise<void>[] = [];
  let generation = 0;
  const tell = (message: unknown): void => {
    credentialBehaviour.handleInfo?.(message as never, credential, context);
  };
  const context = {
    name: 'api',
    owner: 'test',
    options,
    clock,
    sealed: () => sealed,
    seal: (value: unknown) => (sealed = structuredClone(value)),
    live: () => undefined,
    generation: () => generation,
    wanted: () => 0,
    invalidated: () => 0,
    publish: (_value: unknown, published: { generation: number }) => {
      sealedAtPublish.push(sealed);
      generation = published.generation;
    },
    setStatus: () => undefined,
    emit: () => undefined,
    sendAfter: (message: { readonly kind: string }, delayMs: number) => {
      timers.push(message.kind);
      if (message.kind === 'woken') wokenInMs = delayMs;
      return clock.setTimer(delayMs, () => tell(message));
    },
    startTask: (run: (signal: AbortSignal) => unknown, tag: unknown) => {
      const settled = Promise.resolve(run(new AbortController().signal)).then(
        (value) => tell({ kind: 'task', tag, ok: true, value }),
        (error: unknown) => tell({ kind: 'task', tag, ok: false, error }),
      );
      tasks.push(settled);
      return { settled, cancel: () => undefined };
    },
  } as unknown as ActorContext<CredentialActorOptions>;
  const credential = (credentialBehaviour.init(context) as { state: CredentialState }).state;
  credentialBehaviour.handleContinue?.(undefined, credential, context);
  const settled = async (): Promise<void> => {
    while (tasks.length > 0) await tasks.shift();
  };
  const ringEarly = (byMs: number): void => {
    clock.advance(wokenInMs - byMs);
    tell({ kind: 'woken' });
  };
  return { clock, settled, sealedAtPublish, timers, ringEarly };
};

test('within a second of its end an overlap has no session, nor anything else, of the older secret', async () => {
  const clock = createSimulatedClock();
  const overlap = { untilMonoMs: clock.monoMs() + 5_000, refusals: ['invalid_client'] };
  const actor = actorOf({
    policy: { ...policyOf(), overlap },
    provider: specOf('new', { refused: true }),
    previous: specOf('old'),
  });
  await actor.settled();
  actor.clock.advance(1_000);
  await actor.settled();
  expect(log).toEqual(['open new', 'mint new', 'close new', 'open old', 'mint old']);
  actor.clock.advance(3_900);
  expect(log).toHaveLength(5);
  actor.clock.advance(1_000);
  expect(log.slice(5)).toEqual(['close old', 'open new']);
});

test('what a token was minted from is sealed before anybody can see the token', async () => {
  const { shared } = allocateChildMemory();
  publisherOf(shared)(7);
  const provider = specOf('any', { from: new TokenReference('source', shared) });
  const actor = actorOf({ policy: policyOf(), provider });
  await actor.settled();
  expect(actor.sealedAtPublish).toMatchObject([{ sources: { generation: 1, used: [['source', { generation: 7 }]] } }]);
});

test('what a token was minted from has gone while no actor lived: it is minted anew before the first second is over', async () => {
  const { shared } = allocateChildMemory();
  publisherOf(shared)(7);
  const provider = specOf('follower', { from: new TokenReference('source', shared) });
  // The same count, and another token: another child has got the name.
  const used = [['source', { generation: 7, digest: 'of another' }]];
  const lazy = { ...policyOf(), eager: false };
  const actor = actorOf({ policy: lazy, provider }, { sources: { generation: 0, used } });
  await actor.settled();
  expect(log).toContain('mint follower');
});

test('a second in which nothing happens sets the next tick, and leaves the timer of the refresh as it is', async () => {
  const actor = actorOf({ policy: policyOf(), provider: specOf('idle') });
  await actor.settled();
  const before = actor.timers.length;
  expect(actor.timers).toContain('woken');
  actor.clock.advance(5_000);
  expect(actor.timers.slice(before)).toEqual(['tick', 'tick', 'tick', 'tick', 'tick']);
});

test('a timer of the refresh that rings a moment early is set again', async () => {
  const actor = actorOf({ policy: policyOf(), provider: specOf('early') });
  await actor.settled();
  const wakes = (): number => actor.timers.filter((kind) => kind === 'woken').length;
  const before = wakes();
  actor.ringEarly(0.5);
  expect(wakes()).toBe(before + 1);
});
