/** The text and the plots of each suite. */
import { bars, groups, lines } from './plots.mjs';

/**
 * @typedef {import('../results.mjs').Report} Report
 * @typedef {import('../results.mjs').Row} Row
 * @typedef {{ title: string, about: string, plots: (report: Report) => Record<string, string> }} Section
 */

/** @param {readonly Row[]} rows @param {string} unit */
const inUnit = (rows, unit) => rows.filter((row) => row.unit === unit);

/** @type {Readonly<Record<(typeof import('../suites.mjs').SUITES)[number], Section>>} */
export const SECTIONS = {
  hostile: {
    title: 'A main thread that stalls',
    about:
      "The main thread stalls repeatedly for the given time; libuv's pool is free, or full; tokens live for 4 s. In between, users ask for a token (`asked`, in all threads). `expired` counts tokens that had ended, by the server's record, when the user got them; `in vain` counts requests without a token. The waits are the main thread's; the mints are those of a cell with one reading thread, and of one with four. Peers are used as documented (see [their code](../../test/bench/support/peers.mjs)), with the same lead of a quarter of the life, and one instance in each thread, because none of them works across threads. A `setInterval` does as well here, and reads faster: no stall is longer than its lead of 1 s. After a longer stall, or when the server is away (below), it has no token, and it mints in each thread.",
    plots: ({ cells }) =>
      Object.fromEntries(
        ['free', 'full'].flatMap((state) =>
          ['p99', 'max'].map((which) => [
            `wait-${which}-pool-${state}`,
            lines(
              cells.filter(({ pool }) => pool === state),
              { x: 'stall, ms', y: `wait ${which}, ms`, series: 'peer', logarithmic: true },
            ),
          ]),
        ),
      ),
  },
  outage: {
    title: 'A server that is away, and then busy',
    about:
      'For 10 s the authorization server ends every connection, for 10 s more it answers 429 with a Retry-After of 2 s; 50 users on 4 threads go on asking. Tokens live for 8 s, so no token is valid for most of that time: the figures to compare are the load on the server, and the time until all threads have a good token again. Our back-off doubles up to 30 s and is random, so that a fleet does not come back all at once, and the time to recover differs from run to run (7 and 19 s were seen). So with its defaults tokenvisor is the last to recover here, because it spares the server; [`retryEveryMs`](../how-to/tune-refresh.md) sets a fixed wait, for tokens as short as these. A client that asks the server for every user recovers sooner. A user with an immediate answer asks more often than one who waits, so the percentages have different bases.',
    plots: ({ cells }) => ({
      requests: groups(
        cells.flatMap((cell) =>
          ['requests while away', 'requests while busy'].map((phase) => ({
            phase: phase.replace('requests ', ''),
            peer: cell['peer'] ?? '',
            requests: cell[phase] ?? 0,
          })),
        ),
        { group: 'phase', name: 'peer', value: 'requests' },
      ),
    }),
  },
  reads: {
    title: 'A read',
    about:
      'Repeated reads of a good token. The floor (the base line of this page) is the minimum for a reader of a shared, expiring token: load a word, read the clock. A plain object and the variable of a `setInterval` check no clock, and return expired tokens.',
    plots: ({ rows }) => ({ ns: bars(inUnit(rows, 'ns')) }),
  },
  calls: {
    title: 'A call, and a cast',
    about:
      'From the main thread to an actor and back, beside a bare `MessagePort`, a bare Comlink echo and a Piscina task, each with a waiting thread. A waiting thread takes 5 us to wake up, or 50, for seconds at a time, independently of the other threads: so the medians jump, and awaited calls are compared by the 5th percentile of all. In the unawaited rows, the threads are awake. One way, a batch ends when the thread has received all of it.',
    plots: ({ rows }) => ({ us: bars(inUnit(rows, 'us')) }),
  },
  recovery: {
    title: 'From a death to fresh again',
    about:
      'With a token in the snapshot readers have it without a pause, and the time is that to the successor; without one it is the time to its first token. The plot shows the rows with the main thread idle. A full pool makes all of it slower, because its jobs fill the two cores as well; a blocked main thread could not terminate a thread from outside. Since this measurement, a silent thread is checked for at least 0.5 s before it is terminated as hung, so a loop takes 0.3 to 0.5 s more.',
    plots: ({ cells }) => ({
      p50: groups(
        cells
          .filter(({ condition }) => condition === 'main idle')
          .map((cell) => ({ ...cell, token: cell['token'] === 'without' ? 'without a token' : 'with a token' })),
        { group: 'token', name: 'death', value: 'p50, ms' },
      ),
    }),
  },
  threads: {
    title: 'What a thread costs',
    about: 'Resident memory, and the time from the start until all are fresh, beside idle worker threads.',
    plots: ({ cells }) => ({
      memory: lines(cells, { x: 'count', y: 'memory, MB', series: 'of', zero: true }),
      start: lines(cells, { x: 'count', y: 'start, ms', series: 'of', zero: true }),
    }),
  },
  table: {
    title: 'The shared table, and the stores on it',
    about:
      'Ten million entries; then a ledger, a break-glass token and a token set, compared with Map, lmdb and Redis.',
    plots: ({ rows }) => ({ ns: bars(inUnit(rows, 'ns')) }),
  },
  soak: {
    title: 'Ten minutes',
    about:
      '20 credentials whose tokens live for 5 s; processor time is of the whole process. In ten minutes the memory still settles; [Performance](../explanation/performance.md#memory-over-time) has the later course.',
    plots: ({ cells }) => ({ memory: lines(cells, { x: 'second', y: 'resident, MB', zero: true }) }),
  },
};
