/** What the command and the tests use. */
export { Coverage } from './coverage.js';
export { describeFailure, runSeed } from './simulate.js';
