/**
 * The pages of docs/reference/api, from the doc comments of src.
 */
import { mkdtempSync, readFileSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import * as prettier from 'prettier';
import { modulesOf, readSurface } from './model.mjs';
import { themeFor } from './pages.mjs';

/** Where the pages are, from the top of the checkout. */
export const API = 'docs/reference/api';

/** What makes them anew. */
export const COMMAND = 'npm run docs';

const THEME = 'reference';

/**
 * @typedef {object} Reference
 * @property {ReadonlyMap<string, string>} pages by the names of their files
 * @property {import('typedoc').ProjectReflection} project
 * @property {readonly string[]} warnings what typedoc was not content with
 * @property {ReadonlyMap<import('typedoc').Reflection, 'throws' | 'runs'>} conduct of functions that have a body
 */

/** @param {string} root the top of the checkout; nothing is written there @returns {Promise<Reference>} */
export const generateApi = async (root) => {
  const out = mkdtempSync(path.join(tmpdir(), 'tokenvisor-api-'));
  try {
    const { app, project, warnings, conduct } = await readSurface(root, out);
    /** @type {Map<string, string>} */
    const specifiers = new Map();
    for (const { module, page, specifier } of modulesOf(root, project)) {
      module.name = path.basename(page, '.md');
      specifiers.set(module.name, specifier);
    }
    app.renderer.defineTheme(THEME, themeFor(specifiers));
    await app.outputs.writeOutput({ name: 'markdown', path: out }, project);
    /** @type {Map<string, string>} */
    const pages = new Map();
    const config = await prettier.resolveConfig(path.join(root, API, 'README.md'));
    for (const file of readdirSync(out)
      .filter((each) => each.endsWith('.md'))
      .sort()) {
      const text = readFileSync(path.join(out, file), 'utf8');
      pages.set(file, await prettier.format(text, { ...config, parser: 'markdown' }));
    }
    return { pages, project, warnings, conduct };
  } finally {
    rmSync(out, { recursive: true, force: true });
  }
};
