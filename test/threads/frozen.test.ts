/** For longer than any bound by the clock would be: a stop of 16 s; test/long has those of 40 and 90 s. */
import { afterAll } from 'vitest';
import { testFrozen } from '../support/frozen-moments.js';
import { cleanUp } from '../support/supervised.js';

afterAll(cleanUp);

testFrozen(16_000);
