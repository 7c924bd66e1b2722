/**
 * The file that the supervisor thread loads. CommonJS, loaded by require: an ES module entry takes seconds to load
 * while libuv's pool is full.
 */
import supervisorThread = require('../supervision/thread/supervisor-thread.js');

supervisorThread.runSupervisor();
