/**
 * The code of a credential's thread: the actor's runtime, the credential, the grants. The build bundles it into one
 * file, including the modules required below, which run when an actor asks for them by URL, as for a user's module.
 */
import actorThread = require('../actor/thread-main.js');
import loadModule = require('../core/load-module.js');

loadModule.registerBundled({
  '../kinds/credential/behaviour.js': () => require('../kinds/credential/behaviour.js') as unknown,
  '../oauth/signer.js': () => require('../oauth/signer.js') as unknown,
});

// esbuild puts each file into the bundle that the path may mean: so each grant.
loadModule.registerBundledFamily(
  '../grants/*-provider.js',
  (grant) => require(`../grants/${grant}-provider.js`) as unknown,
);

export = actorThread.runActor;
