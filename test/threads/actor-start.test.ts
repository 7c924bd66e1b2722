/** Starts that fail: each with a code, the child, and what to do. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { afterAll, afterEach, describe, expect, test } from 'vitest';
import { actor, attach, startSupervisor, type ActorOptions } from 'tokenvisor';
import { allocateChildMemory } from '../../src/memory/child-memory.js';
import { cleanUp, supervise } from '../support/supervised.js';

afterEach(cleanUp);

const kinds = new URL('./fixtures/runtime-kind.mjs', import.meta.url);

/** Modules that no linter would let pass, so they are written here. */
const folder = mkdtempSync(fileURLToPath(new URL('./modules-', import.meta.url)));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const moduleOf = (name: string, text: string): URL => {
  const file = path.join(folder, name);
  writeFileSync(file, text);
  return pathToFileURL(file);
};

const BEHAVIOUR = 'export default { init: () => 0 };';

const startOf = (options: Partial<ActorOptions>): Promise<unknown> =>
  supervise({
    good: actor({ behaviour: { module: kinds, export: 'bare' } }),
    bad: actor({ behaviour: kinds, ...options }),
  });

describe('START_FAILED, with the reason as its cause', () => {
  const cases: readonly (readonly [string, () => Partial<ActorOptions>, string | RegExp])[] = [
    [
      'a module that is not there',
      () => ({ behaviour: new URL('./nowhere.mjs', import.meta.url) }),
      /nowhere\.mjs.*Build it first/,
    ],
    ['a syntax error', () => ({ behaviour: moduleOf('syntax.mjs', 'export default {{') }), /Can't load .*SyntaxError/],
    [
      'a throw at its load',
      () => ({ behaviour: moduleOf('throws.mjs', "throw new Error('at load')") }),
      /Error: at load/,
    ],
    [
      'a top-level await',
      () => ({ behaviour: moduleOf('waits.mjs', `await Promise.resolve();\n${BEHAVIOUR}`) }),
      /top-level await: do that work in a function/,
    ],
    [
      'an import of what is not there',
      () => ({ behaviour: moduleOf('imports.mjs', `import 'no-such-package';\n${BEHAVIOUR}`) }),
      /no-such-package/,
    ],
    [
      'TypeScript',
      () => ({ behaviour: moduleOf('typed.ts', `const a: number = 1;\n${BEHAVIOUR}`) }),
      /build it first, or pass a loader/,
    ],
    [
      'TypeScript as a module',
      () => ({ behaviour: moduleOf('typed.mts', `const a: number = 1;\n${BEHAVIOUR}`) }),
      /build it first, or pass a loader/,
    ],
    [
      'no such export',
      () => ({ behaviour: { module: kinds, export: 'nothing' } }),
      /to export 'nothing', it exports .*bare/,
    ],
    ['no default export', () => ({ behaviour: kinds }), /to export 'default', it exports/],
    [
      'an export that is no behaviour',
      () => ({ behaviour: { module: kinds, export: 'notABehaviour' } }),
      /to be a behaviour/,
    ],
    [
      'a module that is a number',
      () => ({ behaviour: moduleOf('five.cjs', 'module.exports = 5;') }),
      /to be a behaviour .*got number/,
    ],
    [
      'a named export of a number',
      () => ({ behaviour: { module: moduleOf('six.cjs', 'module.exports = 6;'), export: 'six' } }),
      /to export 'six'/,
    ],
    [
      'an init that is asynchronous',
      () => ({ behaviour: { module: kinds, export: 'asyncInit' } }),
      /init to be synchronous/,
    ],
    [
      'an init that hangs',
      () => ({ behaviour: { module: kinds, export: 'hangsInInit' }, initTimeoutMs: 1_000 }),
      /was not started within its initTimeoutMs of 1000 ms/,
    ],
    ['options of Node that there are not', () => ({ execArgv: ['--no-such-option'] }), /--no-such-option/],
    ['a heap that is too small', () => ({ resourceLimits: { maxOldGenerationSizeMb: 1 } }), /memory/],
    ['a stack that nobody has', () => ({ resourceLimits: { stackSizeMb: 65_536 } }), /./],
  ];

  test.each(cases)('%s', async (_what, options, text) => {
    const error: unknown = await startOf(options()).then(
      () => undefined,
      (reason: unknown) => reason,
    );
    expect(error).toMatchObject({ code: 'START_FAILED', child: 'bad' });
    expect((error as Error).message).toMatch(text);
    expect((error as Error).cause).toBeInstanceOf(Error);
  });

  test('a CommonJS module is its own default export', async () => {
    const behaviour = moduleOf('plain.cjs', 'module.exports = { init: () => 0 };');
    const { children } = await supervise({ a: actor({ behaviour }) });
    expect(children.a.status()).toMatchObject({ state: 'running' });
  });

  test('an actor that dies right after its init has started: it is restarted, and the supervisor lives', async () => {
    const text = 'export default { init: () => void process.nextTick(() => process.exit(3)) };';
    const behaviour = moduleOf('dies.mjs', text);
    const names = ['a', 'b', 'c', 'd'];
    const specs = Object.fromEntries(names.map((name) => [name, actor({ behaviour, maxRestarts: 1 })]));
    const { supervisor, heard } = await supervise(specs);
    for (const name of names) await heard.next('child:parked', name);
    expect(heard.of('child:exited').map(({ reason }) => reason)).toEqual(Array(8).fill({ kind: 'exit', code: 3 }));
    expect(heard.of('supervisor:exited')).toEqual([]);
    expect((await supervisor.countChildren()).active).toBe(0);
  });
});

describe('bad input', () => {
  const kind = { module: kinds, export: 'bare' };
  const specs: readonly (readonly [string, unknown, string, string])[] = [
    ['nothing', undefined, 'a', 'nothing'],
    ['null', null, 'a', 'null'],
    ['a text', 'a behaviour', 'a', 'a string'],
    ['no behaviour', {}, 'a.behaviour', 'nothing'],
    ['a path', { behaviour: './kind.js' }, 'a.behaviour', 'a string'],
    ['a URL of the web', { behaviour: new URL('https://example.com/kind.js') }, 'a.behaviour', 'an instance of URL'],
    ['the behaviour itself', { behaviour: { init: () => 0 } }, 'a.behaviour.module', 'nothing'],
    ['an export that is no name', { behaviour: { module: kinds, export: 5 } }, 'a.behaviour.export', 'a number'],
    ['an unknown key', { behaviour: kind, option: 1 }, 'a.option', 'an unknown one'],
    ['options that can’t cross', { behaviour: kind, options: { hook: () => 1 } }, 'a.options.hook', 'a function'],
    ['a restart that is none', { behaviour: kind, restart: 'always' }, 'a.restart', "'always' (string)"],
    ['a shutdown that is none', { behaviour: kind, shutdown: 'gentle' }, 'a.shutdown', "'gentle' (string)"],
    ['a negative limit', { behaviour: kind, maxRestarts: -1 }, 'a.maxRestarts', '-1 (number)'],
    ['a duration as text', { behaviour: kind, hangTimeoutMs: '10s' }, 'a.hangTimeoutMs', "'10s' (string)"],
    ['an endless duration', { behaviour: kind, initTimeoutMs: Infinity }, 'a.initTimeoutMs', 'Infinity (number)'],
    ['half a message', { behaviour: kind, mailboxLimit: 0.5 }, 'a.mailboxLimit', '0.5 (number)'],
    [
      'a variable that is not set',
      { behaviour: kind, inheritEnv: ['NO_SUCH_VARIABLE'] },
      'a.inheritEnv[0]',
      "'NO_SUCH_VARIABLE', which is not set",
    ],
    [
      'a limit that is none',
      { behaviour: kind, resourceLimits: { heapMb: 1 } },
      'a.resourceLimits.heapMb',
      'an unknown one',
    ],
  ];

  test.each(specs)('actor(): %s', async (_what, options, at, came) => {
    const problem = expect.objectContaining({ path: at, came }) as object;
    await expect(startSupervisor({ a: actor(options as never) })).rejects.toMatchObject({
      code: 'CONFIG_INVALID',
      problems: expect.arrayContaining([problem]) as object,
    });
  });

  const { shared } = allocateChildMemory();
  const good = { tokenvisor: 1, kind: 'actor', name: 'a', memory: shared };
  const foreign = allocateChildMemory().shared;
  new Int32Array(foreign)[1] = 99;
  const handles: readonly (readonly [string, unknown, RegExp])[] = [
    ['nothing', undefined, /got nothing/],
    ['null', null, /got null/],
    ['a number', 5, /got a number/],
    ['a text', 'handle', /got a string/],
    ['a list', [good], /got a list/],
    ['a handle of another version', { ...good, tokenvisor: 2 }, /result of a child's handle\(\)/],
    ['no name', { ...good, name: undefined }, /result of a child's handle\(\)/],
    ['no kind', { ...good, kind: undefined }, /result of a child's handle\(\)/],
    ['no memory', { ...good, memory: undefined }, /got undefined/],
    ['memory that is not shared', { ...good, memory: new ArrayBuffer(shared.byteLength) }, /SharedArrayBuffer/],
    ['memory of another size', { ...good, memory: new SharedArrayBuffer(64) }, /64 bytes/],
    ['memory that is not ours', { ...good, memory: new SharedArrayBuffer(shared.byteLength) }, /layout/],
    ['memory of another layout', { ...good, memory: foreign }, /got 99/],
    ['such memory for a credential', { ...good, kind: 'credential', memory: foreign }, /got 99/],
  ];

  test.each(handles)('attach(): %s', (_what, handle, text) => {
    expect(() => attach(handle as never)).toThrow(expect.objectContaining({ code: 'LAYOUT_MISMATCH' }));
    expect(() => attach(handle as never)).toThrow(text);
  });

  test('attach() takes what handle() gives', async () => {
    const { children } = await supervise({ a: actor({ behaviour: kind }) });
    expect(attach(children.a.handle()).status()).toEqual(children.a.status());
    expect(attach(structuredClone(children.a.handle())).name).toBe('a');
  });
});
