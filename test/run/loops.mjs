/**
 * Compiles the table's loops (src/table/loops/loops.ts) to WebAssembly and writes src/table/loops-wasm.ts, which is
 * committed: the build needs no compiler of it, and a unit test says when the two differ.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';
import { ROOT, runMain } from './setup.mjs';

const LOOPS = 'src/table/loops/loops.ts';
export const COMPILED = 'src/table/loops-wasm.ts';

/**
 * What stands in the place of loops/words.ts: instructions instead of calls, the sizes as constants.
 *
 * @param {typeof import('../../src/table/layout.js')} layout
 */
const wordsFor = ({ TABLE_GEOMETRY, TableWord, DIRECTORY, BYTES_PER_WORD }) => `
  export const DEPTH: i32 = ${TableWord.DEPTH * BYTES_PER_WORD};
  export const DIRECTORY: i32 = ${DIRECTORY * BYTES_PER_WORD};
  export const BUCKETS: i32 = ${TABLE_GEOMETRY.buckets};
  export const SEGMENTS: i32 = ${TABLE_GEOMETRY.segments * BYTES_PER_WORD};
  // @ts-ignore: a decorator
  @inline export function load(at: i32): i32 { return i32.atomic.load(at); }
  // @ts-ignore: a decorator
  @inline export function peek(at: i32): i32 { return i32.load(at); }
  // @ts-ignore: a decorator
  @inline export function store(at: i32, value: i32): void { i32.atomic.store(at, value); }
`;

const OPTIONS = [
  ...['--runtime', 'stub', '--noAssert', '--enable', 'threads'],
  ...['--importMemory', '--sharedMemory', '--initialMemory', '1', '--maximumMemory', '65536'],
  ...['--optimizeLevel', '3', '--shrinkLevel', '1', '--converge', '--noExportMemory'],
];

/** The layout, from its source. @returns {Promise<typeof import('../../src/table/layout.js')>} */
const layout = async () => {
  const { outputFiles } = await build({
    entryPoints: [path.join(ROOT, 'src/table/layout.ts')],
    bundle: true,
    format: 'esm',
    write: false,
  });
  return import(`data:text/javascript,${encodeURIComponent(outputFiles[0]?.text ?? '')}`);
};

/** The whole text of the file of the compiled loops. @returns {Promise<string>} */
export const compileLoops = async () => {
  // Not by its types: they have names of their own for everything, all of them global.
  const { default: asc } = await import(/** @type {string} */ ('assemblyscript/asc'));
  /** @type {Readonly<Record<string, string>>} */
  const sources = {
    'loops.ts': readFileSync(path.join(ROOT, LOOPS), 'utf8'),
    'words.js.ts': wordsFor(await layout()),
  };
  /** @type {Uint8Array | undefined} */
  let code;
  let said = '';
  const { error } = await asc.main(['loops.ts', '--outFile', 'loops.wasm', ...OPTIONS], {
    readFile: (/** @type {string} */ name) => sources[name] ?? null,
    writeFile: (/** @type {string} */ _, /** @type {Uint8Array} */ content) => void (code = content),
    listFiles: () => [],
    stderr: { write: (/** @type {unknown} */ text) => void (said += String(text)) },
  });
  if (error || !code) throw new Error(`Expected ${LOOPS} to compile, got:\n${said}`, { cause: error });
  const text = Buffer.from(code).toString('base64');
  const lines = text.match(/.{1,110}/g) ?? [];
  return [
    `/** Made from loops/loops.ts by \`node test/run/loops.mjs\`: ${code.length} bytes of WebAssembly. */`,
    'export const LOOPS =',
    lines.map((line, index) => `  '${line}'${index === lines.length - 1 ? ';' : ' +'}`).join('\n'),
    '',
  ].join('\n');
};

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  await runMain(async () => writeFileSync(path.join(ROOT, COMPILED), await compileLoops()));
}
