/**
 * The thread of one incarnation: it connects a GenServer to its ports and lives as long as it does. Launched by
 * Piscina, as its only task.
 */
import type { MessagePort } from 'node:worker_threads';
import * as Comlink from 'comlink';
import { type Clock, systemClock } from '../core/clock.js';
import { TokenvisorError } from '../core/errors.js';
import { SEALED_BYTES } from '../memory/layout.js';
import { openWords, type ChildMemory } from '../memory/child-memory.js';
import { nextTurn } from '../core/next-turn.js';
import { decodeOptions, type WireOptions } from '../secrets/reference-tree.js';
import { ownThreadId } from '../core/thread-time.js';
import { withChanges } from '../core/with-changes.js';
import type { ActorLeases } from './actor-memory.js';
import type { Behaviour } from './behaviour.js';
import type { CallEndpoint } from '../messaging/call-endpoint.js';
import { serveCalls } from '../messaging/call-port.js';
import { GenServer } from './gen-server.js';
import { guardedEndpoint, strangeMessage } from '../messaging/guarded-endpoint.js';
import { loadExport } from '../core/load-module.js';
import { toWireError, type WireError } from '../core/wire-error.js';

/** The start data of an incarnation. */
export interface ActorStart {
  readonly name: string;
  readonly incarnation: number;
  readonly owner: string;
  readonly module: string;
  readonly export: string;
  /** From encodeOptions. */
  readonly options: WireOptions;
  readonly memory: ChildMemory;
  readonly leases: ActorLeases;
  /** The words of its tick and of its thread's number, and how often it ticks. */
  readonly heartbeat: { readonly index: number; readonly threadId: number; readonly everyMs: number };
  /** How long an actor that ends by itself waits for its `terminate`: ms, `Infinity` for ever. */
  readonly terminateTimeoutMs: number;
  /** From the supervisor: see {@link ActorControl}. */
  readonly control: MessagePort;
  /** To the supervisor: {@link ActorMessage}s. */
  readonly events: MessagePort;
  readonly calls: CallEndpoint;
}

/** The requests that the supervisor can make to an actor. */
export interface ActorControl {
  shutDown(): void;
  reconfigure(options: WireOptions): Promise<WireError | undefined>;
  /** Serves one more caller: a writer in another thread. */
  connect(calls: CallEndpoint): void;
}

/** The messages that an actor sends to the supervisor unasked. */
export type ActorMessage =
  | { readonly kind: 'ready' }
  | { readonly kind: 'event'; readonly type: string; readonly details: Readonly<Record<string, unknown>> };

/** The result of an incarnation's task. It never rejects: a rejection would lose the error's code. */
export type ActorOutcome =
  | { readonly kind: 'start_failed'; readonly error: WireError }
  | { readonly kind: 'crash'; readonly error: WireError }
  | { readonly kind: 'normal' }
  | { readonly kind: 'shutdown' };

const isBehaviour = (value: unknown): value is Behaviour =>
  typeof value === 'object' && value !== null && typeof (value as Behaviour).init === 'function';

/** The part of an {@link ActorStart} that is needed to make the actor, in any thread. */
type ServerStart = Omit<ActorStart, 'heartbeat' | 'control' | 'events' | 'calls'>;

/** Makes the actor of an incarnation, without starting it. @throws START_FAILED if its module is not a behaviour. */
export const createServer = (
  start: ServerStart,
  emit: (event: Extract<ActorMessage, { kind: 'event' }>) => void,
  clock: Clock = systemClock,
): GenServer => {
  const behaviour = loadExport(start.module, start.export);
  if (!isBehaviour(behaviour)) {
    throw new TokenvisorError(
      'START_FAILED',
      `Expected '${start.export}' of ${start.module} to be a behaviour (an object with init), got ${typeof behaviour}`,
    );
  }
  return new GenServer({
    name: start.name,
    incarnation: start.incarnation,
    owner: start.owner,
    options: decodeOptions(start.options),
    behaviour,
    clock,
    shared: openWords(start.memory.shared),
    sealed: openWords(start.memory.sealed, SEALED_BYTES),
    table: start.memory.table,
    leases: start.leases,
    terminateTimeoutMs: start.terminateTimeoutMs,
    // The time of the event, not of its delivery.
    emit: (type, details) => emit({ kind: 'event', type, details: withChanges(details, { atMs: clock.wallMs() }) }),
  });
};

/** Passes new options to an actor; resolves with its refusal, if any. */
export const reconfigure = (server: GenServer, options: WireOptions): Promise<WireError | undefined> =>
  server.reconfigure(decodeOptions(options)).then(
    () => undefined,
    (error: unknown) => toWireError(error),
  );

/** Bumps the heartbeat word at once, to show that the entry runs, then at an interval. */
const beat = ({ memory, heartbeat }: ActorStart): (() => void) => {
  const words = openWords(memory.shared);
  words.store(heartbeat.threadId, ownThreadId());
  const tick = (): void => void words.add(heartbeat.index, 1);
  tick();
  const timer = setInterval(tick, heartbeat.everyMs);
  return () => clearInterval(timer);
};

/** Runs an incarnation to its end. */
export const runActor = async (start: ActorStart): Promise<ActorOutcome> => {
  const { control, events, calls } = start;
  const emit = (message: ActorMessage): void => events.postMessage(message);
  let server: GenServer;
  let stopBeating = (): void => undefined;
  try {
    stopBeating = beat(start);
    server = createServer(start, emit);
    server.start();
  } catch (error) {
    stopBeating();
    return { kind: 'start_failed', error: toWireError(error) };
  }
  const strange = (message: unknown): void =>
    emit({ kind: 'event', type: 'error', details: strangeMessage('a port of an actor', message) });
  const service: ActorControl = {
    shutDown: () => server.shutDown(),
    reconfigure: (options) => reconfigure(server, options),
    connect: (endpoint) => serveCalls(endpoint, server, strange),
  };
  Comlink.expose(service, guardedEndpoint(control, ['shutDown', 'reconfigure', 'connect'], strange));
  serveCalls(calls, server, strange);
  emit({ kind: 'ready' });
  try {
    return { kind: await server.ended };
  } catch (error) {
    return { kind: 'crash', error: toWireError(error) };
  } finally {
    stopBeating();
    // This thread is ended with its task; answers that were given are sent in a separate turn.
    await nextTurn();
  }
};
