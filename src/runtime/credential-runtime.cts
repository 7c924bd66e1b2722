/**
 * What a credential's thread runs: the actor's runtime, the credential, the grants. The build bundles it into one file;
 * what is required below is in it too, and runs when an actor asks for it by its URL, as it asks for a module of a user's.
 */
import actorThread = require('../actor/thread-main.js');
import loadModule = require('../core/load-module.js');

loadModule.registerBundled({
  '../kinds/credential/behaviour.js': () => require('../kinds/credential/behaviour.js') as unknown,
  '../grants/client-credentials-provider.js': () => require('../grants/client-credentials-provider.js') as unknown,
  '../grants/google-service-account-provider.js': () =>
    require('../grants/google-service-account-provider.js') as unknown,
  '../grants/jwt-bearer-provider.js': () => require('../grants/jwt-bearer-provider.js') as unknown,
  '../grants/refresh-token-provider.js': () => require('../grants/refresh-token-provider.js') as unknown,
  '../grants/token-exchange-provider.js': () => require('../grants/token-exchange-provider.js') as unknown,
  '../oauth/signer.js': () => require('../oauth/signer.js') as unknown,
});

export = actorThread.runActor;
