/** Credentials that meet one fault after the other, each on its own, and come back to a good token in between. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Credential, MintFailure, Token } from 'tokenvisor';
import type { ProviderSpec } from 'tokenvisor/providers';
import { BOUND_MS, type Heard } from '../support/supervised.js';
import type { Entry, Promised } from './promises.js';
import type { For, HostileStats } from './server.js';
import type { Fault } from './types.js';

/** A server, in this process or in one of its own. */
export interface Served {
  readonly next: (fault: Fault, times?: number, to?: For) => unknown;
  readonly clear: (to?: For) => unknown;
  readonly stats: () => HostileStats | Promise<HostileStats>;
}

export interface Lane {
  readonly name: string;
  readonly child: Credential;
  readonly heard: Heard;
  readonly server: Served;
  /** Whom its faults are for: itself, or whoever comes to a server of its own. */
  readonly to: For | undefined;
  /** The provider, of a refresh token that nobody has used if it takes one. */
  readonly provider: () => Promise<ProviderSpec>;
}

/** What came of one fault. */
export interface Met {
  readonly outcome: Promised['outcome'];
  readonly failure: MintFailure | undefined;
  readonly tookMs: number;
  /** From the failure to the next attempt. */
  readonly nextInMs: number | undefined;
  readonly before: Token;
  /** What was read right after the attempt. */
  readonly meanwhile: Token;
  /** What it came back to. */
  readonly after: Token;
  readonly openSockets: number;
}

/** Meets one fault. */
export const meet = async (lane: Lane, entry: Entry): Promise<Met> => {
  const { child, server, to } = lane;
  const { fault } = entry;
  const before = child.current();
  const heardBefore = results(lane).length;
  await server.next(fault, 1, to);
  const refreshed = child.refresh({ timeoutMs: BOUND_MS }).catch(() => undefined);
  const result = await nthResult(lane, heardBefore);
  const meanwhile = child.current();
  const started = lane.heard.of('mint:started', lane.name).find(({ attempt }) => attempt === result.attempt)!;
  const openSockets = await socketsLeft(lane);
  if (fault.kind === 'connection') await server.clear(to);
  if (result.type === 'mint:failed') await recover(lane, entry, result.failure, result.nextAttemptAtMs);
  const after = await tokenAfter(lane, heardBefore);
  await refreshed;
  const failure = result.type === 'mint:failed' ? result.failure : undefined;
  return {
    outcome: failure?.class ?? 'token',
    failure,
    tookMs: result.atMs - started.atMs,
    nextInMs:
      result.type === 'mint:failed' && result.nextAttemptAtMs ? result.nextAttemptAtMs - result.atMs : undefined,
    ...{ before, meanwhile, after, openSockets },
  };
};

type Result = ReturnType<Heard['of']>[number] & { type: 'mint:failed' | 'mint:succeeded' };

const results = ({ heard, name }: Lane) =>
  heard.all.filter(
    (event): event is Extract<typeof event, { type: Result['type'] }> =>
      (event.type === 'mint:failed' || event.type === 'mint:succeeded') && event.name === name,
  );

const nthResult = async (lane: Lane, index: number) => {
  for (const endMs = performance.now() + BOUND_MS; performance.now() < endMs; await sleep(5)) {
    const result = results(lane)[index];
    if (result) return result;
  }
  throw new Error(`Expected an attempt of '${lane.name}' to be over within ${BOUND_MS} ms`);
};

/** The sockets that this lane has open at the server. One that is left behind stays; that of the next attempt does not. */
const socketsLeft = async ({ server, name, to }: Lane): Promise<number> => {
  let open = 0;
  for (const endMs = performance.now() + BOUND_MS; performance.now() < endMs; await sleep(20)) {
    const { byClient, connections } = await server.stats();
    open = to ? (byClient[name]?.open ?? 0) : connections.open;
    if (open === 0) return 0;
  }
  return open;
};

/** What a person would do, where the credential does not do it by itself. */
const recover = async (
  lane: Lane,
  { hasNext }: Entry,
  failure: MintFailure,
  nextAttemptAtMs: number | undefined,
): Promise<void> => {
  if (failure.class === 'transient' && (nextAttemptAtMs ?? 0) < Date.now() + 1_500) {
    if (failure.reason !== 'exchange_interrupted') return;
    // The token is sent once more: a server that had seen it takes that for a theft.
    const replay = await nthResult(lane, results(lane).length);
    if (replay.type === 'mint:succeeded') return;
  } else if (failure.class === 'fatal') return lane.child.resume();
  // It goes on by what that answer had: with the token that was spent the server would revoke them all.
  else if (hasNext) return lane.child.resume();
  await lane.child.update({ provider: await lane.provider() });
};

/** The live token, once its mint has been told of: what is told after that belongs to the next fault. */
const tokenAfter = async (lane: Lane, from: number): Promise<Token> => {
  const { child, name } = lane;
  for (const endMs = performance.now() + BOUND_MS; performance.now() < endMs; await sleep(5)) {
    const last = results(lane).slice(from).at(-1);
    const token = child.current();
    if (last?.type === 'mint:succeeded' && last.generation === token.generation && child.status().state === 'fresh')
      return token;
  }
  throw new Error(`Expected '${name}' to come back to a good token, is ${JSON.stringify(child.status())}`);
};

/** After something else went wrong than what the fault was to show: the next fault is met with a good token. */
export const restore = async (lane: Lane): Promise<void> => {
  await lane.server.clear(lane.to);
  const from = results(lane).length;
  await lane.child.update({ provider: await lane.provider() });
  await tokenAfter(lane, from);
};

/** Resolves when the first token has been told of. */
export const wellAtFirst = (lane: Lane): Promise<Token> => tokenAfter(lane, 0);
