/**
 * One incarnation of the credential, in a simulated thread: the real actor, provider host, grants and stores. What they
 * do to the world goes through the thread's mortality.
 */
import { GenServer } from '../../src/actor/gen-server.js';
import type { AbortableTasks, ActorContext, Behaviour } from '../../src/actor/behaviour.js';
import { registerBundled } from '../../src/core/load-module.js';
import { toWireError, type WireError } from '../../src/core/wire-error.js';
import { credentialBehaviour } from '../../src/kinds/credential/behaviour.js';
import { provider as clientCredentials } from '../../src/grants/client-credentials-provider.js';
import { refreshTokenOn } from '../../src/grants/refresh-token-provider.js';
import type { HttpClient } from '../../src/net/http-client.js';
import type { ProcessIdentity } from '../../src/fs/process-identity.js';
import type { Provider, ProviderContext, ProviderObject } from '../../src/oauth/provider.js';
import { decodeOptions } from '../../src/secrets/reference-tree.js';
import { clientCredentialsGrant } from '../../src/grants/client-credentials.js';
import { refreshTokenGrant } from '../../src/grants/refresh-token.js';
import type { StoreFs } from '../../src/fs/files.js';
import type { StartedIncarnation } from '../../src/supervision/thread/child-shell.js';
import type { IncarnationPlan } from '../../src/supervision/thread/worker-incarnation.js';
import { Death, type Mortal } from './mortal.js';
import { MortalWords, type Waits } from './mortal-words.js';

/** What a simulated thread has of the machine. */
export interface Machine {
  readonly thread: Mortal;
  readonly door: HttpClient;
  readonly fs: StoreFs;
  readonly identity: ProcessIdentity;
  readonly waits: { readonly shared: Waits; readonly sealed: Waits };
  readonly tell: (type: string, details: Readonly<Record<string, unknown>>) => void;
  readonly showStatus: (status: unknown) => void;
  readonly onEnd: (what: 'ended' | 'crashed' | 'fenced' | 'refused', detail?: string) => void;
}

/** Whose provider is being opened: grants are given the machine of the thread that opens them. */
let opening: Machine | undefined;

const throughTheDoor = <Options>(grant: (machine: Machine) => ProviderObject<Options>): Provider<Options> => ({
  open(context: ProviderContext<Options>) {
    const machine = opening!;
    return grant(machine).open({ ...context, request: machine.door });
  },
});

const inPlaceOf = (name: string, provider: Provider<never>): Record<string, () => unknown> => ({
  [name.replace(/^tokenvisor:/, '../')]: () => ({ provider }),
});

/** Grants are loaded by name: in this process they are those of simulated machines. */
registerBundled({
  ...inPlaceOf(
    clientCredentialsGrant.module,
    throughTheDoor(() => clientCredentials),
  ),
  ...inPlaceOf(
    refreshTokenGrant.module,
    throughTheDoor(({ fs, identity }) => refreshTokenOn({ fs, identity })),
  ),
});

const openingOn = <Result>(machine: Machine, act: () => Result): Result => {
  opening = machine;
  try {
    return act();
  } finally {
    opening = undefined;
  }
};

/** The context with a thread behind it that may die over each deed. */
const mortal = (context: ActorContext & AbortableTasks, machine: Machine): ActorContext & AbortableTasks => {
  const { thread, tell, showStatus } = machine;
  const over: Partial<ActorContext & AbortableTasks> = {
    publish: (value, options) => {
      thread.act('deed');
      return context.publish(value, options);
    },
    withdraw: () => {
      thread.act('deed');
      context.withdraw();
    },
    seal: (value) => {
      thread.act('deed');
      context.seal(value);
    },
    setStatus: (value) => {
      thread.act('deed');
      context.setStatus(value);
      showStatus(value);
    },
    startTask: (run: (signal: AbortSignal) => unknown, tag: unknown, controller?: AbortController) => {
      thread.act('deed');
      return context.startTask((signal) => openingOn(machine, () => run(signal)), tag, controller);
    },
    emit: (type, details) => {
      thread.act('deed');
      tell(type, details);
    },
  };
  // Not a copy: some members are made when they are asked for.
  return Object.assign(Object.create(context) as ActorContext & AbortableTasks, over);
};

/** The behaviour of a credential; a dead thread runs none of it. */
const behaviourOn = (machine: Machine): Behaviour => {
  const real = credentialBehaviour as Behaviour;
  const { thread } = machine;
  const alive = <Result>(state: Result, handle: () => Result): Result =>
    thread.dead ? state : openingOn(machine, handle);
  return {
    init: (context) =>
      alive(undefined as unknown, () => real.init(mortal(context as ActorContext & AbortableTasks, machine))),
    handleContinue: (argument, state, context) => alive(state, () => real.handleContinue!(argument, state, context)),
    handleCall: (message, from, state, context) =>
      alive(state as never, () => real.handleCall!(message, from, state, context)),
    handleInfo: (message, state, context) => alive(state, () => real.handleInfo!(message, state, context)),
    handleOptions: (options, state, context) => alive(state, () => real.handleOptions!(options, state, context)),
    terminate: (reason, state, context) => (thread.dead ? undefined : real.terminate!(reason, state, context)),
  };
};

export class SimulatedThread implements StartedIncarnation {
  readonly booting = true;
  readonly threadId = 0;
  readonly leases: StartedIncarnation['leases'];
  readonly #thread: Mortal;
  readonly #server: GenServer | undefined;

  constructor({ start }: IncarnationPlan, machine: Machine) {
    const { thread, waits } = machine;
    const { clock } = thread;
    this.leases = start.leases;
    this.#thread = thread;
    try {
      this.#server = new GenServer({
        name: start.name,
        incarnation: start.incarnation,
        owner: start.owner,
        options: decodeOptions(start.options),
        behaviour: behaviourOn(machine),
        clock,
        shared: new MortalWords(start.memory.shared, clock, waits.shared, thread),
        sealed: new MortalWords(start.memory.sealed, clock, waits.sealed, thread),
        leases: start.leases,
        terminateTimeoutMs: start.terminateTimeoutMs,
        emit: () => undefined,
      });
      this.#server.start();
    } catch (error) {
      if (!thread.dead) machine.onEnd('crashed', `in its start: ${String(error)}`);
      return;
    }
    this.#server.ended.then(
      (end) => machine.onEnd('ended', end),
      (error: unknown) => {
        if (thread.dead || error instanceof Death) return;
        const { code, message } = toWireError(error);
        machine.onEnd(code === 'FENCED' ? 'fenced' : 'crashed', `${code ?? 'no code'}: ${message}`);
      },
    );
  }

  call(message: unknown): void {
    this.#thread.enter(() => void this.#server?.call(message, () => undefined).catch(() => undefined));
  }

  shutDown(): void {
    this.#server?.shutDown();
  }

  connect(): void {}

  timeOutStart(): void {}

  kill(): void {
    this.#thread.die();
  }

  /** One that dies over it never answers: its successor starts with them. */
  reconfigure(options: Parameters<StartedIncarnation['reconfigure']>[0]): Promise<WireError | undefined> {
    return new Promise((resolve) => {
      const refused = (error: unknown): void => resolve(toWireError(error));
      this.#thread.enter(
        () => void this.#server?.reconfigure(decodeOptions(options)).then(() => resolve(undefined), refused),
      );
    });
  }
}
