/** Records whose payload is JSON. */
import { type STATUS } from './layout.js';
import { readRecord } from './record.js';
import type { SharedWords } from './words.js';

const decoder = new TextDecoder();

/** @internal The JSON of a record, if there is one. */
export const readJson = (words: SharedWords, place: typeof STATUS): unknown => {
  const record = readRecord(words, place);
  return record.payload && parsedJson(decoder.decode(record.payload));
};

/** @internal What is no JSON, in memory that something has scribbled in, is as if it were not there. */
export const parsedJson = (text: string): unknown => {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return undefined;
  }
};
