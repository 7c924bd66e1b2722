/** What is kept of a run: all that explains it afterwards. */
import { readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { deserialize, serialize } from 'node:v8';
import { recordedIn } from './replay.mjs';

/** Below the folder of a run: every turn of every actor. */
export const TURNS_FOLDER = 'turns';
/** Every event of the supervisor's, one a line, and when it was heard. */
export const EVENTS_FILE = 'events.jsonl';
const EVIDENCE_FILE = 'evidence.v8';

/**
 * @typedef {import('./case.mjs').Evidence & { puzzles: string[], statuses: Record<string, unknown> }} Kept `puzzles`: what
 *   nothing accounted for; `statuses`: of all children at the end
 */

/** @param {string} folder @param {Kept} kept */
export const keepEvidence = (folder, { threads: _, ...kept }) =>
  writeFileSync(path.join(folder, EVIDENCE_FILE), serialize(kept));

/** @param {string} folder @returns {Kept} */
export const evidenceIn = (folder) => ({
  ...deserialize(readFileSync(path.join(folder, EVIDENCE_FILE))),
  threads: [...recordedIn(path.join(folder, TURNS_FOLDER))],
});
