/**
 * The simulated world of one credential: its process, its disk, the hostile server, and the clock. It does what it is told
 * by a scenario, and tells all that can be seen of it.
 */
import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { writeFileSync } from 'node:fs';
import { inspect } from 'node:util';
import type { Clock, Instant } from '../../src/core/clock.js';
import { checkAll } from '../../src/supervision/main/options.js';
import type { CredentialActorOptions } from '../../src/kinds/credential/behaviour.js';
import { credential, type CredentialOptions } from '../../src/kinds/credential/credential.js';
import type { RefreshTurn } from '../../src/kinds/credential/refresh/refresh-channel.js';
import type { Token } from '../../src/oauth/token.js';
import { createSimulatedClock, type SimulatedClock } from '../../src/testing/simulated-clock.js';
import { answerTo, authorise, initialHostileState, type HostileOptions, type HostileState } from '../hostile/core.js';
import type { Fault, HostileAnswer, TokenRequest } from '../hostile/types.js';
import { Disk } from './disk.js';
import type { Trip } from './door.js';
import type { Deed, Happening, Observation, Outcome, SeenRequest } from './observation.js';
import { SimulatedProcess } from './process.js';
import type { Random } from './random.js';
import type { Mortal } from './mortal.js';

const START = { wallMs: 1_900_000_000_000, monoMs: 5_000_000 };

export const CLIENT_ID = 'simulator';

/** The machine's own, also where the time is simulated. */
const { setImmediate: nextTurn } = globalThis;

export interface WorldOptions {
  readonly random: Random;
  readonly server: HostileOptions;
  /** Made of what the world gives: the first refresh token. */
  readonly options: (seed: string) => CredentialOptions;
  /** What happens to the next request. */
  readonly trip: (secret: string) => Trip;
  readonly restartDelayMs: () => number;
  readonly observe: (observation: Observation) => void;
}

export class World {
  readonly disk: Disk;
  /** The secrets that the server knows; the newest last. */
  knownSecrets: readonly string[] = [];
  readonly #options: WorldOptions;
  readonly #time: SimulatedClock = createSimulatedClock(START);
  readonly #clock: Clock;
  readonly #told: Clock;
  #server: HostileState;
  #user: CredentialOptions;
  #running: CredentialActorOptions;
  #process: SimulatedProcess;
  #processes = 0;
  #requests = 0;
  #unsettled = new Map<SeenRequest, Mortal>();
  #suspendedMs = 0;
  /** By how much steps and suspends have put the wall clock forward. */
  #wallAheadMs = 0;
  #rotations = 0;
  #waiting = 0;
  #problem: unknown;

  constructor(options: WorldOptions) {
    this.#options = options;
    // In whole ms, as the machine's has it: a fraction of one is lost in rounding where so many are counted from 1970 on.
    const wallMs = (): number => Math.floor(START.wallMs + (this.#time.monoMs() - START.monoMs) + this.#wallAheadMs);
    const now = (): Instant => ({ wallMs: wallMs(), monoMs: this.#time.monoMs() });
    this.#clock = { ...this.#time, wallMs, now };
    // Each timer is a step: what it led to is over before the next one, and before it is looked at.
    this.#told = {
      ...this.#clock,
      setTimer: (delayMs, callback) =>
        this.#clock.setTimer(delayMs, () => {
          callback();
          nextTurn(() => this.#look());
        }),
    };
    this.disk = new Disk(this.#told);
    this.#server = initialHostileState(options.server);
    this.#user = options.options(this.authorise());
    this.#running = this.#prepared(this.#user);
    this.#observe({ kind: 'options', options: this.#user });
    this.#process = this.#startProcess();
  }

  get clock(): Clock {
    return this.#clock;
  }

  get user(): CredentialOptions {
    return this.#user;
  }

  get process(): SimulatedProcess {
    return this.#process;
  }

  /** How many waits have not ended. */
  get waiting(): number {
    return this.#waiting;
  }

  get realMs(): number {
    return this.#clock.monoMs() - START.monoMs + this.#suspendedMs;
  }

  /** A first refresh token of a new authorisation. */
  authorise(): string {
    const { state, refreshToken } = authorise(this.#server, CLIENT_ID);
    this.#server = state;
    return refreshToken;
  }

  get server(): HostileState {
    return this.#server;
  }

  /** Lets time pass. */
  async advance(ms: number): Promise<void> {
    await this.#time.advanceAsync(ms);
    await this.settle();
  }

  /** All that has begun in this turn is over, but for what waits for time. */
  async settle(): Promise<void> {
    await new Promise<void>((resolve) => void nextTurn(resolve));
    await new Promise<void>((resolve) => void nextTurn(resolve));
    // eslint-disable-next-line @typescript-eslint/only-throw-error
    if (this.#problem !== undefined) throw this.#problem;
  }

  stepWall(byMs: number): void {
    this.#wallAheadMs += byMs;
    this.#observe({ kind: 'clock', what: 'stepped', byMs });
  }

  suspend(forMs: number): void {
    this.#wallAheadMs += forMs;
    this.#suspendedMs += forMs;
    this.#observe({ kind: 'clock', what: 'suspended', byMs: forMs });
  }

  // What users do

  read(): Token | undefined {
    try {
      const token = this.#process.reader.current();
      this.#observe({ kind: 'read', token });
      return token;
    } catch (error) {
      this.#observe({ kind: 'read', error: textOf(error) });
      return undefined;
    }
  }

  get(timeoutMs: number, minTtlMs = 0): void {
    void this.#wait({ what: 'get', timeoutMs }, () => this.#process.reader.get({ timeoutMs, minTtlMs }));
  }

  refresh(timeoutMs: number): Promise<Token | undefined> {
    return this.#wait({ what: 'refresh', timeoutMs }, () => this.#process.reader.refresh({ timeoutMs }));
  }

  invalidate(timeoutMs: number): void {
    const token = this.#process.reader.last();
    if (!token) return;
    const { generation } = token;
    void this.#wait({ what: 'invalidate', generation, timeoutMs }, () =>
      this.#process.reader.invalidate(token, { timeoutMs }),
    );
  }

  resume(): void {
    this.#deed({ what: 'resume' });
    this.#process.resume();
  }

  update(change: Partial<CredentialOptions>, overlapMs = 0): void {
    const { kind } = credential(this.#user);
    const rotated = checkAll((report) =>
      kind.rotate!({ current: this.#user, change, how: { overlapMs }, running: this.#running }, 'simulated', report),
    );
    const options = rotated.prepared.options as CredentialActorOptions;
    const { overlap } = options.policy;
    const policy = {
      ...options.policy,
      revision: `rotation ${++this.#rotations}`,
      // By the clock of this world.
      ...(overlap && { overlap: { ...overlap, untilMonoMs: this.#clock.monoMs() + overlapMs } }),
    };
    this.#user = rotated.options as CredentialOptions;
    this.#running = { ...options, policy };
    this.#deed({ what: 'rotate', options: this.#user, overlapMs });
    this.#process.update(this.#running);
  }

  /** Somebody writes another secret into a file. */
  changeFile(path: string, text: string, what: 'change_secret_file' | 'give_new_seed'): void {
    writeFileSync(path, text);
    this.#deed({ what });
  }

  // What goes wrong

  killProcess(how: 'killed' | 'power_cut'): void {
    void this.#process.end('killed');
    if (how === 'power_cut') this.disk.cutPower();
    this.#observe({ kind: 'process', what: how });
    this.#unsettled.clear();
  }

  async stopProcess(): Promise<void> {
    const end = { seen: false };
    const ending = this.#process.end('stopped').then(() => (end.seen = true));
    // Its bound, and the turns that its end takes.
    for (let waited = 0; waited < 60 && !end.seen; waited += 1) await this.advance(100);
    await ending;
    this.#observe({ kind: 'process', what: 'stopped' });
    this.#unsettled.clear();
  }

  /** The same again in another process, which knows what is on the disk; with the newest options. */
  startProcess(): void {
    const { overlap: _overlap, revision: _revision, ...policy } = this.#running.policy;
    const { previous: _previous, ...rest } = this.#running;
    this.#running = { ...rest, policy };
    this.#process = this.#startProcess();
    this.#process.start();
  }

  tell(happening: Happening): void {
    this.#observe(happening);
  }

  /** What is to run while this world runs: the loop's turns are heard, and what it draws is drawn from the seed. */
  async inForce(run: () => Promise<void>): Promise<void> {
    const { random } = Math;
    const hear = (turn: unknown): void =>
      this.#observe({ kind: 'turn', turn: turn as RefreshTurn, incarnation: this.#process.incarnation });
    const draw = this.#options.random.fork('loop');
    Math.random = () => draw.next('drawn');
    subscribe('tokenvisor:refresh', hear);
    try {
      this.#process.start();
      await run();
    } finally {
      void this.#process.end('killed');
      unsubscribe('tokenvisor:refresh', hear);
      Math.random = random;
    }
  }

  #startProcess(): SimulatedProcess {
    this.#processes += 1;
    this.#observe({ kind: 'process', what: 'started' });
    return new SimulatedProcess({
      number: this.#processes,
      clock: this.#told,
      disk: this.disk,
      options: this.#running,
      restartDelayMs: this.#options.restartDelayMs,
      observe: (happening) => this.#observe(happening),
      door: {
        clock: this.#told,
        trip: this.#options.trip,
        answer: (request, fault) => this.#answer(request, fault),
        sent: (request, thread) => this.#sent(request, thread),
        settled: (request, outcome, thread) => this.#settled(request, outcome, thread),
      },
    });
  }

  #answer(request: TokenRequest & { readonly clientSecret: string }, fault: Fault | undefined): HostileAnswer {
    const known = request.clientSecret === '' || this.knownSecrets.includes(request.clientSecret);
    const refusal: Fault | undefined = known ? fault : { kind: 'status', status: 401, error: 'invalid_client' };
    const { state, answer } = answerTo(this.#server, request, START.wallMs + this.realMs, refusal);
    this.#server = state;
    return answer;
  }

  #sent(request: Pick<SeenRequest, 'refreshToken' | 'clientSecret' | 'fault'>, thread: Mortal): SeenRequest {
    for (const [one, by] of this.#unsettled) if (by.dead) this.#unsettled.delete(one);
    const unsettled = [...this.#unsettled].filter(([, by]) => !by.fenced).length;
    const seen: SeenRequest = {
      ...request,
      number: ++this.#requests,
      process: this.#process.number,
      incarnation: this.#process.incarnationOf(thread),
      sentMonoMs: this.#clock.monoMs(),
      sentRealMs: this.realMs,
    };
    this.#unsettled.set(seen, thread);
    this.#observe({ kind: 'request', request: seen, unsettled, fenced: thread.fenced });
    return seen;
  }

  #settled(request: SeenRequest, outcome: Outcome, thread: Mortal): void {
    this.#unsettled.delete(request);
    if (!thread.fenced) this.#observe({ kind: 'settled', request, outcome });
  }

  #deed(deed: Deed): void {
    this.#observe({ kind: 'deed', deed });
  }

  async #wait(deed: Deed, begin: () => Promise<Token>): Promise<Token | undefined> {
    this.#deed(deed);
    this.#waiting += 1;
    const beganMonoMs = this.#clock.monoMs();
    const ended = (how: { token?: Token; code?: string; error?: string }): void => {
      this.#waiting -= 1;
      this.#observe({ kind: 'waited', deed, tookMs: this.#clock.monoMs() - beganMonoMs, ...how });
    };
    try {
      const token = await begin();
      ended({ token });
      return token;
    } catch (error) {
      ended({ code: String((error as { code?: unknown }).code), error: textOf(error) });
      return undefined;
    }
  }

  /** Any thread may read at any time: so one does after each step. */
  #look(): void {
    if (this.#problem !== undefined) return;
    let token: Token | undefined;
    try {
      token = this.#process.reader.current();
    } catch {
      // What it says is looked at by those who read on purpose.
    }
    this.#observe({ kind: 'read', ...(token && { token }) });
  }

  #prepared(options: CredentialOptions): CredentialActorOptions {
    const { kind } = credential(options);
    return checkAll((report) => kind.prepare(options, 'simulated', report)).options as CredentialActorOptions;
  }

  #observe(happening: Happening): void {
    if (this.#problem !== undefined) return;
    const now = this.#clock.now();
    try {
      this.#options.observe({ ...happening, ...now, realMs: this.realMs });
    } catch (error) {
      // Thrown where it happened it would be met as the code's own, and dealt with.
      this.#problem ??= error;
    }
  }
}

/** All that anybody could log of an error. */
const textOf = (error: unknown): string => inspect(error, { depth: 5 }).replaceAll(/\n\s+at .*/g, '');
