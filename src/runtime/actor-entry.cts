/**
 * The file that Piscina loads in an actor's thread. CommonJS, loaded by require: an ES module entry takes seconds to
 * load while libuv's pool is full. It loads one of two bundles by the kind of the child: a server has many credentials,
 * which don't use a third of the code, and each thread would read and parse it at its start.
 */
import type actorThread = require('../actor/thread-main.js');

/** As `packageModule` names it. */
const CREDENTIAL = 'tokenvisor:kinds/credential/behaviour.js';

const runActor: typeof actorThread.runActor = (start) => {
  const runtime = (
    start.module === CREDENTIAL ? require('./credential-runtime.cjs') : require('./every-runtime.cjs')
  ) as typeof actorThread.runActor;
  return runtime(start);
};

export = runActor;
