/**
 * What the thread of any other kind runs, one of a user's own included: all that a credential's has, and the kinds for
 * tokens of others with their stores. Bundled into one file as well.
 */
import runActor = require('./credential-runtime.cjs');
import loadModule = require('./load-module.js');

loadModule.registerBundled({
  '../inbound/break-glass/actor.js': () => require('../inbound/break-glass/actor.js') as unknown,
  '../inbound/token-set/actor.js': () => require('../inbound/token-set/actor.js') as unknown,
  '../inbound/jwt/jwt-verifier.js': () => require('../inbound/jwt/jwt-verifier.js') as unknown,
  '../inbound/ledger/ledger-actor.js': () => require('../inbound/ledger/ledger-actor.js') as unknown,
  '../storage/lmdb-store.js': () => require('../storage/lmdb-store.js') as unknown,
  '../storage/memory-store.js': () => require('../storage/memory-store.js') as unknown,
  '../storage/postgres/postgres-store.js': () => require('../storage/postgres/postgres-store.js') as unknown,
});

export = runActor;
