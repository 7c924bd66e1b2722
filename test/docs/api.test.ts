import { existsSync, readFileSync, readdirSync } from 'node:fs';
import path from 'node:path';
import { ReflectionKind, ReflectionType, UnionType } from 'typedoc';
import { describe, expect, it } from 'vitest';
import { ROOT } from '../run/setup.mjs';
import { API, COMMAND, generateApi } from './api/generate.mjs';
import { commentOf } from './api/pages.mjs';

const { pages, project, warnings, conduct } = await generateApi(ROOT);

const textOf = (parts: readonly { readonly text: string }[] | undefined): string =>
  (parts ?? []).map(({ text }) => text).join('');

/** Everything that is exported, and its members. */
const surface = (project.children ?? [])
  .flatMap(({ children = [] }) => children)
  .filter((declared) => !declared.kindOf(ReflectionKind.Reference))
  .flatMap((declared) => [declared, ...(declared.children ?? [])])
  .map((declared) => ({ declared, at: declared.getFriendlyFullName() }));

describe(`the pages of ${API}`, () => {
  const folder = path.join(ROOT, API);
  const committed = existsSync(folder) ? readdirSync(folder) : [];

  it.each([...new Set([...pages.keys(), ...committed])])('%s', (page) => {
    const file = path.join(folder, page);
    const text = existsSync(file) ? readFileSync(file, 'utf8') : undefined;
    expect(text, `${API}/${page} is not what the doc comments of src say: run \`${COMMAND}\``).toBe(pages.get(page));
  });

  it('say nothing of this machine, nor of this day', () => {
    const all = [...pages.values()].join('\n');
    expect(all).not.toContain(ROOT);
    expect(all).not.toMatch(/Defined in|\b20\d\d-\d\d-\d\d\b/);
  });

  it('are made without a complaint: every type that is named is exported, every link leads somewhere', () => {
    expect([...new Set(warnings)]).toEqual([]);
  });
});

describe('a doc comment says what it is:', () => {
  it.each(surface.map(({ declared, at }) => [at, declared] as const))('%s', (_, declared) => {
    expect(textOf(commentOf(declared)?.summary).trim()).not.toBe('');
  });

  const nested = surface.flatMap(({ declared, at }) =>
    declared.parent?.name.endsWith('Options') && declared.type instanceof ReflectionType
      ? (declared.type.declaration.children ?? []).map((option) => ({ option, at: `${at}.${option.name}` }))
      : [],
  );

  it.each(nested.map(({ option, at }) => [at, option] as const))('%s', (_, option) => {
    expect(textOf(commentOf(option)?.summary).trim()).not.toBe('');
  });
});

describe('a duration among the options says its unit:', () => {
  const durations = surface.filter(
    ({ declared }) =>
      declared.parent?.name.endsWith('Options') && /(?<!At|Until)(?:Ms|Seconds|InS)$/.test(declared.name),
  );

  it.each(durations.map(({ declared, at }) => [at, declared] as const))('%s', (_, declared) => {
    const text = textOf(declared.comment?.summary);
    expect(text).toMatch(/\bms\b|seconds/i);
  });
});

describe('what can throw says by which code:', () => {
  const codes = surface.find(({ declared }) => declared.name === 'TokenvisorErrorCode')?.declared.type;
  const known = codes instanceof UnionType ? codes.types.map((type) => type.toString().replaceAll('"', '')) : [];

  const callables = surface.filter(
    ({ declared }) => declared.signatures && declared.kind !== ReflectionKind.Constructor,
  );
  const throwing = callables.filter(({ declared }) => {
    const isPromised = declared.signatures?.some(({ type }) => type?.toString().startsWith('Promise<')) ?? false;
    const found = conduct.get(declared);
    return found === 'throws' || (found === 'runs' && isPromised);
  });

  it('there are such', () => {
    expect(known).toContain('CONFIG_INVALID');
    expect(throwing.map(({ declared }) => declared.name)).toEqual(
      expect.arrayContaining(['current', 'startSupervisor']),
    );
  });

  it.each(throwing.map(({ declared, at }) => [at, declared] as const))('%s', (_, declared) => {
    const comment = commentOf(declared);
    const tags = (comment?.getTags('@throws') ?? []).map(({ content }) => textOf(content));
    if (textOf(comment?.summary).includes('never rejects')) return;
    expect(tags.length, 'a @throws with a code, or the words "never rejects"').toBeGreaterThan(0);
  });

  it.each(callables.map(({ declared, at }) => [at, declared] as const))('a code that there is: %s', (_, declared) => {
    const tags = (commentOf(declared)?.getTags('@throws') ?? []).map(({ content }) => textOf(content));
    for (const tag of tags) expect(known).toContain(/^`?([A-Z_]+)/.exec(tag)?.[1]);
    const named = tags.flatMap((tag) => tag.match(/\b[A-Z]{2,}(?:_[A-Z]+)+\b/g) ?? []);
    expect(named.filter((code) => !known.includes(code))).toEqual([]);
  });
});
