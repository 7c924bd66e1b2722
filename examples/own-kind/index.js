// @ts-check
/**
 * A custom kind, written with 'tokenvisor/actor': an actor that counts words.
 *
 * What you see: casts and calls go through its mailbox, one at a time; a slow call does not delay a quick one. Any thread
 * reads its published value without a message. When it crashes, its successor goes on with the sealed
 * state.
 */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { Worker } from 'node:worker_threads';
import { actor, startSupervisor } from 'tokenvisor';

const supervisor = await startSupervisor(
  { words: actor({ behaviour: new URL('./word-count.js', import.meta.url), options: { minimumLength: 3 } }) },
  { ref: true }, // Waiting for an event holds no process open; this does, until close().
);
const { words } = supervisor.children;

words.cast({ text: 'a rose is a rose is a rose' });
words.cast({ text: 'the rose garden' });
const report = words.call('slow report');
console.log(`call:            ${await words.call('total')} words; the slow report is still to come`);
console.log(`slow call:       ${await report}`);
console.log('snapshot:       ', words.snapshot());

const code = `
  const { parentPort, workerData } = require('node:worker_threads');
  const { attach } = require('tokenvisor');
  parentPort.postMessage(attach(workerData).snapshot());`;
const [seen] = await once(new Worker(code, { eval: true, workerData: words.handle() }), 'message');
console.log('another thread: ', seen);

supervisor.on('child:exited', ({ reason }) => console.log('event: it has exited,', reason));
const restarted = new Promise((resolve) => supervisor.once('child:restarted', resolve));
words.cast({ text: 'the word that crashes it' });
await restarted;
const total = await words.call('total');
console.log(`after the crash: ${total} words, and ${words.status().restarts} restart`);
assert.equal(total, 6);

await supervisor.close();
