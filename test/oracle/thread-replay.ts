/** Plays a recorded schedule to a supervisor with real threads, through what its users have. */
import { isDeepStrictEqual } from 'node:util';
import {
  actor,
  startSupervisor,
  TokenvisorError,
  type Actor,
  type AnyTokenvisorEvent,
  type ChildSpec,
  type TokenSupervisor,
} from 'tokenvisor';
import { killChildThread } from 'tokenvisor/testing';
import { Heard, eventually } from '../support/supervised.js';
import { oneCode } from './for-threads.js';
import { replay } from './replay.js';
import { happenedOf, type Batch, type Happened, type Message, type Schedule, type Spec } from './schedules.js';
import { answerInWords, reportInWords } from './told.js';

const GATE = 'gate';
/** How far into its second a batch is sent. */
const BEGIN_MS = 300;
const MOST_ATTEMPTS = 8;
/** How long events may come after the answer that tells that all is done. */
const EVENTS_MS = 5_000;

/** This machine was too busy, and so restarts counted in other seconds than in the recording: nothing can be said. */
class TooLate extends Error {}

/** In which second a batch was sent, and in which it was done. */
type Seconds = readonly [sent: number, done: number];

/** Every way in which what counted in a batch may have counted in its first second or in its last. */
const waysOf = (seconds: readonly Seconds[]): readonly (readonly number[])[] =>
  seconds.reduce<readonly (readonly number[])[]>(
    (ways, [sent, done]) => ways.flatMap((way) => [...new Set([sent, done])].map((second) => [...way, second])),
    [[]],
  );

/**
 * True if in these seconds the same would have happened: our core, which is compared with OTP elsewhere, says so. The
 * restarts of one batch must still count together; how they are spread over its seconds then changes nothing.
 */
const isTheSameIn = (schedule: Schedule, seconds: readonly Seconds[]): boolean => {
  const [boot, ...batches] = schedule.happened;
  const first = (seconds[0]?.[0] ?? 0) - (batches[0]?.at ?? 0);
  if (seconds.some(([sent, done]) => done - sent > schedule.maxSeconds)) return false;
  return waysOf(seconds).every((way) => {
    const moved = batches.map((batch, index) => ({ ...batch, at: way[index]! - first }));
    const { happened } = replay({ ...schedule, happened: [boot!, ...moved] });
    return isDeepStrictEqual(happened, schedule.happened.map(happenedOf));
  });
};

const nowMs = (): number => {
  const [seconds, nanoseconds] = process.hrtime();
  return seconds * 1_000 + nanoseconds / 1e6;
};

const secondNow = (): number => Math.floor(nowMs() / 1_000);

const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

const childModule = new URL('../threads/fixtures/oracle-child.mjs', import.meta.url);

/** The fixtures' 60 ms are for a process; a thread that does as it is asked gets the time that it takes. */
const shutdownOf = ({ shutdown, stops }: Spec): 'brutal' | 'infinity' | number => {
  if (shutdown === 'brutal_kill') return 'brutal';
  return typeof shutdown === 'number' && stops !== 'never' ? 10_000 : shutdown;
};

const inFixturesWords = (event: Extract<AnyTokenvisorEvent, { type: 'supervisor:report' }>): string => {
  const { shutdown } = event.offender;
  const told = { ...event.offender, shutdown: typeof shutdown === 'number' ? 60 : shutdown };
  return reportInWords({ ...event, offender: told });
};

class ThreadReplay {
  readonly #schedule: Schedule;
  readonly #starts = new SharedArrayBuffer(4);
  readonly #heard = new Heard();
  /** Deaths by the schedule's messages, not yet told. */
  readonly #toldToDie = new Set<string>();
  readonly #running = new Map<string, number>();
  #supervisor!: TokenSupervisor;
  #seen = 0;
  #did: string[] = [];
  #ended: Happened['ended'] = 'running';

  constructor(schedule: Schedule) {
    this.#schedule = schedule;
  }

  async play(): Promise<readonly Happened[]> {
    const { children, maxRestarts, maxSeconds, happened } = this.#schedule;
    const specs = Object.fromEntries(children.map((spec) => [spec.name, this.#specOf(spec)]));
    this.#supervisor = await startSupervisor(specs, { escalation: 'supervisor', maxRestarts, maxSeconds });
    this.#supervisor.on('event', this.#heard.note);
    try {
      return await this.#batches(happened);
    } finally {
      await this.#supervisor.close({ timeoutMs: 5_000 });
    }
  }

  async #batches([boot, ...batches]: readonly Batch[]): Promise<readonly Happened[]> {
    const done = [await this.#whatHappened(boot!, ['ok'])];
    // Nothing counts in the start: the first batch may come in any second.
    const first = secondNow() + (nowMs() % 1_000 > BEGIN_MS ? 1 : 0) - (batches[0]?.at ?? 0);
    const seconds: Seconds[] = [];
    for (const batch of batches) {
      await pause(Math.max(0, (first + batch.at) * 1_000 + BEGIN_MS - nowMs()) + 1);
      const sent = secondNow();
      const answers = await this.#deliver(batch.messages);
      await this.#settled();
      seconds.push([sent, secondNow()]);
      const before = this.#schedule.happened.slice(0, seconds.length + 1);
      if (!isTheSameIn({ ...this.#schedule, happened: before }, seconds)) throw new TooLate();
      done.push(await this.#whatHappened(batch, answers));
    }
    return done;
  }

  async #deliver(messages: readonly Message[]): Promise<readonly string[]> {
    const gate = new SharedArrayBuffer(4);
    const answers: Promise<string>[] = [];
    const alive = new Set(this.#running.keys());
    const held = messages.length > 1 && this.#answer(this.#supervisor.startChild(GATE, this.#child({ gate })));
    if (held) await this.#arrived();
    for (const message of messages) {
      if (message.kind !== 'exit') {
        answers.push(this.#answer(this.#call(message)));
        if (held) await this.#arrived();
      } else if (alive.delete(message.name)) await this.#die(message.name, message.reason);
    }
    Atomics.store(new Int32Array(gate), 0, 1);
    Atomics.notify(new Int32Array(gate), 0);
    await held;
    return Promise.all(answers);
  }

  #call(message: Exclude<Message, { kind: 'exit' }>): Promise<unknown> {
    const supervisor = this.#supervisor;
    switch (message.kind) {
      case 'start_child':
        return supervisor.startChild(message.name, this.#specOf(message.spec));
      case 'terminate_child':
        return supervisor.terminateChild(message.name);
      case 'restart_child':
        return supervisor.restartChild(message.name);
      case 'delete_child':
        return supervisor.deleteChild(message.name);
      case 'close':
        return supervisor.close({ timeoutMs: 10_000 });
    }
  }

  async #die(name: string, reason: string): Promise<void> {
    this.#toldToDie.add(name);
    const exited = this.#heard.of('child:exited', name).length;
    if (reason === 'killed') await killChildThread(this.#supervisor, name);
    else (this.#supervisor.children as Readonly<Record<string, Actor>>)[name]!.cast(reason);
    await eventually(`the end of '${name}'`, () => this.#heard.of('child:exited', name).length > exited);
  }

  async #answer(call: Promise<unknown>): Promise<string> {
    try {
      await call;
      return 'ok';
    } catch (error) {
      if (error instanceof TokenvisorError) return oneCode(answerInWords(error));
      throw error;
    }
  }

  /** The answer comes after what was sent before has got there. None comes once it has ended. */
  async #arrived(): Promise<void> {
    await this.#supervisor.whichChildren().catch(() => []);
  }

  async #settled(): Promise<void> {
    const endMs = nowMs() + 20_000;
    while (nowMs() < endMs) {
      const children = await this.#supervisor.whichChildren().catch(() => undefined);
      if (!children) return eventually('the end', () => this.#heard.of('supervisor:ended').length > 0);
      if (children.every(({ phase }) => phase === 'running' || phase === 'stopped')) return;
      await pause(5);
    }
    throw new Error('Expected it to come to rest within 20 s');
  }

  async #whatHappened({ did, ended }: Batch, answers: readonly string[]): Promise<Happened> {
    const listed = await this.#supervisor.whichChildren().catch(() => []);
    const active = await this.#supervisor.countChildren().then(
      (count) => count.active,
      () => 0,
    );
    // Events have a port of their own, and may come later than answers.
    const endMs = nowMs() + EVENTS_MS;
    const isShort = (): boolean => this.#did.length < did.length || this.#ended !== ended;
    for (this.#listen(); isShort() && nowMs() < endMs; this.#listen()) await pause(5);
    // One that has ended is asked no more. Its thread may have answered while the news was on its way.
    const isThere = this.#ended === 'running';
    const happened = {
      answers,
      did: this.#did,
      children: isThere ? listed.map(({ name, phase }) => `${name} ${phase}`) : [],
      active: isThere ? active : 0,
      ended: this.#ended,
    };
    this.#did = [];
    return happened;
  }

  #listen(): void {
    const { all } = this.#heard;
    for (const event of all.slice(this.#seen)) this.#note(event);
    this.#seen = all.length;
  }

  #note(event: AnyTokenvisorEvent): void {
    if (event.type === 'supervisor:ended') this.#ended = event.reason;
    if (event.type === 'supervisor:report') this.#did.push(inFixturesWords(event));
    if (event.type === 'child:started' || event.type === 'child:restarted') {
      this.#running.set(event.name, event.incarnation);
      this.#did.push(`starts ${event.name}`);
    }
    if (event.type !== 'child:exited' || event.name === GATE) return;
    const { name, incarnation } = event;
    if (this.#running.get(name) !== incarnation) return void this.#did.push(`fails ${name}`);
    this.#running.delete(name);
    if (!this.#toldToDie.delete(name)) this.#did.push(`stops ${name}`);
  }

  #specOf(spec: Spec): ChildSpec<Actor> {
    const script = { starts: this.#starts, outcomes: this.#schedule.starts, stops: spec.stops };
    return this.#child(script, { restart: spec.restart, shutdown: shutdownOf(spec) });
  }

  #child(options: object, child: object = {}): ChildSpec<Actor> {
    return actor({ behaviour: { module: childModule, export: 'child' }, options, ...child });
  }
}

export const playInThreads = async (schedule: Schedule): Promise<readonly Happened[]> => {
  for (let attempt = 1; attempt <= MOST_ATTEMPTS; attempt++) {
    try {
      return await new ThreadReplay(schedule).play();
    } catch (error) {
      if (!(error instanceof TooLate)) throw error;
    }
  }
  throw new Error(`Expected to play schedule ${schedule.number} in its seconds: the machine was too busy, each time`);
};
