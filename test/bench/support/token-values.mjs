/**
 * Tokens that say when they end, by the clock that all processes of a machine share, so that a reader can
 * tell whether it had ended.
 */
import { monoMs } from './clock.mjs';

/** @param {number} number @param {number} lifeS */
export const issueValue = (number, lifeS) => `fake.${number}.${Math.floor(monoMs() + lifeS * 1_000)}`;

/** How long it was over at that time, ms; negative while it is good. @param {string} value @param {number} atMs */
export const overdueMs = (value, atMs) => atMs - Number(value.split('.')[2]);
