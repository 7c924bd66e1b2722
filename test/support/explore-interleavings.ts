/**
 * Runs every interleaving of a few threads' operations on shared words.
 *
 * A thread is an ordinary synchronous function, written against SharedWords. It is never really suspended: to find its
 * next operation it is run again from the start, its earlier operations answered from a record of what they returned,
 * and stopped by an exception at the first one that has no answer yet. Where a thread stands is thus the list of the
 * answers that it has had. Those lists are kept as a tree, so that each is run once.
 *
 * The state of all is the memory and each thread's place. Each state is entered once, and all that can happen next is
 * tried in it, with one exception: an operation on a word that no other thread can change any more (or, if it changes
 * the word, use any more) is alone tried first, as it makes no difference when it happens. What a thread can still do
 * from a place on is what it was seen to do; the search is repeated until it has seen nothing new.
 *
 * A property that speaks of time ("withdrawn before the read began") must be visible in the state: let a thread note
 * what it has done in a word of its own, and another read that word before it begins.
 */
import type { SharedWords } from '../../src/memory/words.js';

/**
 * Part of a thread: deterministic but for what the words return, free of side effects. It is handed what the part
 * before it returned, which is plain data; threads that come to the same are in the same place. What it throws is a
 * violation.
 */
export type Step = (words: SharedWords, state: unknown) => unknown;

export interface ModelThread {
  readonly name: string;
  readonly steps: readonly Step[];
  /** It starts when these have come to their end, by themselves or by death. */
  readonly after?: readonly string[];
  /** It may be killed before any of its operations. */
  readonly mayDie?: boolean;
  /**
   * Its waits go in slices: so many of them may end at any moment, and when nothing else can happen any more, one ends
   * as well. By default a wait ends by a notify only.
   */
  readonly slices?: number;
}

export interface End {
  /** What the last step of each thread returned; a dead one is not in here. */
  readonly results: Readonly<Record<string, unknown>>;
  readonly load: (index: number) => number;
}

export interface Model {
  /** How many words of memory there are; all 0 at first. */
  readonly words: number;
  /** Runs alone, before the threads. */
  readonly prepare?: (words: SharedWords) => void;
  readonly threads: readonly ModelThread[];
  /** Looks at every end; throws for one that must not be. */
  readonly check?: (end: End) => void;
  /** Looks at every change of a word; throws for one that must not be. */
  readonly checkChange?: (index: number, before: number, after: number) => void;
}

export interface Violation {
  readonly message: string;
  /** One line an operation, in the order that leads to it. */
  readonly schedule: readonly string[];
}

export interface Exploration {
  /** How many orders of operations, deaths and ends of slices were tried, exactly; 0 if there is a violation. */
  readonly schedules: bigint;
  readonly states: number;
  /** The first one found. */
  readonly violation?: Violation;
}

/** Begins the step again: for a loop whose next turn knows nothing of the last, so that its turns are one place. */
export const startOver = (): never => {
  throw new StartOver('not caught by the explorer');
};

class StartOver extends Error {}

type Operation =
  | { readonly kind: 'load' | 'notify'; readonly index: number }
  | { readonly kind: 'store' | 'add'; readonly index: number; readonly value: number }
  | { readonly kind: 'wait'; readonly index: number; readonly expected: number }
  | { readonly kind: 'compareExchange'; readonly index: number; readonly expected: number; readonly value: number };

/** What a wait returns. */
const NOTIFIED = 0;
const SLICE_OVER = 1;
/** Its slice is over, and nothing else could happen. */
const LAST_RESORT = 2;
/** A thread that waits on after so many of those waits for ever. */
const LAST_RESORTS = 2;

/** More take too long, and too much memory. */
const MOST_STATES = 2_000_000;

const WAYS = 300;
const LONGEST_WAY = 5_000;

/** What a thread may still do to a word. */
const USES = 1;
const CHANGES = 2;

/** Where a thread stands. */
class Place {
  readonly id: number;
  readonly step: number;
  /** What its step was handed, and the answers since. */
  readonly state: unknown;
  readonly answers: readonly number[];
  readonly slicesUsed: number;
  readonly resorts: number;
  readonly next = new Map<number, Place>();
  readonly parents: Place[] = [];
  /** By word. */
  readonly future: Uint8Array;
  operation: Operation | undefined;
  dead = false;
  /** This place, once the wait that is its operation has begun. */
  waiting: Place | undefined;
  waitsOn: number | undefined;

  constructor(id: number, words: number, at: Pick<Place, 'step' | 'state' | 'answers' | 'slicesUsed' | 'resorts'>) {
    this.id = id;
    this.step = at.step;
    this.state = at.state;
    this.answers = at.answers;
    this.slicesUsed = at.slicesUsed;
    this.resorts = at.resorts;
    this.future = new Uint8Array(words);
  }

  get ended(): boolean {
    return this.dead || (this.operation === undefined && this.waitsOn === undefined);
  }
}

class Pause extends Error {
  readonly operation: Operation;

  constructor(operation: Operation) {
    super('a thread of a model has been stopped: do not catch this');
    this.operation = operation;
  }
}

/** Answers from a record; stops the thread at the first operation that is not in it. */
class ReplayedWords implements SharedWords {
  readonly #answers: readonly number[];
  #position = 0;

  constructor(answers: readonly number[]) {
    this.#answers = answers;
  }

  load(index: number): number {
    return this.#do({ kind: 'load', index });
  }

  store(index: number, value: number): void {
    this.#do({ kind: 'store', index, value });
  }

  compareExchange(index: number, expected: number, value: number): number {
    return this.#do({ kind: 'compareExchange', index, expected, value });
  }

  add(index: number, value: number): number {
    return this.#do({ kind: 'add', index, value });
  }

  notify(index: number): void {
    this.#do({ kind: 'notify', index });
  }

  wait(index: number, expected: number): void {
    this.#do({ kind: 'wait', index, expected });
  }

  waitAsync(): never {
    throw new Error('the threads of a model are synchronous: wait()');
  }

  #do(operation: Operation): number {
    const answer = this.#answers[this.#position];
    if (answer === undefined) throw new Pause(operation);
    this.#position += 1;
    return answer;
  }
}

/** Words of a plain array, for what runs alone. */
export class PlainWords implements SharedWords {
  readonly memory: Int32Array;

  constructor(memory: Int32Array) {
    this.memory = memory;
  }

  load(index: number): number {
    return at(this.memory, index);
  }

  store(index: number, value: number): void {
    this.memory[index] = value;
  }

  compareExchange(index: number, expected: number, value: number): number {
    const before = at(this.memory, index);
    if (before === expected) this.memory[index] = value;
    return before;
  }

  add(index: number, value: number): number {
    const before = at(this.memory, index);
    this.memory[index] = before + value;
    return before;
  }

  notify(): void {}

  wait(): never {
    throw new Error('nobody would wake it');
  }

  waitAsync(): never {
    throw new Error('nobody would wake it');
  }
}

const at = (memory: Int32Array, index: number): number => {
  const value = memory[index];
  if (value === undefined) throw new RangeError(`there is no word ${index}`);
  return value;
};

/** What it does to the word, whatever it finds. */
const effectOf = ({ kind }: Operation): number => (kind === 'load' || kind === 'wait' ? USES : USES | CHANGES);

/** What will be in the word after it. */
const valueAfter = (before: number, operation: Operation): number => {
  switch (operation.kind) {
    case 'store':
      return operation.value | 0;
    case 'add':
      return (before + operation.value) | 0;
    case 'compareExchange':
      return before === operation.expected ? operation.value | 0 : before;
    default:
      return before;
  }
};

/** What the thread is told. Less is better: answers that say nothing make no two places of one. */
const answerOf = (before: number, { kind }: Operation): number =>
  kind === 'load' || kind === 'add' || kind === 'compareExchange' ? before : NOTIFIED;

const describe = (name: string, operation: Operation, found: number): string => {
  const { kind, index } = operation;
  switch (kind) {
    case 'load':
      return `${name}: load [${index}] = ${found}`;
    case 'notify':
      return `${name}: notify [${index}]`;
    case 'store':
    case 'add':
      return `${name}: ${kind} [${index}] ${operation.value}`;
    case 'compareExchange':
      return `${name}: compareExchange [${index}] ${operation.expected} -> ${operation.value}, found ${found}`;
    case 'wait':
      return `${name}: wait [${index}] while ${operation.expected}`;
  }
};

class Found extends Error {}

const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));

class Explorer {
  readonly #model: Model;
  readonly #threads: readonly ModelThread[];
  readonly #memories: Int32Array[] = [];
  readonly #changes: Map<number, number>[] = [];
  readonly #memoryIds = new Map<string, number>();
  readonly #starts = new Map<string, Place>();
  readonly #dead: readonly Place[];
  readonly #after: readonly (readonly number[])[];
  /** How many schedules there are from a state on; undefined while that is being found out. */
  #counts = new Map<string, bigint | undefined>();
  #path: string[] = [];
  #places = 0;
  #grew = false;

  constructor(model: Model) {
    this.#model = model;
    this.#threads = model.threads;
    const names = this.#threads.map(({ name }) => name);
    this.#dead = names.map(() => {
      const place = this.#newPlace({ step: 0, state: undefined, answers: [], slicesUsed: 0, resorts: 0 });
      place.dead = true;
      return place;
    });
    this.#after = this.#threads.map(({ after = [] }) => after.map((name) => names.indexOf(name)));
  }

  run(): Exploration {
    const memory = new Int32Array(this.#model.words);
    this.#model.prepare?.(new PlainWords(memory));
    try {
      const start = this.#threads.map((_, thread) => this.#startOf(thread, 0, undefined, 0, 0));
      const first = this.#intern(memory);
      this.#walk(first, start);
      for (;;) {
        this.#path = [];
        this.#grew = false;
        this.#counts = new Map();
        const schedules = this.#visit(first, start);
        if (!this.#hasGrown()) return { schedules, states: this.#counts.size };
      }
    } catch (error) {
      if (!(error instanceof Found)) throw error;
      const violation = { message: error.message, schedule: [...this.#path] };
      return { schedules: 0n, states: this.#counts.size, violation };
    }
  }

  /**
   * Takes a few ways at random, so that most of what threads may do is known before the search begins: it has to be
   * repeated less often. The same ways each time.
   */
  #walk(first: number, start: readonly Place[]): void {
    let random = 1;
    const below = (limit: number): number => {
      random = (Math.imul(random, 1_664_525) + 1_013_904_223) >>> 0;
      return Math.floor((random / 2 ** 32) * limit);
    };
    for (let way = 0; way < WAYS; way += 1) {
      let memory = first;
      let places = start;
      // A way in which one thread is as likely to be the next as another meets few long pauses.
      let thread = 0;
      this.#path = [];
      while (this.#path.length < LONGEST_WAY) {
        const able = places.flatMap((place, index) => (place.operation && this.#mayRun(index, places) ? [index] : []));
        if (able.length === 0) break;
        if (!able.includes(thread) || below(8) === 0) thread = able[below(able.length)]!;
        this.#path.push(this.#describe(thread, memory, places));
        [memory, places] = this.#step(thread, memory, places);
      }
    }
  }

  /** How many schedules there are from here on. */
  #visit(memory: number, places: readonly Place[]): bigint {
    let key = `${memory}`;
    for (const { id } of places) key += `,${id}`;
    const known = this.#counts.get(key);
    if (known !== undefined) return known;
    if (this.#counts.has(key)) throw new Found('goes round in a circle');
    this.#counts.set(key, undefined);
    if (this.#counts.size > MOST_STATES) throw new Error('The model is too large to be explored');
    const alone = places.findIndex(
      (place, thread) => this.#mayRun(thread, places) && this.#isUnseen(thread, place, places),
    );
    let count = 0n;
    if (alone >= 0) count = this.#visitStep(alone, memory, places);
    else for (let thread = 0; thread < places.length; thread += 1) count += this.#visitAllOf(thread, memory, places);
    if (count === 0n) count = this.#visitLastResorts(memory, places);
    if (count === 0n) {
      this.#end(memory, places);
      count = 1n;
    }
    this.#counts.set(key, count);
    return count;
  }

  #mayRun(thread: number, places: readonly Place[]): boolean {
    return !places[thread]!.ended && this.#after[thread]!.every((other) => places[other]!.ended);
  }

  /** True if it makes no difference to anybody when the thread does what it does next. */
  #isUnseen(thread: number, { operation }: Place, places: readonly Place[]): boolean {
    if (!operation || operation.kind === 'wait' || operation.kind === 'notify') return false;
    const effect = effectOf(operation);
    // A death before it and one after it leave another memory.
    if (effect !== USES && this.#threads[thread]!.mayDie) return false;
    const conflict = effect === USES ? CHANGES : USES;
    return places.every(
      (other, index) => index === thread || other.ended || (other.future[operation.index]! & conflict) === 0,
    );
  }

  /** All that can happen next to one thread. */
  #visitAllOf(thread: number, memory: number, places: readonly Place[]): bigint {
    if (!this.#mayRun(thread, places)) return 0n;
    const { name, mayDie, slices = 0 } = this.#threads[thread]!;
    const place = places[thread]!;
    let count = 0n;
    if (place.operation) count += this.#visitStep(thread, memory, places);
    else if (place.slicesUsed < slices) count += this.#visitWake(thread, SLICE_OVER, memory, places);
    if (mayDie) count += this.#descend(`${name}: dies`, memory, places.with(thread, this.#dead[thread]!));
    return count;
  }

  #visitLastResorts(memory: number, places: readonly Place[]): bigint {
    let count = 0n;
    places.forEach((place, thread) => {
      if (place.waitsOn === undefined || !this.#threads[thread]!.slices || place.resorts === LAST_RESORTS) return;
      count += this.#visitWake(thread, LAST_RESORT, memory, places);
    });
    return count;
  }

  #visitWake(thread: number, answer: number, memory: number, places: readonly Place[]): bigint {
    const line = `${this.#threads[thread]!.name}: its slice is over`;
    return this.#descend(line, memory, places.with(thread, this.#answered(thread, places[thread]!, answer)));
  }

  #visitStep(thread: number, memory: number, places: readonly Place[]): bigint {
    this.#path.push(this.#describe(thread, memory, places));
    const count = this.#visit(...this.#step(thread, memory, places));
    this.#path.pop();
    return count;
  }

  #describe(thread: number, memory: number, places: readonly Place[]): string {
    const operation = places[thread]!.operation!;
    return describe(this.#threads[thread]!.name, operation, at(this.#memories[memory]!, operation.index));
  }

  /** What comes of a thread's next operation. */
  #step(thread: number, memory: number, places: readonly Place[]): [memory: number, places: readonly Place[]] {
    const place = places[thread]!;
    const operation = place.operation!;
    const { kind, index } = operation;
    const before = at(this.#memories[memory]!, index);
    if (kind === 'wait' && before === operation.expected) {
      return [memory, places.with(thread, this.#waiting(place, index))];
    }
    const after = valueAfter(before, operation);
    if (after !== before) this.#guard(() => this.#model.checkChange?.(index, before, after));
    const next = places.with(thread, this.#answered(thread, place, answerOf(before, operation)));
    return [
      after === before ? memory : this.#changed(memory, index, after),
      kind === 'notify'
        ? next.map((other, waiter) => (other.waitsOn === index ? this.#answered(waiter, other, NOTIFIED) : other))
        : next,
    ];
  }

  #descend(line: string, memory: number, places: readonly Place[]): bigint {
    this.#path.push(line);
    const count = this.#visit(memory, places);
    this.#path.pop();
    return count;
  }

  #end(memory: number, places: readonly Place[]): void {
    const stuck = this.#threads.filter((_, thread) => places[thread]!.waitsOn !== undefined);
    if (stuck.length > 0) throw new Found(`${stuck.map(({ name }) => name).join(', ')} waits for ever`);
    const ended = this.#threads.flatMap(({ name }, thread) =>
      places[thread]!.dead ? [] : [[name, places[thread]!.state] as const],
    );
    const words = this.#memories[memory]!;
    this.#guard(() => this.#model.check?.({ results: Object.fromEntries(ended), load: (index) => at(words, index) }));
  }

  #guard(run: () => void): void {
    try {
      run();
    } catch (error) {
      throw new Found(messageOf(error));
    }
  }

  // Places

  #newPlace(where: ConstructorParameters<typeof Place>[2]): Place {
    this.#places += 1;
    return new Place(this.#places, this.#model.words, where);
  }

  /** The place after an answer. */
  #answered(thread: number, from: Place, answer: number): Place {
    const known = from.next.get(answer);
    if (known) return known;
    const { step, state } = from;
    const waited = from.waitsOn !== undefined;
    const place = this.#look(thread, {
      step,
      state,
      answers: [...from.answers, answer],
      slicesUsed: from.slicesUsed + (waited && answer === SLICE_OVER ? 1 : 0),
      resorts: from.resorts + (waited && answer === LAST_RESORT ? 1 : 0),
    });
    from.next.set(answer, place);
    this.#adopt(place, from);
    return place;
  }

  #waiting(place: Place, index: number): Place {
    if (place.waiting) return place.waiting;
    const waiting = this.#newPlace(place);
    waiting.waitsOn = index;
    place.waiting = waiting;
    this.#adopt(waiting, place);
    return waiting;
  }

  /** The first place of a step, or the end of the thread. */
  #startOf(thread: number, step: number, state: unknown, slicesUsed: number, resorts: number): Place {
    const key = JSON.stringify([thread, step, slicesUsed, resorts, state]);
    const known = this.#starts.get(key);
    if (known) return known;
    const where = { step, state, answers: [], slicesUsed, resorts };
    const place = step === this.#threads[thread]!.steps.length ? this.#newPlace(where) : this.#look(thread, where);
    this.#starts.set(key, place);
    return place;
  }

  /** Runs a step up to its next operation; where it ends, the place is the start of the next one. */
  #look(thread: number, where: ConstructorParameters<typeof Place>[2]): Place {
    const { name, steps } = this.#threads[thread]!;
    const { step, state, answers, slicesUsed, resorts } = where;
    let result: unknown;
    try {
      result = steps[step]!(new ReplayedWords(answers), state);
    } catch (error) {
      if (error instanceof StartOver) return this.#startOf(thread, step, state, slicesUsed, resorts);
      if (!(error instanceof Pause)) throw new Found(`${name}: ${messageOf(error)}`);
      const place = this.#newPlace(where);
      place.operation = error.operation;
      this.#foresee(place, error.operation.index, effectOf(error.operation));
      return place;
    }
    return this.#startOf(thread, step + 1, result, slicesUsed, resorts);
  }

  #hasGrown(): boolean {
    return this.#grew;
  }

  #adopt(place: Place, parent: Place): void {
    if (place === parent || place.parents.includes(parent)) return;
    place.parents.push(parent);
    place.future.forEach((effect, index) => this.#foresee(parent, index, effect));
  }

  /** Notes that the thread may do so from the place on, and from all that lead to it. */
  #foresee(place: Place, index: number, effect: number): void {
    const before = place.future[index]!;
    if ((before | effect) === before) return;
    place.future[index] = before | effect;
    this.#grew = true;
    for (const parent of place.parents) this.#foresee(parent, index, effect);
  }

  /** The memory with one word changed. */
  #changed(memory: number, index: number, value: number): number {
    const changes = (this.#changes[memory] ??= new Map<number, number>());
    const key = index * 2 ** 32 + (value >>> 0);
    const known = changes.get(key);
    if (known !== undefined) return known;
    const changed = this.#intern(this.#memories[memory]!.with(index, value));
    changes.set(key, changed);
    return changed;
  }

  #intern(memory: Int32Array): number {
    const key = memory.join();
    const known = this.#memoryIds.get(key);
    if (known !== undefined) return known;
    this.#memoryIds.set(key, this.#memories.length);
    return this.#memories.push(memory) - 1;
  }
}

/** Runs every interleaving; stops at the first violation. */
export const explore = (model: Model): Exploration => new Explorer(model).run();

/** Runs it alone on fresh words, as a model's `prepare` will be. */
export const prepared = <T>(words: number, prepare: (words: SharedWords) => T): T =>
  prepare(new PlainWords(new Int32Array(words)));
