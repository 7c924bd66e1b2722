import { memoryStore } from 'tokenvisor/storage';
import { describeStore } from './contract.js';

describeStore('memoryStore()', () => Promise.resolve({ reference: memoryStore, durable: false }));

describeStore("a store of one's own", () =>
  Promise.resolve({
    reference: () => ({ module: new URL('./fixtures/own-store.mjs', import.meta.url), options: { prefix: 'mine' } }),
    durable: false,
  }),
);
