import { readFileSync, readdirSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import manifest from '../../package.json' with { type: 'json' };
import { ROOT } from '../run/setup.mjs';
import { readSurface, tablesOf } from './reference.js';

const specifiers = Object.entries(manifest.exports).flatMap(([subpath, target]) =>
  typeof target === 'string' ? [] : [[`tokenvisor${subpath.slice(1)}`, path.join(ROOT, target.types)] as const],
);
const surface = readSurface(new Map(specifiers));

/** Those by hand; api/ is made from the doc comments. */
const tables = readdirSync(path.join(ROOT, 'docs/reference'))
  .filter((file) => file.endsWith('.md'))
  .flatMap((file) => tablesOf(file, readFileSync(path.join(ROOT, 'docs/reference', file), 'utf8')));

/** What the reference has to have a complete table of. */
const REQUIRED = [
  ...['TokenvisorErrorCode', 'FailureReason', 'FailureClass', 'TokenvisorEvents', 'CredentialState', 'ChildPhase'],
  ...['SupervisorOptions', 'ChildOptions', 'CredentialOptions', 'ActorOptions', 'TokenRequestOptions', 'ClientOptions'],
  ...[
    'BreakGlassOptions',
    'RevocationLedgerOptions',
    'JwtVerification',
    'TokenSetOptions',
    'InsertOptions',
    'BulkOptions',
  ],
  ...['ClientAssertion', 'SigningKey', 'TlsOptions', 'RefreshTokenOptions', 'JwtBearerOptions', 'AssertionOptions'],
  ...['GoogleServiceAccountOptions', 'TokenExchangeOptions'],
  ...['GetOptions', 'UpdateOptions', 'CallOptions', 'ReadyOptions'],
  ...['SupervisorHealth', 'MintFailure', 'TokenvisorError', 'ProviderError'],
];

/** `5_000`, `5,000` and `5000` are the same, and so is a word in backticks or out of them, on one line or on two. */
const plain = (text: string): string =>
  text
    .replaceAll(/(?<=\d)[_,](?=\d)/g, '')
    .replaceAll(/[`'\\]/g, '')
    .replaceAll(/\s+/g, ' ');

/** What inherits a member names its table, so that a member is documented once. */
const INHERITED: Readonly<Record<string, readonly string[]>> = {
  CredentialOptions: ['ChildOptions'],
  ActorOptions: ['ChildOptions'],
  BreakGlassOptions: ['ChildOptions'],
  RevocationLedgerOptions: ['ChildOptions'],
  TokenSetOptions: ['ChildOptions'],
  ClientAssertion: ['SigningKey'],
  AssertionOptions: ['SigningKey'],
  RefreshTokenOptions: ['TokenRequestOptions', 'ClientOptions'],
  JwtBearerOptions: ['TokenRequestOptions', 'ClientOptions'],
  TokenExchangeOptions: ['TokenRequestOptions', 'ClientOptions'],
  ProviderError: ['TokenvisorError'],
};

const ownMembers = (what: string): ReturnType<typeof surface.membersOf> => {
  const elsewhere = new Set(
    (INHERITED[what] ?? []).flatMap((base) => surface.membersOf(base) ?? []).map((m) => m.name),
  );
  // What it has beside what it inherits.
  return surface.membersOf(what)?.filter(({ name }) => !elsewhere.has(name));
};

describe('the reference has a table of', () => {
  it.each(REQUIRED)('%s', (what) => {
    expect(surface.membersOf(what)).not.toHaveLength(0);
    expect(tables.filter((table) => table.of === what)).toHaveLength(1);
  });
});

describe('a table of the reference has all that there is, and nothing else:', () => {
  it.each(tables.map((table) => ({ table, at: `${table.of} (${table.page}:${table.line})` })))('$at', ({ table }) => {
    expect([...table.rows.keys()].sort()).toEqual(
      ownMembers(table.of)
        ?.map(({ name }) => name)
        .sort(),
    );
  });
});

describe('a table of the reference has the defaults of', () => {
  const withDefaults = tables.flatMap((table) =>
    (ownMembers(table.of) ?? []).flatMap(({ name, defaultText }) =>
      defaultText === undefined ? [] : [{ at: `${table.of}.${name}`, defaultText, row: table.rows.get(name) ?? '' }],
    ),
  );

  it.each(withDefaults)('$at', ({ defaultText, row }) => {
    expect(plain(row)).toContain(plain(defaultText));
  });
});
