/** `tokenvisor/testing`: what helps to test code that uses tokenvisor. */
export type { Clock, Instant, Timer } from '../clock.js';
export { killChildThread, killSupervisorThread } from './kill.js';
export { createSimulatedClock, type SimulatedClock } from './simulated-clock.js';
