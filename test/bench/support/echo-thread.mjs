/** A bare Comlink echo: what a call can't be faster than. */
import * as Comlink from 'comlink';
import { workerData } from 'node:worker_threads';

Comlink.expose({ echo: (/** @type {unknown} */ value) => value }, workerData.port);
