/** What the command and the tests use. */
export { Coverage } from './coverage.js';
export { describeFailure, runKept, runSeed } from './simulate.js';
