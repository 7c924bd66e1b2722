import { readFileSync } from 'node:fs';
import path from 'node:path';
import { expect, it } from 'vitest';
import { LOOPS } from '../../../src/table/loops-wasm.js';
import * as loops from '../../../src/table/loops/loops.js';
import { instantiateLoops, type TableLoops } from '../../../src/table/table-loops.js';
import { WasmApi } from '../../../src/table/web-assembly.js';
import { COMPILED, compileLoops } from '../../run/loops.mjs';
import { ROOT } from '../../run/setup.mjs';

it(
  'are in the package as they are in the source: if not, run `node test/run/loops.mjs`',
  { timeout: 60_000 },
  async () => {
    const compiled = readFileSync(path.join(ROOT, COMPILED), 'utf8');
    expect(compiled).toBe(await compileLoops());
  },
);

it('take less than 1.5 KB', () => {
  expect(Buffer.from(LOOPS, 'base64').length).toBeLessThan(1_536);
});

it('are the same functions in both forms', () => {
  const asTypeScript: TableLoops = loops;
  const memory = new WasmApi.Memory({ initial: 1, maximum: 1, shared: true });
  expect(Object.keys(instantiateLoops(memory)).sort()).toEqual(Object.keys(asTypeScript).sort());
});
