/**
 * The file that Piscina loads in a thread that verifies tokens. CommonJS, loaded by require: an ES module entry takes
 * seconds to load while libuv's pool is full.
 */
import verifyThread = require('../jwt/verify-thread.js');

export = verifyThread.verifyJob;
