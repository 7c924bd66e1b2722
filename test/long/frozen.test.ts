/** Stops of a process that are longer than every bound by the clock. */
import { afterAll } from 'vitest';
import { testFrozen } from '../support/frozen-moments.js';
import { cleanUp } from '../support/supervised.js';

afterAll(cleanUp);

testFrozen(40_000);
testFrozen(90_000);
