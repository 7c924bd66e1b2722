/** Has the refresh loop say again what each actor's said: from the same state, event, instant and draws. */
import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import { deserialize } from 'node:v8';

/**
 * @typedef {import('../../src/kinds/credential/refresh/refresh-channel.js').RefreshTurn} Turn
 * @typedef {(typeof import('../../src/kinds/credential/refresh/refresh.js'))['refresh']} Refresh
 */

/** What was written whole: the thread may have been killed in its last record. @param {Buffer} bytes @returns {Turn[]} */
const turnsIn = (bytes) => {
  const turns = [];
  for (let at = 0; at + 4 <= bytes.length;) {
    const end = at + 4 + bytes.readUInt32LE(at);
    if (end > bytes.length) break;
    turns.push(deserialize(bytes.subarray(at + 4, end)));
    at = end;
  }
  return turns;
};

/** The turns of each thread, in order. @param {string} folder @returns {Generator<Turn[]>} */
export function* recordedIn(folder) {
  for (const file of readdirSync(folder)) {
    if (file.endsWith('.turns')) yield turnsIn(readFileSync(path.join(folder, file)));
  }
}

/**
 * @param {Turn[]} turns of one thread @param {Refresh} refresh
 * @returns {string[]} what is different
 */
export const replay = (turns, refresh) =>
  turns.flatMap(({ name, state, event, now, draws, effects }, index) => {
    const left = [...draws];
    const again = refresh(state, event, now, () => left.shift() ?? NaN);
    const next = turns[index + 1]?.state;
    const at = `turn ${index + 1} of ${name} (${event.kind})`;
    return [
      ...(isDeepStrictEqual(again.effects, effects) ? [] : [`${at} has other effects`]),
      ...(next === undefined || isDeepStrictEqual(again.state, next) ? [] : [`${at} leads to another state`]),
      ...(left.length === 0 ? [] : [`${at} draws less`]),
    ];
  });
