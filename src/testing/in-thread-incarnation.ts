/** One incarnation of a child in this thread: the same actor, memory and calls as in a separate thread. */
import { MessageChannel } from 'node:worker_threads';
import { createServer, reconfigure } from '../actor/thread-main.js';
import { allocateCallCounts, type CallEndpoint } from '../messaging/call-endpoint.js';
import { serveCalls } from '../messaging/call-port.js';
import type { GenServer } from '../actor/gen-server.js';
import { toWireError, type WireError } from '../core/wire-error.js';
import type { Clock } from '../core/clock.js';
import { TokenvisorError } from '../core/errors.js';
import type { StartedIncarnation } from '../supervision/thread/child-shell.js';
import type { IncarnationListener, IncarnationPlan } from '../supervision/thread/worker-incarnation.js';
import type { ExitReason } from '../supervision/core/terms.js';

export class LocalIncarnation implements StartedIncarnation {
  /** Init is done, or has failed, when the constructor returns. */
  readonly booting = false;
  /** It has no thread. */
  readonly threadId = 0;
  readonly #plan: IncarnationPlan;
  readonly #listener: IncarnationListener;
  readonly #calls = new MessageChannel();
  readonly #server: GenServer | undefined;
  #killed: 'killed' | 'hung' | undefined;
  #exited = false;

  constructor(plan: IncarnationPlan, listener: IncarnationListener, clock: Clock) {
    this.#plan = plan;
    this.#listener = listener;
    try {
      this.#server = createServer(plan.start, ({ type, details }) => listener.event(type, details), clock);
      this.#server.start();
    } catch (thrown) {
      const error = toWireError(thrown);
      // Asynchronously, as from a thread: the caller must have this object first.
      void Promise.resolve().then(() => {
        listener.startFailed(error, false);
        this.#exit({ kind: 'crash', error });
      });
      return;
    }
    const { mailboxLimit } = plan;
    const counts = allocateCallCounts();
    serveCalls({ port: this.#calls.port2, counts, mailboxLimit }, this.#server);
    this.#calls.port2.unref();
    this.#server.ended.then(
      (kind) => this.#exit(this.#killed ? { kind: this.#killed } : { kind }),
      (error: unknown) => this.#exit({ kind: 'crash', error: toWireError(error) }),
    );
    listener.ready({ port: this.#calls.port1, counts, mailboxLimit });
  }

  get leases(): StartedIncarnation['leases'] {
    return this.#plan.start.leases;
  }

  shutDown(): void {
    this.#server?.shutDown();
  }

  connect(calls: CallEndpoint): void {
    if (this.#server) serveCalls(calls, this.#server);
  }

  /** Code in this thread can't be terminated: the actor is asked to end, and not awaited. */
  kill(reason: 'killed' | 'hung'): void {
    this.#killed ??= reason;
    this.shutDown();
  }

  /** The start is complete when it is constructed, so it can't time out. */
  timeOutStart(): void {}

  /** Resolves with the refusal, if any; also if the actor ends during it. */
  async reconfigure(...[options]: Parameters<StartedIncarnation['reconfigure']>): Promise<WireError | undefined> {
    const server = this.#server;
    if (!server) return undefined;
    const { name } = this.#plan.start;
    const down = toWireError(new TokenvisorError('ACTOR_DOWN', `'${name}' ended during the request`, { child: name }));
    const ended = server.ended.then(
      () => down,
      () => down,
    );
    return Promise.race([reconfigure(server, options), ended]);
  }

  #exit(reason: ExitReason): void {
    if (this.#exited) return;
    this.#exited = true;
    this.#calls.port2.close();
    this.#listener.exited(reason);
  }
}
