/** A token set without threads: its actor, its table, and whoever calls it, in the thread of the test. */
import { MessageChannel } from 'node:worker_threads';
import { ActorCalls, type ActorRef } from '../../src/messaging/actor-calls.js';
import { allocateCallCounts } from '../../src/messaging/call-endpoint.js';
import { serveCalls } from '../../src/messaging/call-port.js';
import { GenServer } from '../../src/actor/gen-server.js';
import { tokenSetBehaviour, type TokenSetActorOptions } from '../../src/kinds/token-set/behaviour.js';
import { TokenSetClient } from '../../src/kinds/token-set/token-set-client.js';
import { allocateChildMemory, openWords } from '../../src/memory/child-memory.js';
import { SEALED, SEALED_BYTES, SNAPSHOT, STATUS } from '../../src/memory/layout.js';
import type { FencingLease } from '../../src/memory/record.js';
import { allocateTable } from '../../src/table/table-memory.js';
import { createSimulatedClock, type SimulatedClock } from '../../src/testing/simulated-clock.js';

const seatOf = (control: number): FencingLease => ({ epoch: 1, bank: 0, control });

export interface LocalTokenSet {
  readonly set: TokenSetClient;
  /** The actor's clock; readers go by the machine's. */
  readonly clock: SimulatedClock;
  /** Events, the actor's and the caller's. */
  readonly told: readonly Readonly<Record<string, unknown>>[];
  /** The messages that came to the actor: their kind, and how many rows. */
  readonly messages: readonly string[];
  /** The messages themselves. */
  readonly crossed: readonly unknown[];
  /** Nothing is answered, or taken, until the function that this returns is called. */
  readonly hold: () => () => void;
  /** Ends the actor as a crash does; another one adopts the table. */
  readonly crash: () => void;
  readonly close: () => void;
}

export const localTokenSet = (
  options: { readonly maxEntries?: number; readonly expungeIntervalMs?: number; readonly nowMs?: number } = {},
): LocalTokenSet => {
  const { maxEntries = 100_000, expungeIntervalMs = 60_000, nowMs = Date.now() } = options;
  const memory = { ...allocateChildMemory(), table: allocateTable({ maxEntries }) };
  const shared = openWords(memory.shared);
  const sealed = openWords(memory.sealed, SEALED_BYTES);
  const clock = createSimulatedClock({ wallMs: nowMs });
  const told: Readonly<Record<string, unknown>>[] = [];
  const messages: string[] = [];
  const crossed: unknown[] = [];
  const tell = (type: string, details: object): void => void told.push({ type, ...details });
  const calls = new ActorCalls('set', ({ code }) => tell('cast:failed', { code }));
  const caller: ActorRef = {
    call: (message, callOptions) => calls.call(message, callOptions),
    cast: (message) => calls.cast(message),
    tell,
  };
  let incarnation = 0;
  let close = (): void => undefined;
  let held: Promise<void> | undefined;

  const incarnate = (): void => {
    incarnation += 1;
    const actorOptions: TokenSetActorOptions = { expungeIntervalMs };
    const server = new GenServer({
      name: 'set',
      incarnation,
      owner: 'a test',
      options: actorOptions,
      behaviour: tokenSetBehaviour,
      clock,
      shared,
      sealed,
      table: memory.table,
      leases: {
        snapshot: seatOf(shared.load(SNAPSHOT.control)),
        status: seatOf(shared.load(STATUS.control)),
        sealed: seatOf(sealed.load(SEALED.control)),
      },
      terminateTimeoutMs: 1_000,
      emit: tell,
    });
    server.start();
    const { port1, port2 } = new MessageChannel();
    const endpoint = { counts: allocateCallCounts(), mailboxLimit: 100 };
    const noted = {
      call: async (message: { kind: string; rows?: Int32Array }, taken: () => void) => {
        messages.push(message.rows ? `${message.kind} ${message.rows.length / 5}` : message.kind);
        crossed.push(message);
        if (held) await held;
        return server.call(message, taken);
      },
    };
    serveCalls({ port: port2, ...endpoint }, noted as unknown as GenServer);
    calls.connect({ port: port1, ...endpoint }, incarnation);
    close = () => {
      server.shutDown();
      port2.close();
      calls.exited(incarnation);
    };
  };
  incarnate();

  return {
    set: new TokenSetClient('set', memory.shared, memory.table, caller),
    clock,
    told,
    messages,
    crossed,
    hold: () => {
      let release = (): void => undefined;
      held = new Promise((resolve) => (release = resolve));
      return () => {
        held = undefined;
        release();
      };
    },
    crash: () => {
      close();
      incarnate();
    },
    close: () => {
      close();
      calls.disconnect();
    },
  };
};
