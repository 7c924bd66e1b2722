/**
 * Measures cases against each other in rounds that interleave them, so that what the machine does meanwhile meets all
 * of them; a ratio is taken within each round, and its median is the figure.
 */
import { median, summarize } from './statistics.mjs';

const FEWEST_ROUNDS = 7;
const DEFAULT_ROUNDS = 11;
const DEFAULT_WARM_UPS = 2;
const DEFAULT_BATCH_MS = 100;
const LARGEST_BATCH = 2 ** 30;

/**
 * A batch runs its operation `count` times and returns something made from all of its results, so that no compiler
 * can leave the work out; or, if the time is taken elsewhere (another thread), that time and such a value.
 *
 * @typedef {(count: number) => unknown | Promise<unknown>} Batch
 * @typedef {{ elapsedMs: number, sink: unknown }} TimedElsewhere
 * @typedef {() => unknown | Promise<unknown>} Operation
 *
 * @typedef {object} Row
 * @property {string} name
 * @property {number} median
 * @property {number} p5
 * @property {number} p95
 * @property {string} unit
 *
 * @typedef {object} Figure
 * @property {string} name
 * @property {number} value
 * @property {number | null} bar null where the figure is only reported
 * @property {boolean | null} met null where there is no bar
 *
 * What a suite that has cells measured in one of them, what the cell is among it.
 * @typedef {Readonly<Record<string, string | number | boolean>>} Cell
 *
 * @typedef {object} Rounds
 * @property {number} [rounds] at least 7; 11 by default
 * @property {number} [warmUps] rounds that do not count, before; 2 by default
 *
 * @typedef {Readonly<Record<string, readonly number[]>>} Series one value per case and round
 * @typedef {ReturnType<typeof createHarness>} Harness
 */

/** The units that time can be told in, in milliseconds. @type {Readonly<Record<string, number>>} */
const UNITS = { ns: 1e-6, us: 1e-3, ms: 1, s: 1_000 };

/** @param {string} unit */
const millisecondsOf = (unit) => {
  const factor = UNITS[unit];
  if (factor === undefined)
    throw new RangeError(`Expected a unit among ${Object.keys(UNITS).join(', ')}, got '${unit}'`);
  return factor;
};

/** Where results go, so that they are used. @type {{ value: unknown }} */
const drain = { value: undefined };

/** @param {string} name @param {unknown} sink */
const consume = (name, sink) => {
  if (sink === undefined) {
    throw new TypeError(
      `Expected '${name}' to return a value made from its results, got undefined: it may measure nothing`,
    );
  }
  drain.value = sink;
};

/** @param {unknown} result @returns {result is TimedElsewhere} */
const isTimedElsewhere = (result) => typeof result === 'object' && result !== null && 'elapsedMs' in result;

/** The order of a round: each case is first as often as any other. @param {readonly string[]} names @param {number} round */
const orderOf = (names, round) => names.map((_, index) => names[(index + round) % names.length] ?? '');

/**
 * @param {object} [options]
 * @param {(line: string) => void} [options.progress]
 * @param {() => number} [options.now] milliseconds, monotonic
 */
export const createHarness = ({ progress = () => {}, now = () => performance.now() } = {}) => {
  /** @type {Row[]} */
  const rows = [];
  /** @type {Figure[]} */
  const figures = [];
  /** @type {Cell[]} */
  const cells = [];
  /** @type {string[]} */
  const notes = [];

  /** @param {Rounds} options */
  const checkRounds = ({ rounds = DEFAULT_ROUNDS, warmUps = DEFAULT_WARM_UPS }) => {
    if (rounds < FEWEST_ROUNDS) throw new RangeError(`Expected at least ${FEWEST_ROUNDS} rounds, got ${rounds}`);
    return { rounds, warmUps };
  };

  /**
   * Runs every case once per round, `measure` giving its value of that round.
   *
   * @template T
   * @param {Readonly<Record<string, T>>} cases
   * @param {Rounds} options
   * @param {(name: string, each: T, counts: boolean) => Promise<number>} measure
   * @returns {Promise<Series>}
   */
  const interleave = async (cases, options, measure) => {
    const { rounds, warmUps } = checkRounds(options);
    const names = Object.keys(cases);
    /** @type {Record<string, number[]>} */
    const series = Object.fromEntries(names.map((name) => [name, []]));
    for (let round = -warmUps; round < rounds; round += 1) {
      progress(round < 0 ? 'warm-up' : `round ${round + 1} of ${rounds}`);
      for (const name of orderOf(names, round + warmUps)) {
        const value = await measure(name, /** @type {T} */ (cases[name]), round >= 0);
        if (round >= 0) series[name]?.push(value);
      }
    }
    return series;
  };

  /** @param {string} name @param {Batch} batch @param {number} count @returns {Promise<number>} elapsed ms */
  const timeBatch = async (name, batch, count) => {
    const startedAt = now();
    const result = batch(count);
    const settled = result instanceof Promise ? await result : result;
    const elapsedMs = now() - startedAt;
    if (isTimedElsewhere(settled)) {
      consume(name, settled.sink);
      return settled.elapsedMs;
    }
    consume(name, settled);
    return elapsedMs;
  };

  /** How often a batch has to run its operation to take so long. @param {string} name @param {Batch} batch @param {number} batchMs */
  const calibrate = async (name, batch, batchMs) => {
    let count = 1;
    for (;;) {
      const elapsedMs = await timeBatch(name, batch, count);
      if (elapsedMs < batchMs / 2 && count >= LARGEST_BATCH) {
        throw new RangeError(
          `Expected '${name}' to take time, got ${elapsedMs} ms for ${count} operations: it measures nothing`,
        );
      }
      if (elapsedMs >= batchMs / 2) {
        return Math.max(1, Math.round((count * batchMs) / Math.max(elapsedMs, 1e-6)));
      }
      count *= elapsedMs < batchMs / 20 ? 8 : 2;
    }
  };

  /**
   * Compares operations that are too short to be timed one by one: each batch runs its own `count` times.
   *
   * @param {Readonly<Record<string, Batch>>} cases
   * @param {Rounds & { unit?: string, batchMs?: number }} [options] `batchMs`: about how long a batch takes; 100 by default
   * @returns {Promise<Series>} time per operation in `unit` ('ns' by default), one value per round
   */
  const throughput = async (cases, { unit = 'ns', batchMs = DEFAULT_BATCH_MS, ...options } = {}) => {
    const factor = millisecondsOf(unit);
    /** @type {Map<string, number>} */
    const counts = new Map();
    for (const [name, batch] of Object.entries(cases)) counts.set(name, await calibrate(name, batch, batchMs));
    const series = await interleave(cases, options, async (name, batch) => {
      const count = counts.get(name) ?? 1;
      return (await timeBatch(name, batch, count)) / count / factor;
    });
    for (const [name, values] of Object.entries(series)) row(name, unit, values);
    return series;
  };

  /**
   * Compares operations that are timed one by one. A row tells of all of them; the series has each round's median.
   *
   * @param {Readonly<Record<string, Operation>>} cases each returns something made from its result
   * @param {Rounds & { unit?: string, count?: number }} [options] `count`: operations a round; 200 by default
   * @returns {Promise<Series>} in `unit` ('us' by default), one value per round
   */
  const latency = async (cases, { unit = 'us', count = 200, ...options } = {}) => {
    const factor = millisecondsOf(unit);
    /** @type {Map<string, number[]>} */
    const all = new Map(Object.keys(cases).map((name) => [name, []]));
    const series = await interleave(cases, options, async (name, operation, counts) => {
      const values = [];
      for (let index = 0; index < count; index += 1) {
        const startedAt = now();
        const result = operation();
        const settled = result instanceof Promise ? await result : result;
        const elapsedMs = now() - startedAt;
        const timed = isTimedElsewhere(settled);
        consume(name, timed ? settled.sink : settled);
        values.push((timed ? settled.elapsedMs : elapsedMs) / factor);
      }
      if (counts) all.get(name)?.push(...values);
      return median(values);
    });
    for (const [name, values] of all) row(name, unit, values);
    return series;
  };

  /** Adds a row of values that a suite has measured itself. @param {string} name @param {string} unit @param {readonly number[]} values */
  const row = (name, unit, values) => {
    rows.push({ name, ...summarize(values), unit });
  };

  /**
   * Adds a figure.
   *
   * @param {string} name
   * @param {number} value
   * @param {{ atMost?: number, atLeast?: number }} [bar] none: only reported
   */
  const figure = (name, value, { atMost, atLeast } = {}) => {
    const bar = atMost ?? atLeast ?? null;
    const met = bar === null ? null : atMost === undefined ? value >= bar : value <= bar;
    figures.push({ name, value, bar, met });
    return value;
  };

  /**
   * Adds the figure of one case over another: the median of the ratios of the rounds.
   *
   * @param {string} name
   * @param {readonly number[] | undefined} numerator one value per round
   * @param {readonly number[] | undefined} denominator of the same rounds
   * @param {{ atMost?: number, atLeast?: number }} [bar]
   */
  const ratio = (name, numerator = [], denominator = [], bar = {}) => {
    if (numerator.length === 0 || numerator.length !== denominator.length) {
      throw new RangeError(
        `Expected two series of the same rounds, got ${numerator.length} and ${denominator.length} values`,
      );
    }
    const ratios = numerator.map((value, round) => value / (denominator[round] ?? NaN));
    return figure(name, median(ratios), bar);
  };

  /** Adds what was measured once in one cell. @param {Cell} values */
  const cell = (values) => void cells.push(values);

  /** Says what a reader of the figures has to know: what could not be measured, and why. @param {string} text */
  const note = (text) => void notes.push(text);

  return {
    progress,
    throughput,
    latency,
    row,
    figure,
    ratio,
    cell,
    note,
    results: () => ({ rows, figures, cells, notes }),
  };
};
