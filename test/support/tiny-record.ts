/**
 * A record with one word of payload, its writers and its readers as steps of a model.
 */
import { nextControl, type RecordPlace, Slot, slotOf } from '../../src/memory/layout.js';
import {
  type NoRecord,
  type ReadRecord,
  readRecord,
  type RecordHeader,
  RecordWriter,
  type FencingLease,
} from '../../src/memory/record.js';
import type { SharedWords } from '../../src/memory/words.js';
import { TokenvisorError } from '../../src/core/errors.js';
import { PlainWords, type Step, startOver } from './explore-interleavings.js';

/** Words beside the record. The first ones are the model's own: what has been done so far, for all to see. */
export const Word = { BEGUN: 2, DONE: 3, KEPT: 4, CHANGE: 5, REQUEST: 6, WANTED: 7, INVALIDATED: 8 } as const;

export const TINY: RecordPlace = { control: 0, generation: 1, slots: 9, slotWords: Slot.PAYLOAD + 1 };
export const TINY_WORDS = TINY.slots + 4 * TINY.slotWords;

/** The lease of the first writer of all. */
export const FIRST_SEAT: FencingLease = { epoch: 1, bank: 0, control: 0 };

export const headerOf = (generation: number): RecordHeader => ({
  generation,
  issuedAtMs: generation,
  expiresAtMs: 0,
  usableUntilMs: 0,
});

/** A payload that says who published it, and as what. */
export const payloadOf = (writer: number, generation: number): Uint8Array =>
  new Uint8Array(Int32Array.of(writer * 1_000 + generation).buffer);

/** Who published what. */
export interface Seen {
  readonly writer: number;
  readonly generation: number;
}

export type Read = (words: SharedWords, place: RecordPlace) => ReadRecord | NoRecord;

/** What a reader sees; throws if it is torn. */
export const see = (words: SharedWords, read: Read = readRecord): Seen | undefined => {
  const record = read(words, TINY);
  if (!record.payload) {
    if (record.control === undefined) throw new Error('gave up');
    return undefined;
  }
  const { generation, issuedAtMs, payload } = record;
  const mark = new Int32Array(payload.slice().buffer)[0] ?? 0;
  if (mark % 1_000 !== generation || issuedAtMs !== generation) {
    throw new Error(`torn: generation ${generation}, payload ${mark}, instant ${issuedAtMs}`);
  }
  return { writer: Math.floor(mark / 1_000), generation };
};

/** The same words as a plain object, for those that differ in one operation. */
export const sameWords = (words: SharedWords): SharedWords => ({
  load: (index) => words.load(index),
  store: (index, value) => words.store(index, value),
  compareExchange: (index, expected, replacement) => words.compareExchange(index, expected, replacement),
  add: (index, value) => words.add(index, value),
  notify: (index) => words.notify(index),
  wait: (index, expected, timeoutMs) => words.wait(index, expected, timeoutMs),
  waitAsync: (index, expected, timeoutMs) => words.waitAsync(index, expected, timeoutMs),
});

/**
 * The same words for code that reads the record in a loop: a turn that meets another control word knows nothing of the
 * turn before it, so it is the same step again.
 */
export const inTurns = (words: SharedWords): SharedWords => {
  let first: number | undefined;
  return {
    ...sameWords(words),
    load(index) {
      const value = words.load(index);
      if (index !== TINY.control) return value;
      if (first !== undefined && first !== value) return startOver();
      first = first === undefined && value !== 0 ? value : undefined;
      return value;
    },
    compareExchange(index, expected, replacement) {
      const was = words.compareExchange(index, expected, replacement);
      return was !== expected ? startOver() : was;
    },
  };
};

/** A writer on its lease, its start behind it: between two steps a writer is no more than its lease. */
const seated = (words: SharedWords, lease: FencingLease): RecordWriter => {
  let now: SharedWords = new PlainWords(new Int32Array(TINY_WORDS));
  const port: SharedWords = {
    ...sameWords(words),
    load: (index) => now.load(index),
    store: (index, value) => now.store(index, value),
    compareExchange: (index, expected, replacement) => now.compareExchange(index, expected, replacement),
  };
  const writer = new RecordWriter(port, TINY, lease);
  now = words;
  return writer;
};

/** What a writer's steps hand on. */
export interface Writing {
  readonly lease: FencingLease;
  /** Which of its publications counted. */
  readonly published: readonly number[];
  readonly fenced: boolean;
}

/** The start of a writer, which finds what its predecessor left. */
export const sit =
  (lease?: FencingLease): Step =>
  (words, state): Writing => {
    const taken = lease ?? (state as FencingLease);
    new RecordWriter(inTurns(words), TINY, taken);
    return { lease: taken, published: [], fenced: false };
  };

/** Runs it in between two notes: that the event has begun, and that it is done. */
export const noted = (words: SharedWords, event: number | undefined, run: () => void): void => {
  if (event === undefined) return run();
  words.store(Word.BEGUN, event);
  run();
  words.store(Word.DONE, event);
};

export interface PublishStep {
  readonly who?: number;
  /** A number, or what comes after what the state says. */
  readonly generation: number;
  readonly event?: number;
  /** Leaves out the word that remembers the generation. */
  readonly wordless?: boolean;
}

/** One publication. A writer that finds itself fenced does nothing more. */
export const publish =
  ({ who = 1, generation, event, wordless = false }: PublishStep): Step =>
  (words, state): Writing =>
    write(wordless ? forgetful(words) : words, state as Writing, event, 1, generation, (writer) =>
      writer.publish(headerOf(generation), payloadOf(who, generation)),
    );

/** Words that remember no generation. */
const forgetful = (words: SharedWords): SharedWords => ({
  ...sameWords(words),
  compareExchange: (index, expected, replacement) =>
    index === TINY.generation ? expected : words.compareExchange(index, expected, replacement),
});

export const withdraw =
  (event?: number): Step =>
  (words, state): Writing =>
    write(words, state as Writing, event, 0, undefined, (writer) => writer.withdraw());

const write = (
  words: SharedWords,
  state: Writing,
  event: number | undefined,
  flip: 0 | 1,
  generation: number | undefined,
  act: (writer: RecordWriter) => void,
): Writing => {
  const { lease, published, fenced } = state;
  if (fenced) return state;
  try {
    noted(words, event, () => act(seated(words, lease)));
  } catch (error) {
    if (error instanceof TokenvisorError && error.code === 'FENCED') return { ...state, fenced: true };
    throw error;
  }
  const control = nextControl(lease.control, lease.bank, slotOf(lease.control) ^ flip);
  return {
    lease: { ...lease, control },
    published: generation === undefined ? published : [...published, generation],
    fenced,
  };
};

/**
 * Reads that must fit a history: after event n the record is that of `states[n]`, a generation or none. Each read must
 * see what the record was at some moment of the read, and reads one after the other must not go back.
 */
export const readAlong = (states: readonly (number | undefined)[], read: Read = readRecord): Step => {
  return (words, state) => {
    const earliest = Math.max((state as number | undefined) ?? 0, words.load(Word.DONE));
    const generation = see(inTurns(words), read)?.generation;
    const latest = words.load(Word.BEGUN);
    const found = states.findIndex((each, event) => event >= earliest && event <= latest && each === generation);
    if (found < 0) throw new Error(`saw ${generation ?? 'none'} between the events ${earliest} and ${latest}`);
    return found;
  };
};
