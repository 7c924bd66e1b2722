// @ts-check
/**
 * The server's thread that no stall reaches: it ends the load, causes the faults, and reports to
 * the parent process ten times a second, straight to a file descriptor.
 */
import { workerData } from 'node:worker_threads';
import { attach } from 'tokenvisor';
import { Chaos } from './chaos.js';
import { CREDENTIALS, perCredential } from './parameters.js';
import { Measures } from './measures.js';
import { tell } from './report-channel.js';
import { Signals, until } from './signals.js';

const REPORT_EVERY_MS = 100;
/** The peers' outages are as many as ours. */
const PEER_OUTAGE_EVERY_MS = 3_500;
const PEER_OUTAGE_MS = 900;

/**
 * A credential's line of the report.
 * @param {import('tokenvisor').CredentialReader} reader
 * @returns {import('./report-channel.js').CredentialReport}
 */
const stateOf = (reader) => {
  const {
    name,
    state,
    issuedAtMs = 0,
    expiresAtMs = 0,
    refreshes,
    mints,
    restarts,
    lastFailure,
    lastExit,
  } = reader.status();
  const failedLast = (lastFailure?.atMs ?? 0) > (lastExit?.atMs ?? 0);
  const lastError = failedLast ? lastFailure?.message : lastExit && describeExit(lastExit.reason);
  return { name, state, issuedAtMs, expiresAtMs, refreshes, mints, restarts, lastError: lastError ?? '' };
};

/** @param {import('tokenvisor').ExitReason} reason */
const describeExit = (reason) => {
  switch (reason.kind) {
    case 'crash':
      return `died: ${reason.error.message}`;
    case 'exit':
      return `died: process.exit(${reason.code})`;
    case 'hung':
      return 'killed: its event loop hung';
    case 'killed':
      return 'died: its thread was terminated';
    default:
      return `ended: ${reason.kind}`;
  }
};

/** @type {import('./parameters.js').Setup} */
const setup = workerData.setup;
/** @type {import('./credentials.js').Handles | undefined} */
const handles = workerData.handles;
/** @type {import('./parameters.js').PerCredential<SharedArrayBuffer>} */
const crashWords = workerData.crashWords;
const measures = new Measures(workerData.measures);
const signals = new Signals(workerData.signals);
const readers = handles && perCredential((name) => attach(handles[name]));

/** @param {number} ms */
const requestOutage = (ms) => tell({ kind: 'outage', ms });

await until(() => signals.started);
const startedMs = performance.now();
const endMs = startedMs + setup.seconds * 1_000;

const report = () => {
  const credentials = readers ? CREDENTIALS.map((name) => stateOf(readers[name])) : [];
  const elapsedS = (performance.now() - startedMs) / 1_000;
  tell({ kind: 'state', elapsedS, credentials, summary: measures.summary() });
};
const reporting = setInterval(report, REPORT_EVERY_MS);

if (readers) {
  const chaos = new Chaos({ readers, crashWords, measures, signals, requestOutage });
  void chaos.run(endMs);
  // On a slow machine the load lasts until everything has happened; but not for ever.
  const lastMs = endMs + setup.seconds * 500;
  await until(() => performance.now() > endMs && (chaos.complete || performance.now() > lastMs));
} else {
  const outages = setInterval(() => requestOutage(PEER_OUTAGE_MS), PEER_OUTAGE_EVERY_MS);
  await until(() => performance.now() > endMs);
  clearInterval(outages);
}
clearInterval(reporting);
report();
signals.end();
