/**
 * What Piscina loads in an actor's thread. CommonJS, and all of it by require: an ES module entry takes seconds to load
 * while libuv's pool is full.
 */
import actorThread = require('./actor-thread.js');

export = actorThread.runActor;
