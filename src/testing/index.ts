/**
 * Tools for testing code that uses tokenvisor, or a custom kind.
 *
 * @module
 */
export type { Clock, Instant, Timer } from '../core/clock.js';
export type { TestAnswer } from './answers.js';
export { killChildThread, killSupervisorThread } from './kill.js';
export { createSimulatedClock, type SimulatedClock } from './simulated-clock.js';
export { createTestCredential, type TestCredential, type TestCredentialOptions } from './test-credential.js';
