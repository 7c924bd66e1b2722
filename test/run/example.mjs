/**
 * `npm run example -- NAME [arguments]` runs one example, and `npm run example` lists them. `npm run demo` is the
 * example `demo`.
 */
import { spawn } from 'node:child_process';
import path from 'node:path';
import { findExamples } from './examples.mjs';
import { ROOT, runMain, setUp } from './setup.mjs';

/** @param {string} file @param {string[]} args @returns {Promise<number>} */
const run = (file, args) =>
  new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [file, ...args], { stdio: 'inherit' });
    /** @type {NodeJS.Signals[]} */
    const signals = ['SIGINT', 'SIGTERM', 'SIGHUP'];
    for (const signal of signals) process.on(signal, () => child.kill(signal));
    child.on('error', reject);
    child.on('exit', (code, signal) => {
      if (signal) process.stderr.write(`The example was ended by ${signal}.\n`);
      resolve(code ?? 1);
    });
  });

await runMain(async () => {
  const [name, ...args] = process.argv.slice(2);
  const examples = findExamples();
  const example = examples.find((each) => each.name === name);
  if (!example) {
    const width = Math.max(0, ...examples.map((each) => each.name.length));
    const list = examples.map((each) => `  ${each.name.padEnd(width)}  ${each.summary}`).join('\n');
    const problem = name === undefined ? '' : `There is no example '${name}'.\n\n`;
    process.stderr.write(`${problem}Usage: npm run example -- NAME\n\n${list}\n`);
    process.exitCode = name === undefined ? 0 : 1;
    return;
  }
  await setUp();
  process.exitCode = await run(path.join(ROOT, 'examples', example.file), args);
});
