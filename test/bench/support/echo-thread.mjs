/** A bare Comlink echo: what a call can't be faster than. And one with no library, that answers what is not 0. */
import * as Comlink from 'comlink';
import { workerData } from 'node:worker_threads';

Comlink.expose({ echo: (/** @type {unknown} */ value) => value }, workerData.port);
workerData.raw.on('message', (/** @type {unknown} */ value) => {
  if (value !== 0) workerData.raw.postMessage(value);
});
