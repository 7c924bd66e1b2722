// @ts-check
/**
 * The main job: tokens stay fresh on a busy server while actors crash and the authorization server is away; then two peers.
 *
 * Separate processes: a real authorization server, an API that verifies each token, and a server whose main thread is
 * busy nine tenths of the time. The same load is run three times: on tokenvisor, on a setInterval refresher, and on a
 * client that refreshes lazily. Only tokenvisor has actors to kill; stalls, a full pool and outages are the same for all.
 *
 *   npm run demo -- [--seconds N] [--json]
 */
import { parseArgs } from 'node:util';
import { startAuthorizationServer } from '../support/authorization-server.js';
import { CREDENTIALS, LIFE_S, READER_THREADS, SINGLE_USE, perCredential } from './parameters.js';
import { endAll, runServer, startApi } from './processes.js';
import { Display } from './table.js';
import { differenceOf, faultsOf, verdictTable } from './verdict.js';

/** Enough for each kind of fault, and a refresh. */
const LEAST_SECONDS = 6;
const MOST_SECONDS = 3_600;
/** Beside the load itself: the start and the end of a server on a busy machine. */
const AROUND_MS = 30_000;

const readArguments = () => {
  const { values } = parseArgs({ options: { seconds: { type: 'string', default: '10' }, json: { type: 'boolean' } } });
  const seconds = Number(values.seconds);
  if (!(seconds >= LEAST_SECONDS && seconds <= MOST_SECONDS)) {
    throw new Error(`Expected --seconds to be from ${LEAST_SECONDS} to ${MOST_SECONDS}, got '${values.seconds}'`);
  }
  return { seconds, json: values.json === true };
};

const main = async () => {
  const { seconds, json } = readArguments();
  const server = await startAuthorizationServer({ accessTokenLifeS: LIFE_S, clients: [...CREDENTIALS] });
  try {
    const api = await startApi(server.issuer);
    const clients = perCredential((name) => server.client(name));
    const display = new Display(process.stdout);

    /** @param {import('./parameters.js').Contender} contender */
    const run = async (contender) => {
      /** @type {[string, ...string[]]} */
      const refreshTokens = [await server.issueRefreshToken(SINGLE_USE)];
      const owners = contender === 'ours' ? 1 : 1 + READER_THREADS;
      while (refreshTokens.length < owners) refreshTokens.push(await server.issueRefreshToken(SINGLE_USE));
      let outages = 0;
      /** @type {Promise<void>} */
      let away = Promise.resolve();
      const result = await runServer(
        { contender, seconds, issuer: server.issuer, api, clients, refreshTokens },
        (report) => {
          if (report.kind === 'outage') {
            away = away.then(() => server.away(report.ms));
            outages += 1;
          }
          if (report.kind === 'state') {
            report.summary.happened['outage'] = outages;
            display.show(report);
          }
        },
        seconds * 1_500 + AROUND_MS,
      );
      await away;
      result.summary.happened['outage'] = outages;
      return result;
    };

    /** @param {import('./parameters.js').Contender} contender @param {string} title */
    const show = async (contender, title) => {
      display.title(title);
      const result = await run(contender);
      const busy = (100 * result.busy).toFixed(0);
      console.log(`  ${result.seconds.toFixed(1)} s; the main thread was busy for ${busy} % of them`);
      return result;
    };
    const ours = await show('ours', 'tokenvisor: one actor per credential, read by five threads; threads are killed');
    const interval = await show('interval', 'A setInterval refresher in each of the five threads; nothing is killed');
    const lazy = await show('lazy', 'A lazily refreshing client in each of the five threads; nothing is killed');

    const summaries = { ours: ours.summary, interval: interval.summary, lazy: lazy.summary };
    const faults = faultsOf(ours.summary, ours.accepted);
    console.log(`\n${verdictTable(summaries)}\n`);
    if (faults.length === 0) console.log('  tokenvisor: no expired token, no refused call, no gap, no wait.');
    console.log(`  ${differenceOf(summaries)}`);
    for (const fault of faults) console.log(`  tokenvisor failed: ${fault}.`);
    if (json) console.log(JSON.stringify(summaries));
    process.exitCode = faults.length === 0 ? 0 : 1;
  } finally {
    endAll();
    await server.close();
  }
};

for (const [signal, number] of /** @type {const} */ ([
  ['SIGINT', 2],
  ['SIGTERM', 15],
  ['SIGHUP', 1],
])) {
  process.once(signal, () => {
    // The authorization server ends when its channel to this process does.
    endAll();
    process.exit(128 + number);
  });
}

try {
  await main();
} catch (error) {
  console.error(`The demo failed: ${error.message}`);
  process.exitCode = 1;
}
