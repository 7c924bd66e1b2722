/** Events of a real supervisor: what a listener does harms nobody, and what nobody hears is not silent. */
import { afterEach, expect, test } from 'vitest';
import { actor, logEvents } from 'tokenvisor';
import { runScript } from '../support/script.js';
import { cleanUp, Control, eventually, mortal, supervise } from '../support/supervised.js';
import { Death, Word } from './fixtures/deaths.mjs';

afterEach(cleanUp);

const scripted = (options: object = {}, child: object = {}) =>
  actor({
    behaviour: { module: new URL('./fixtures/scripted-actor.mjs', import.meta.url), export: 'scripted' },
    options,
    ...child,
  });

test('listeners that throw or reject on everything: restarts and refreshes go on', async () => {
  const control = new Control();
  const { supervisor, children, heard } = await supervise({ mortal: mortal(control) });
  for (const name of [
    'child:exited',
    'child:restarting',
    'child:restarted',
    'mint:started',
    'mint:succeeded',
  ] as const) {
    supervisor.on(name, () => {
      throw new Error(`a listener of ${name}`);
    });
    supervisor.on(name, () => Promise.reject(new Error(`a promise of ${name}`)));
  }
  await supervisor.ready();
  control.set(Word.DEATH, Death.THROW);
  await heard.next('child:restarted');
  expect((await children.mortal.refresh()).value).toBe('token-2');
  await heard.next('mint:succeeded');
  expect(heard.of('error').map(({ error }) => error.message)).toEqual(
    expect.arrayContaining(['a listener of child:exited', 'a promise of child:exited', 'a promise of child:restarted']),
  );
});

test('the story of a credential, in order', async () => {
  const control = new Control();
  const { supervisor, heard } = await supervise({ mortal: mortal(control) });
  const lines: string[] = [];
  const stop = logEvents(supervisor, (line) => lines.push(line));
  await supervisor.ready();
  control.set(Word.DEATH, Death.EXIT);
  await heard.next('child:restarted');
  await supervisor.terminateChild('mortal');
  await supervisor.restartChild('mortal');
  await supervisor.close();
  stop();
  const story = heard.all.map(({ type }) => type).filter((type) => !type.startsWith('mint:'));
  expect(story).toEqual([
    'child:started',
    'child:exited',
    'supervisor:report',
    'child:restarting',
    'child:restarted',
    'child:exited',
    'child:stopped',
    'child:started',
    'child:exited',
    'child:stopped',
    'supervisor:ended',
  ]);
  expect(heard.all.every(({ atMs }) => Math.abs(atMs - Date.now()) < 60_000)).toBe(true);
  expect(lines).toHaveLength(heard.all.length);
  expect(lines.find((line) => line.includes('child:exited'))).toMatch(
    /^\d{4}-\d\d-\d\dT[\d:.]+Z child:exited name=mortal incarnation=1 reason=\{"kind":"exit","code":7\}$/,
  );
});

test('a cast that can not be delivered is an event, whatever kept it', async () => {
  const { supervisor, children, heard } = await supervise({ own: scripted({}, { mailboxLimit: 1 }) });
  children.own.cast(() => undefined);
  expect(await heard.next('cast:failed')).toMatchObject({ name: 'own', code: 'NOT_CLONEABLE' });
  // While it is busy with the first, one may wait, and no more.
  for (const kind of ['busy', 'none', 'none']) children.own.cast({ kind });
  expect(await heard.next('cast:failed')).toMatchObject({ name: 'own', code: 'MAILBOX_FULL' });
  // What is lost by a stop is an event as well: all that fit is handled before.
  let answered = false;
  await eventually('an answer after the casts', () => {
    void children.own.call('room').then(
      () => (answered = true),
      () => undefined,
    );
    return answered;
  });
  await supervisor.terminateChild('own');
  children.own.cast({ kind: 'none' });
  // Of those that came while it was busy, one or both were one too many.
  const codes = heard.of('cast:failed').map(({ code }) => code);
  expect(codes).toEqual(['NOT_CLONEABLE', ...codes.slice(1, -1).map(() => 'MAILBOX_FULL'), 'NO_PROC']);
});

test('a failure that nobody hears is one warning of the process', async () => {
  const script = `
    const supervisor = await startSupervisor({ own: scripted({}, { maxRestarts: 0 }) });
    const { own } = supervisor.children;
    await supervisor.terminateChild('own');
    own.cast({ kind: 'none' });
    own.cast({ kind: 'none' });
    await supervisor.restartChild('own');
    own.cast({ kind: 'throw' });
    await own.call('wait').catch(() => undefined);
    await supervisor.close();`;
  const { code, stdout, stderr } = await runScript(script);
  expect({ code, stdout }).toEqual({ code: 0, stdout: '' });
  expect(stderr.match(/TOKENVISOR_UNHEARD/g)).toHaveLength(1);
  expect(stderr).toContain("A 'cast:failed' event of 'own' has no listener");
});
