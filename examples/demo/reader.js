// @ts-check
/** One reader, in a thread of the server's Piscina pool. */
import { workerData } from 'piscina';
import { Measures } from './measures.js';
import { readTokens } from './reading.js';
import { Signals } from './signals.js';
import { openSource } from './sources.js';

/** @param {{ thread: number }} task */
export default async ({ thread }) => {
  const { setup, handles } = workerData;
  const measures = new Measures(workerData.measures);
  const signals = new Signals(workerData.signals);
  const source = await openSource(setup, measures, thread, handles);
  signals.ready();
  await readTokens({ source, measures, signals, api: setup.api });
};
