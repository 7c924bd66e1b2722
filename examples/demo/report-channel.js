// @ts-check
/** How the server process reports: JSON lines on a file descriptor of its own, which any thread can write to. */
import { writeSync } from 'node:fs';

/** In the server; in the parent the index of its `stdio`. */
export const REPORTS = 4;

/**
 * @typedef {object} CredentialReport
 * @property {string} name
 * @property {string} state
 * @property {number} issuedAtMs
 * @property {number} expiresAtMs
 * @property {number} mints
 * @property {number} refreshes
 * @property {number} restarts
 * @property {string} lastError
 *
 * @typedef {object} Summary what the demo's JSON says of each contender
 * @property {number} handedOut
 * @property {number} expired
 * @property {number} refused
 * @property {number} unavailable
 * @property {{ p50: number, p99: number, max: number }} waitMs
 * @property {number} refreshes
 * @property {number} mints
 * @property {number} restarts
 * @property {Record<string, number>} happened
 *
 * @typedef {{ kind: 'state', elapsedS: number, credentials: CredentialReport[], summary: Summary }} StateReport
 * @typedef {{ kind: 'result', summary: Summary, accepted: number, busy: number, seconds: number }} ResultReport
 * @typedef {StateReport | ResultReport | { kind: 'outage', ms: number }} Report
 */

/** Blocks for the write, and needs no other thread. @param {Report} report */
export const tell = (report) => writeSync(REPORTS, `${JSON.stringify(report)}\n`);
