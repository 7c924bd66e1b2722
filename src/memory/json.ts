/** Records whose payload is JSON. */
import { type STATUS } from './layout.js';
import { readRecord } from './record.js';
import type { SharedWords } from './words.js';

const decoder = new TextDecoder();

/** @internal The JSON of a record, or undefined if there is none. */
export const readJson = (words: SharedWords, place: typeof STATUS): unknown => {
  const record = readRecord(words, place);
  return record.payload && parsedJson(decoder.decode(record.payload));
};

/** @internal Parses JSON; undefined if it is invalid, because the memory may have been overwritten. */
export const parsedJson = (text: string): unknown => {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return undefined;
  }
};
