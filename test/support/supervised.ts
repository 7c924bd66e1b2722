/** Supervisors of real threads in tests: started here, closed after each test, listened to from the first event on. */
import { execFileSync } from 'node:child_process';
import { closeSync, mkdtempSync, openSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { type Transferable, Worker } from 'node:worker_threads';
import {
  credential,
  startSupervisor,
  type AnyTokenvisorEvent,
  type ChildSpec,
  type Credential,
  type CredentialOptions,
  type CredentialStatus,
  type SupervisorOptions,
  type TokenSupervisor,
} from 'tokenvisor';
import { Word } from '../threads/fixtures/deaths.mjs';
import { BOUND_MS } from './eventually.js';

export { BOUND_MS, eventually } from './eventually.js';

const cleanups: (() => unknown)[] = [];
/** Let go of first: a thread that is held can't be ended. */
const gates: (() => void)[] = [];

/** Called after the test, the last one first. */
export const afterTest = (cleanup: () => unknown): void => void cleanups.push(cleanup);

/** For `afterEach`. */
export const cleanUp = async (): Promise<void> => {
  for (const release of gates.splice(0)) release();
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
};

type EventOf<Type extends AnyTokenvisorEvent['type']> = Extract<AnyTokenvisorEvent, { type: Type }>;

/** The events of a supervisor, each to be waited for once. */
export class Heard {
  readonly all: AnyTokenvisorEvent[] = [];
  readonly #taken = new Set<AnyTokenvisorEvent>();
  #look: (() => void)[] = [];

  readonly note = (event: AnyTokenvisorEvent): void => {
    this.all.push(event);
    for (const look of this.#look) look();
  };

  of<Type extends AnyTokenvisorEvent['type']>(type: Type, name?: string): EventOf<Type>[] {
    return this.all.filter(
      (event): event is EventOf<Type> => event.type === type && (name === undefined || nameOf(event) === name),
    );
  }

  /** The next event of this type (and child) that nobody has waited for yet. */
  next<Type extends AnyTokenvisorEvent['type']>(type: Type, name?: string): Promise<EventOf<Type>> {
    return new Promise((resolve, reject) => {
      const look = (): void => {
        const event = this.of(type, name).find((candidate) => !this.#taken.has(candidate));
        if (!event) return;
        this.#taken.add(event);
        this.#look = this.#look.filter((other) => other !== look);
        clearTimeout(bound);
        resolve(event);
      };
      const bound = setTimeout(() => {
        const heard = this.all.map((event) => `${event.type}(${nameOf(event) ?? ''})`).join(', ');
        reject(new Error(`Expected a '${type}' event${name ? ` of '${name}'` : ''}; heard ${heard}`));
      }, BOUND_MS);
      this.#look.push(look);
      look();
    });
  }
}

const nameOf = (event: AnyTokenvisorEvent): string | undefined => ('name' in event ? event.name : undefined);

export const supervise = async <const Specs extends Readonly<Record<string, ChildSpec>>>(
  specs: Specs,
  options: SupervisorOptions = {},
): Promise<{ supervisor: TokenSupervisor<Specs>; children: TokenSupervisor<Specs>['children']; heard: Heard }> => {
  const supervisor = await startSupervisor(specs, options);
  const heard = new Heard();
  supervisor.on('event', heard.note);
  afterTest(() => supervisor.close({ timeoutMs: 5_000 }));
  return { supervisor, children: supervisor.children, heard };
};

/** Memory that a test shares with its fixtures. */
export class Control {
  readonly buffer = new SharedArrayBuffer(64);
  readonly words = new Int32Array(this.buffer);

  get(word: number): number {
    return Atomics.load(this.words, word);
  }

  set(word: number, value: number): void {
    Atomics.store(this.words, word, value);
    Atomics.notify(this.words, word);
  }
}

const fixture = (name: string): URL => new URL(`../threads/fixtures/${name}`, import.meta.url);

/** A credential of the provider that dies on demand. Its restarts are not counted, unless the test says so. */
export const mortal = (
  control: Control,
  { lifeS, fifo, ...options }: Partial<CredentialOptions> & { lifeS?: number; fifo?: string } = {},
): ChildSpec<Credential> =>
  credential({
    provider: { module: fixture('mortal-provider.mjs'), export: 'provider' },
    options: { control: control.buffer, ...(lifeS && { lifeS }), ...(fifo && { fifo }) },
    maxRestarts: 500,
    ...options,
  });

/** Resolves when the actor that runs now has begun: it has adopted what there was, and shows its own status. */
export const begun = async (child: Credential): Promise<CredentialStatus> => {
  // Of a credential that is not parked this asks for nothing; it is answered after what the actor begins with.
  await child.resume();
  return child.status();
};

/** A thread of the test's own, of a fixture. */
export const thread = (name: string, workerData: unknown, transferList: Transferable[] = []): Worker => {
  const worker = new Worker(fixture(name), { workerData, transferList, env: {}, execArgv: [] });
  afterTest(() => worker.terminate());
  return worker;
};

/** The next message of a thread. */
export const message = (worker: Worker): Promise<unknown> =>
  new Promise((resolve, reject) => {
    worker.once('message', resolve);
    worker.once('error', reject);
  });

/** Reads a credential all the time, in a thread of its own. `stop` tells how often which value, or which error, was seen. */
export const readAllTheTime = async (
  child: Credential,
): Promise<{ stop: () => Promise<Readonly<Record<string, number>>> }> => {
  const control = new Control();
  const worker = thread('reader.mjs', { handle: child.handle(), control: control.buffer });
  await message(worker);
  return {
    stop: async () => {
      const seen = message(worker);
      control.set(Word.STOP, 1);
      return (await seen) as Readonly<Record<string, number>>;
    },
  };
};

/** A FIFO that blocks whoever reads it, until `release`. `waiting` is how many processes do. */
export const makeGate = (): { fifo: string; waiting: () => number; release: () => void } => {
  const directory = mkdtempSync(path.join(tmpdir(), 'tokenvisor-'));
  const fifo = path.join(directory, 'gate');
  execFileSync('mkfifo', [fifo]);
  let descriptor: number | undefined = openSync(fifo, 'r+');
  const release = (): void => {
    if (descriptor !== undefined) closeSync(descriptor);
    descriptor = undefined;
  };
  afterTest(() => rmSync(directory, { recursive: true, force: true }));
  gates.push(release);
  const waiting = (): number => execFileSync('ps', ['-eo', 'args'], { encoding: 'utf8' }).split(fifo).length - 1;
  return { fifo, waiting, release };
};
