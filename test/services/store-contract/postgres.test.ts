import { afterAll, beforeAll } from 'vitest';
import { postgresStore } from 'tokenvisor/storage';
import { startPostgres, type TestPostgres } from '../../support/postgres.js';
import { describeStore } from './contract.js';

let postgres: TestPostgres;
beforeAll(async () => {
  postgres = await startPostgres();
});
afterAll(() => postgres.stop());

describeStore('postgresStore()', () =>
  Promise.resolve({
    reference: () => postgresStore({ connectionString: postgres.url, schema: postgres.newSchema() }),
    durable: true,
  }),
);
