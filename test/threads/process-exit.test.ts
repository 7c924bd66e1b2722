/** The row P2 of docs/explanation/failure-model.md: what holds a process open, and what does not. */
import { describe, expect, test } from 'vitest';
import { runScript } from '../support/script.js';

/** A process that ends by itself, in order, with this on stdout and nothing on stderr. */
const ended = (stdout: string) => ({ code: 0, signal: null, stdout, stderr: '' });

describe('a process ends by itself', () => {
  test('with an idle supervisor', async () => {
    const script = `
      const supervisor = await startSupervisor({ held: mortal(), own: scripted() });
      await supervisor.ready();
      console.log(supervisor.children.held.current().value);`;
    expect(await runScript(script)).toEqual(ended('token-1\n'));
  });

  test('with a supervisor that nobody waited for to be ready, while its mint hangs', async () => {
    const script = `
      words[2] = 1;
      await startSupervisor({ held: mortal() });
      console.log('started');`;
    expect(await runScript(script)).toEqual(ended('started\n'));
  });

  test('after unref()', async () => {
    const script = `
      const supervisor = await startSupervisor({ own: scripted() }, { ref: true });
      setTimeout(() => supervisor.unref(), 50);
      process.on('exit', () => console.log('exit'));`;
    expect(await runScript(script)).toEqual(ended('exit\n'));
  });

  test('after close(), whoever held it', async () => {
    const script = `
      const supervisor = await startSupervisor({ held: mortal(), own: scripted() }, { ref: true });
      await supervisor.ready();
      await supervisor.close();
      supervisor.ref();
      console.log(process.getActiveResourcesInfo().filter((type) => type !== 'PipeWrap' && type !== 'TTYWrap').join());`;
    expect(await runScript(script)).toEqual(ended('\n'));
  });

  test('after a start that failed, with nothing left', async () => {
    const script = `
      await startSupervisor({ own: scripted(), bad: scripted({ failFirst: 1 }) }).catch((error) => console.log(error.code));
      console.log(process.getActiveResourcesInfo().filter((type) => type !== 'PipeWrap' && type !== 'TTYWrap').join());`;
    expect(await runScript(script)).toEqual(ended('START_FAILED\n\n'));
  });

  test('while a child is parked, or restarting', async () => {
    const script = `
      const supervisor = await startSupervisor({ own: scripted({}, { maxRestarts: 0 }) });
      supervisor.on('event', () => undefined);
      const parked = new Promise((resolve) => supervisor.on('child:parked', resolve));
      supervisor.children.own.cast({ kind: 'throw' });
      supervisor.ref();
      await parked;
      supervisor.unref();
      console.log(supervisor.children.own.status().state);`;
    expect(await runScript(script)).toEqual(ended('parked\n'));
  });

  test('by process.exit, at once', async () => {
    const script = `
      const supervisor = await startSupervisor({ held: mortal() }, { ref: true });
      await supervisor.ready();
      process.exit(4);`;
    expect(await runScript(script)).toMatchObject({ code: 4, stderr: '' });
  });
});

describe('what is waited for holds the process open', () => {
  test('a start', async () => {
    const script = `
      startSupervisor({ own: scripted() }).then(() => console.log('started'));`;
    expect(await runScript(script)).toEqual(ended('started\n'));
  });

  test.each([
    ['ready()', 'supervisor.ready()'],
    ['get()', 'supervisor.children.held.get()'],
    ['refresh()', 'supervisor.children.held.refresh()'],
    ['attached get()', 'attach(supervisor.children.held.handle()).get()'],
  ])('%s', async (_what, wait) => {
    const script = `
      words[2] = 1;
      const supervisor = await startSupervisor({ held: mortal() });
      // Not held by this: it only lets the mint go on, from a thread that holds nothing.
      setTimeout(() => { Atomics.store(words, 2, 0); Atomics.notify(words, 2); }, 300).unref();
      await ${wait};
      console.log(supervisor.children.held.current().value);`;
    expect(await runScript(script)).toEqual(ended('token-1\n'));
  });

  test.each([
    ['a call', `supervisor.children.own.call('answer')`, 'answer'],
    ['startChild', `supervisor.startChild('more', scripted()).then((more) => more.call('started'))`, 'started'],
    [
      'terminateChild',
      `supervisor.terminateChild('own').then(() => supervisor.children.own.status().state)`,
      'stopped',
    ],
    ['whichChildren', `supervisor.whichChildren().then((all) => all.length)`, '1'],
    ['close', `supervisor.close().then(() => 'closed')`, 'closed'],
  ])('%s', async (_what, wait, answer) => {
    const script = `
      const supervisor = await startSupervisor({ own: scripted({ terminateMs: 200 }) });
      console.log(await ${wait});`;
    expect(await runScript(script)).toEqual(ended(`${answer}\n`));
  });

  test('a top-level await of a wait that fails does not end with code 13', async () => {
    const script = `
      words[2] = 1;
      const supervisor = await startSupervisor({ held: mortal() });
      await supervisor.ready({ timeoutMs: 300 }).catch((error) => console.log(error.code));
      await supervisor.children.held.get({ timeoutMs: 300 }).catch((error) => console.log(error.code));`;
    expect(await runScript(script)).toEqual(ended('TIMEOUT\nTIMEOUT\n'));
  });

  test('ref() does, until it is ended from outside', async () => {
    const script = `
      const supervisor = await startSupervisor({ own: scripted() });
      supervisor.ref();
      console.log('held');`;
    // Whether it is still there is asked of itself: it answers a signal, which only a living process can.
    const outcome = await runScript(
      `process.on('SIGUSR2', () => { console.log('alive'); process.exit(0); });${script}`,
      (child) => child.stdout?.once('data', () => child.kill('SIGUSR2')),
    );
    expect(outcome).toEqual(ended('held\nalive\n'));
  });
});
