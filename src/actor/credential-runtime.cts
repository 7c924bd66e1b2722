/**
 * What a credential's thread runs: the actor's runtime, the credential, the grants. The build bundles it into one file;
 * what is required below is in it too, and runs when an actor asks for it by its URL, as it asks for a module of a user's.
 */
import actorThread = require('./actor-thread.js');
import loadModule = require('./load-module.js');

loadModule.registerBundled({
  '../credential/actor.js': () => require('../credential/actor.js') as unknown,
  '../providers/grants/client-credentials.js': () => require('../providers/grants/client-credentials.js') as unknown,
  '../providers/grants/google-service-account.js': () =>
    require('../providers/grants/google-service-account.js') as unknown,
  '../providers/grants/jwt-bearer.js': () => require('../providers/grants/jwt-bearer.js') as unknown,
  '../providers/grants/refresh-token.js': () => require('../providers/grants/refresh-token.js') as unknown,
  '../providers/grants/token-exchange.js': () => require('../providers/grants/token-exchange.js') as unknown,
  '../providers/jwt-signer.js': () => require('../providers/jwt-signer.js') as unknown,
});

export = actorThread.runActor;
