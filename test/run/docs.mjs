/**
 * `npm run docs` writes the API reference from the doc comments of src: docs/reference/api.
 */
import { existsSync, mkdirSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { ROOT, runMain, setUp } from './setup.mjs';

await runMain(async () => {
  await setUp({ dist: false });
  // Loaded here, because typedoc may have been installed a moment ago.
  const { API, generateApi } = await import('../docs/api/generate.mjs');
  const { pages, warnings } = await generateApi(ROOT);
  const folder = path.join(ROOT, API);
  mkdirSync(folder, { recursive: true });
  const before = readdirSync(folder).filter((file) => file.endsWith('.md'));
  for (const file of before.filter((each) => !pages.has(each))) {
    rmSync(path.join(folder, file));
    process.stdout.write(`removed ${API}/${file}\n`);
  }
  for (const [file, text] of pages) {
    const target = path.join(folder, file);
    if (existsSync(target) && readFileSync(target, 'utf8') === text) continue;
    writeFileSync(target, text);
    process.stdout.write(`wrote ${API}/${file}\n`);
  }
  for (const warning of new Set(warnings)) process.stderr.write(`${warning}\n`);
});
