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
