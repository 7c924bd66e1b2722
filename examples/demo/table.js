// @ts-check
/** The output while a load runs: a table that is redrawn in a terminal; else a line a second. */

const BAR = 24;
const LINE_EVERY_S = 1;
const ESCAPE = '\u001b[';

/** @typedef {import('./report-channel.js').StateReport} StateReport */

/** @param {string} text @param {number} width */
const fit = (text, width) => (text.length > width ? `${text.slice(0, width - 1)}…` : text.padEnd(width));

/** Time to expiry: full for a new token. @param {import('./report-channel.js').CredentialReport} credential */
const barOf = ({ issuedAtMs, expiresAtMs }) => {
  const leftMs = Math.max(0, expiresAtMs - Date.now());
  const full = Math.round((BAR * leftMs) / Math.max(1, expiresAtMs - issuedAtMs));
  return `${'█'.repeat(Math.min(BAR, full)).padEnd(BAR, '░')} ${(leftMs / 1_000).toFixed(1)} s`;
};

/** @param {number} ms */
export const showMs = (ms) =>
  ms < 1 ? `${(ms * 1_000).toFixed(1)} µs` : ms < 1_000 ? `${ms.toFixed(1)} ms` : `${(ms / 1_000).toFixed(2)} s`;

/** @param {import('./report-channel.js').Summary} summary */
const countsOf = ({ handedOut, expired, unavailable, refused, waitMs }) =>
  `${handedOut} handed out, ${expired} expired, ${unavailable} times none, ${refused} refused by the API; ` +
  `wait p99 ${showMs(waitMs.p99)}, max ${showMs(waitMs.max)}`;

/** @param {Record<string, number>} happened */
const mishapsOf = (happened) => {
  const { throw: thrown, exit, loop, terminate, supervisorDeath, outage } = happened;
  const deaths = `thrown ${thrown}, exited ${exit}, hung ${loop}, terminated ${terminate}`;
  return `deaths: ${deaths}; supervisor thread ${supervisorDeath}; outages ${outage}`;
};

/** @param {StateReport} report @param {number} columns */
const tableOf = ({ credentials, summary }, columns) => {
  const lines = [`  ${countsOf(summary)}`];
  if (credentials.length === 0) return [...lines, `  outages ${summary.happened.outage}`];
  lines.push(
    `  ${mishapsOf(summary.happened)}`,
    '',
    `  ${fit('credential', 11)}${fit('state', 12)}${fit('expires in', BAR + 8)}${'refreshes'.padStart(9)}${'restarts'.padStart(10)}  last error`,
  );
  for (const credential of credentials) {
    const { name, state, refreshes, restarts, lastError } = credential;
    const numbers = `${String(refreshes).padStart(9)}${String(restarts).padStart(10)}`;
    lines.push(`  ${fit(name, 11)}${fit(state, 12)}${fit(barOf(credential), BAR + 8)}${numbers}  ${lastError}`);
  }
  return lines.map((line) => (line.length > columns ? fit(line, columns) : line));
};

/** @param {StateReport} report */
const lineOf = ({ elapsedS, credentials, summary }) => {
  const states = credentials.map(({ name, state, expiresAtMs, refreshes, restarts, lastError }) => {
    const leftS = Math.max(0, (expiresAtMs - Date.now()) / 1_000).toFixed(1);
    const error = lastError === '' ? '' : `, ${lastError}`;
    return `\n      ${name}: ${state}, expires in ${leftS} s, ${refreshes} refreshes, ${restarts} restarts${error}`;
  });
  return `  ${elapsedS.toFixed(0).padStart(3)} s  ${countsOf(summary)}${states.join('')}`;
};

/** Shows the reports of one load. */
export class Display {
  #output;
  #drawn = 0;
  #nextLineS = LINE_EVERY_S;

  /** @param {NodeJS.WriteStream} output */
  constructor(output) {
    this.#output = output;
  }

  /** @param {string} text */
  title(text) {
    this.#output.write(`\n${text}\n`);
    this.#drawn = 0;
    this.#nextLineS = LINE_EVERY_S;
  }

  /** @param {StateReport} report */
  show(report) {
    if (this.#output.isTTY) return this.#draw(tableOf(report, this.#output.columns || 120));
    if (report.elapsedS < this.#nextLineS) return;
    this.#nextLineS = Math.floor(report.elapsedS) + LINE_EVERY_S;
    this.#output.write(`${lineOf(report)}\n`);
  }

  /** Overwrites the last drawing. @param {string[]} lines */
  #draw(lines) {
    const up = this.#drawn > 0 ? `${ESCAPE}${this.#drawn}A` : '';
    this.#output.write(up + lines.map((line) => `${ESCAPE}2K${line}\n`).join(''));
    this.#drawn = lines.length;
  }
}
