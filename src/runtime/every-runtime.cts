/**
 * The code of all other kinds' threads, custom ones included: all of a credential's, and the kinds for incoming tokens
 * with their stores. Also bundled into one file.
 */
import runActor = require('./credential-runtime.cjs');
import loadModule = require('../core/load-module.js');

loadModule.registerBundled({
  '../kinds/break-glass/behaviour.js': () => require('../kinds/break-glass/behaviour.js') as unknown,
  '../kinds/token-set/behaviour.js': () => require('../kinds/token-set/behaviour.js') as unknown,
  '../jwt/jwt-verifier.js': () => require('../jwt/jwt-verifier.js') as unknown,
  '../kinds/ledger/ledger-actor.js': () => require('../kinds/ledger/ledger-actor.js') as unknown,
  '../storage/lmdb/lmdb-store.js': () => require('../storage/lmdb/lmdb-store.js') as unknown,
  '../storage/memory/memory-store.js': () => require('../storage/memory/memory-store.js') as unknown,
  '../storage/postgres/postgres-store.js': () => require('../storage/postgres/postgres-store.js') as unknown,
});

export = runActor;
