/**
 * What Piscina loads in an actor's thread. CommonJS, and all of it by require: an ES module entry takes seconds to load
 * while libuv's pool is full. It loads one of two bundles, by what the thread is for: a server has many credentials, and a
 * third of what there is no credential runs, but its thread would read and parse it at each start.
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
