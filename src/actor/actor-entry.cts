/**
 * What Piscina loads in an actor's thread. CommonJS, and all of it by require: an ES module entry takes seconds to load
 * while libuv's pool is full. The build bundles it into one file; what is required below is in it too, and runs when an
 * actor asks for it by its URL, as it asks for a module of a user's.
 */
import actorThread = require('./actor-thread.js');
import loadModule = require('./load-module.js');

loadModule.registerBundled({
  '../credential/actor.js': () => require('../credential/actor.js') as unknown,
  '../inbound/break-glass/actor.js': () => require('../inbound/break-glass/actor.js') as unknown,
  '../inbound/token-set/actor.js': () => require('../inbound/token-set/actor.js') as unknown,
  '../inbound/jwt/jwt-verifier.js': () => require('../inbound/jwt/jwt-verifier.js') as unknown,
  '../inbound/ledger/ledger-actor.js': () => require('../inbound/ledger/ledger-actor.js') as unknown,
  '../providers/grants/client-credentials.js': () => require('../providers/grants/client-credentials.js') as unknown,
  '../providers/grants/google-service-account.js': () =>
    require('../providers/grants/google-service-account.js') as unknown,
  '../providers/grants/jwt-bearer.js': () => require('../providers/grants/jwt-bearer.js') as unknown,
  '../providers/grants/refresh-token.js': () => require('../providers/grants/refresh-token.js') as unknown,
  '../providers/grants/token-exchange.js': () => require('../providers/grants/token-exchange.js') as unknown,
  '../providers/jwt-signer.js': () => require('../providers/jwt-signer.js') as unknown,
  '../storage/lmdb-store.js': () => require('../storage/lmdb-store.js') as unknown,
  '../storage/memory-store.js': () => require('../storage/memory-store.js') as unknown,
  '../storage/postgres/postgres-store.js': () => require('../storage/postgres/postgres-store.js') as unknown,
});

export = actorThread.runActor;
