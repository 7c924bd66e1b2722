import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { ROOT } from '../run/setup.mjs';
import { room } from './room.js';

const TSC = path.join(ROOT, 'node_modules/typescript/bin/tsc');

/** All that a careful project turns on; the declarations of the package are checked as well. */
const STRICT = {
  target: 'ES2023',
  lib: ['ES2023'],
  types: ['node'],
  noEmit: true,
  strict: true,
  skipLibCheck: false,
  exactOptionalPropertyTypes: true,
  noUncheckedIndexedAccess: true,
  noPropertyAccessFromIndexSignature: true,
  noImplicitOverride: true,
  noImplicitReturns: true,
  noFallthroughCasesInSwitch: true,
  noUnusedLocals: true,
  noUnusedParameters: true,
  noUncheckedSideEffectImports: true,
  verbatimModuleSyntax: true,
  isolatedModules: true,
  resolveJsonModule: true,
};

const RESOLUTIONS = [
  { module: 'NodeNext', moduleResolution: 'NodeNext' },
  { module: 'ESNext', moduleResolution: 'Bundler' },
] as const;

describe.each(RESOLUTIONS)('strict TypeScript, module $module, moduleResolution $moduleResolution', (resolution) => {
  it('compiles a program over every subpath with the declarations of the package, and refuses each line of a wrong one', async () => {
    const here = await room(`types-${resolution.module}`, 'typed.ts', 'mistyped.ts.txt');
    await here.write('package.json', '{ "type": "module" }');
    await here.lend('@types/node');
    const compilerOptions = { ...STRICT, ...resolution };
    await here.write('tsconfig.json', JSON.stringify({ compilerOptions, files: ['typed.ts', 'mistyped.ts'] }));
    const { stdout } = await here.run(TSC, '-p', '.', '--pretty', 'false');

    // Every problem begins a line; what is indented says more of it.
    const problems = stdout.split('\n').filter((line) => /^\S/.test(line));
    expect(problems.filter((problem) => !problem.startsWith('mistyped.ts('))).toEqual([]);
    const refused = problems.map((problem) => Number(/\((\d+),/.exec(problem)?.[1]));
    const lines = (await readFile(here.at('mistyped.ts'), 'utf8')).trimEnd().split('\n');
    const first = lines.findIndex((line) => line.startsWith('supervisor.'));
    expect(refused).toEqual(lines.slice(first).map((_line, index) => first + index + 1));
  });
});

describe('a CommonJS project, module Node16', () => {
  const program = `async function main(): Promise<string> {
  const { credential, startSupervisor } = await import('tokenvisor');
  const { clientCredentials } = await import('tokenvisor/providers');
  const { tokenSet } = await import('tokenvisor/inbound');
  const provider = clientCredentials({ tokenEndpoint: 'https://a.example/token', clientId: 'a', clientSecret: 'b' });
  const supervisor = await startSupervisor({ api: credential({ provider }), sessions: tokenSet() });
  const held: boolean = supervisor.children.sessions.exists('a');
  return held ? supervisor.children.api.current().authorization : '';
}
void main();
`;

  it.each([
    ['compiles a program that loads every subpath by await import()', program, []],
    ['refuses what the declarations refuse', program.replace('held: boolean', 'held: string'), ['TS2322']],
  ])('%s', async (_, text, codes) => {
    const here = await room(`types-commonjs-${codes.length}`);
    await here.write('package.json', '{ "type": "commonjs" }');
    await here.write('program.ts', text);
    await here.lend('@types/node');
    const compilerOptions = { ...STRICT, module: 'Node16', moduleResolution: 'Node16' };
    await here.write('tsconfig.json', JSON.stringify({ compilerOptions, files: ['program.ts'] }));
    const { stdout } = await here.run(TSC, '-p', '.', '--pretty', 'false');
    expect([...stdout.matchAll(/error (TS\d+)/g)].map(([, code]) => code)).toEqual(codes);
  });
});
