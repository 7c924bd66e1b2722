import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll } from 'vitest';
import { lmdbStore } from 'tokenvisor/storage';
import { describeStore } from './contract.js';

const folder = mkdtempSync(path.join(tmpdir(), 'tokenvisor-lmdb-'));
afterAll(() => rmSync(folder, { recursive: true }));

let count = 0;
describeStore('lmdbStore()', () =>
  Promise.resolve({ reference: () => lmdbStore(path.join(folder, `store-${++count}`)), durable: true }),
);
