/** What happened, as lines: for people, and for telling whether two runs were the same. */
import { createHash } from 'node:crypto';
import { inspect } from 'node:util';
import type { Observation } from './observation.js';

/** Any value in one line. */
export const line = (value: unknown): string =>
  value instanceof Error
    ? (value.stack ?? String(value))
    : inspect(value, { depth: 8, breakLength: Infinity, compact: 100, maxArrayLength: 10 });

const tell = (observation: Observation): unknown => {
  const { monoMs: _mono, wallMs: _wall, realMs: _real, ...rest } = observation;
  if (rest.kind === 'turn') {
    const { event, effects, draws } = rest.turn;
    return { turn: event, effects, draws };
  }
  return rest;
};

export class Trace {
  readonly #folder: string;
  readonly #most: number;
  readonly #hash = createHash('sha256');
  #lines: string[] = [];

  /** @param folder what no two runs have in common. */
  constructor(folder: string, most: number) {
    this.#folder = folder;
    this.#most = most;
  }

  add(observation: Observation): void {
    const text = line(tell(observation)).replaceAll(this.#folder, '');
    const whole = `${(observation.monoMs - 5_000_000).toFixed(3)} ${text}`;
    this.#hash.update(whole);
    const isSame = observation.kind === 'read' && this.#lines.at(-1)?.endsWith(text);
    if (!isSame) this.#lines.push(whole.length > 1_500 ? `${whole.slice(0, 1_500)} …` : whole);
    if (this.#lines.length > 4 * this.#most) this.#lines = this.last().slice();
  }

  last(): readonly string[] {
    return this.#lines.slice(-this.#most);
  }

  digest(): string {
    return this.#hash.digest('hex');
  }
}
