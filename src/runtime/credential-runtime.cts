/**
 * The code of a credential's thread: the actor's runtime, the credential, the grants. The build bundles it into one
 * file, including the modules required below, which run when an actor asks for them by URL, as for a user's module.
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
