/**
 * Real credentials against the hostile server: every fault of the catalogue, for an exchange that may be repeated and for
 * one that spends a single-use refresh token. They meet their faults side by side; each test looks at what came of one.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { inspect } from 'node:util';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { credential, type ChildSpec, type CredentialHandle } from 'tokenvisor';
import { clientCredentials, fileStore, refreshToken, type ProviderSpec } from 'tokenvisor/providers';
import { catalogue, connections, type Entry, type Promised } from '../hostile/catalogue.js';
import { meet, restore, wellAtFirst, type Lane, type Met } from '../hostile/lanes.js';
import { startHostileProcess, type HostileProcess } from '../hostile/server-process.mjs';
import { CANARY, type Fault } from '../hostile/types.js';
import { afterTest, cleanUp, supervise, type Heard } from '../support/supervised.js';

/** Of an attempt that the server ends: long enough that it never ends it. */
const LONG_MS = 8_000;
/** Of one that nobody else ends. */
const SHORT_MS = 1_500;
/** How much later than its bound an attempt may be over, on a machine that is busy. */
const SLACK_MS = 2_500;
const SECRET = `${CANARY}-secret`;

const folder = mkdtempSync(path.join(tmpdir(), 'tokenvisor-hostile-'));
let visits = 0;
let stores = 0;
const elsewhere = createServer((_request, response) => {
  visits += 1;
  response.end(`{"access_token":"${CANARY}","token_type":"Bearer"}`);
});

type Kind = 'reusable' | 'singleUse' | 'replayOnce';

/** How many credentials of a kind meet faults side by side, and how many of them have little time. */
const LANES: Readonly<Record<Kind, { readonly long: number; readonly short: number }>> = {
  reusable: { long: 22, short: 4 },
  singleUse: { long: 22, short: 4 },
  replayOnce: { long: 6, short: 2 },
};

const servers = {} as Record<Kind, HostileProcess>;
const heardBy = {} as Record<Kind, Heard>;
const met = new Map<string, Promise<Met>>();
const keyOf = (kind: Kind, { name }: Entry): string => `${kind} ${name}`;

/** What leaves open if the token was spent, once for each way in which it can. */
const open = catalogue.filter(
  ({ singleUse, fault }) => singleUse.outcome === 'ambiguous' && (fault.kind === 'delivery' || fault.kind === 'status'),
);
const entriesOf = (kind: Kind): readonly Entry[] => (kind === 'replayOnce' ? open : catalogue);

const providerOf = (
  kind: Kind,
  index: number,
  asked: {
    readonly tokenEndpoint: string;
    readonly clientId: string;
    readonly timeoutMs: number;
    readonly ca?: string;
  },
  authorise: () => Promise<string> | string,
): (() => Promise<ProviderSpec>) => {
  const { ca, ...rest } = asked;
  const common = { ...rest, clientSecret: SECRET, ...(ca !== undefined && { tls: { ca } }) };
  if (kind === 'reusable') {
    if (index % 2 === 0) return () => Promise.resolve(clientCredentials(common));
    return async () => refreshToken({ ...common, refreshToken: await authorise(), rotation: 'reusable' });
  }
  const store = index % 2 === 0 ? 'memory' : fileStore(path.join(folder, `${++stores}.json`));
  const onAmbiguous = kind === 'replayOnce' ? 'replayOnce' : 'hold';
  return async () => refreshToken({ ...common, refreshToken: await authorise(), store, onAmbiguous });
};

/** Starts the credentials of a kind, and has them meet their faults. */
const startLanes = async (kind: Kind): Promise<void> => {
  const server = (servers[kind] = await startHostileProcess({
    core: { rotation: kind === 'reusable' ? 'reusable' : 'single-use' },
  }));
  afterTest(() => server.close());
  const { long, short } = LANES[kind];
  const plans = Array.from({ length: long + short }, (_, index) => {
    const clientId = `${kind}-${index}`;
    const timeoutMs = index < long ? LONG_MS : SHORT_MS;
    const asked = { tokenEndpoint: server.tokenEndpoint, clientId, timeoutMs };
    return {
      clientId,
      short: index >= long,
      provider: providerOf(kind, index, asked, () => server.authorise(clientId)),
    };
  });
  const specs: Record<string, ChildSpec<CredentialHandle>> = {};
  for (const { clientId, provider } of plans) specs[clientId] = credential({ provider: await provider() });
  const { supervisor, children, heard } = await supervise(specs);
  heardBy[kind] = heard;
  await supervisor.ready({ timeoutMs: 30_000 });

  const elsewhereAt = `http://127.0.0.1:${(elsewhere.address() as AddressInfo).port}/token`;
  for (const isShort of [false, true]) {
    const left = entriesOf(kind)
      .filter(({ over }) => (over === 'at_timeout') === isShort)
      .map((entry) => {
        const { promise, ...settle } = deferred<Met>();
        met.set(keyOf(kind, entry), promise);
        const fault = JSON.parse(JSON.stringify(entry.fault).replaceAll('{elsewhere}', elsewhereAt)) as Fault;
        return { entry: { ...entry, fault }, ...settle };
      });
    for (const { clientId, provider } of plans.filter(({ short: has }) => has === isShort)) {
      const lane: Lane = { name: clientId, child: children[clientId]!, heard, server, to: { clientId }, provider };
      void (async () => {
        await wellAtFirst(lane);
        for (let one = left.shift(); one; one = left.shift()) {
          await meet(lane, one.entry).then(one.resolve, async (error: unknown) => {
            one.reject(error);
            await restore(lane);
          });
          if (one.entry.spoils) await restore(lane);
        }
      })();
    }
  }
};

const deferred = <T>(): { promise: Promise<T>; resolve: (value: T) => void; reject: (error: unknown) => void } => {
  let settle!: { resolve: (value: T) => void; reject: (error: unknown) => void };
  const promise = new Promise<T>((resolve, reject) => (settle = { resolve, reject }));
  promise.catch(() => {}); // The test that waits for it comes later.
  return { promise, ...settle };
};

/** What is promised of an attempt, whatever the fault. */
const expectKept = (promised: Promised, over: Entry['over'], result: Met): void => {
  const { outcome, failure, before, meanwhile, after, tookMs, nextInMs, openSockets } = result;
  const { retryAfterMs, lifeMs, outcome: _outcome, ...named } = promised;
  expect({ outcome, ...failure }).toMatchObject({ outcome: promised.outcome, ...named });
  if (promised.outcome === 'token') {
    expect(failure).toBeUndefined();
    expect(meanwhile.generation).toBe(before.generation + 1);
    if (lifeMs !== undefined) expect(meanwhile.expiresAtMs - meanwhile.issuedAtMs).toBe(lifeMs);
  } else {
    expect(meanwhile.value).toBe(before.value);
    expect(after.generation).toBe(before.generation + 1);
  }
  if (retryAfterMs === 'none') expect(failure).not.toHaveProperty('retryAfterMs');
  else if (retryAfterMs === 'over an hour') {
    expect(failure?.retryAfterMs).toBeGreaterThan(3_600_000);
    expect(nextInMs).toBeLessThanOrEqual(3_600_001);
    expect(nextInMs).toBeGreaterThan(3_599_000);
  } else if (retryAfterMs !== undefined) {
    expect(failure?.retryAfterMs).toBe(retryAfterMs);
    expect(nextInMs).toBeGreaterThan(retryAfterMs - 1_000);
  }
  if (over === 'at_timeout') expect(tookMs).toBeGreaterThanOrEqual(SHORT_MS - 20);
  expect(tookMs).toBeLessThan(over === 'at_timeout' ? SHORT_MS + SLACK_MS : LONG_MS - 500);
  expect(openSockets).toBe(0);
};

beforeAll(async () => {
  await new Promise<void>((resolve) => elsewhere.listen(0, '127.0.0.1', resolve));
  for (const kind of ['singleUse', 'reusable', 'replayOnce'] as const) await startLanes(kind);
});
afterAll(async () => {
  await cleanUp();
  elsewhere.close();
  rmSync(folder, { recursive: true, force: true });
});

test('the catalogue has each name once, and is JSON', () => {
  const names = [...catalogue, ...connections].map(({ name }) => name);
  expect(names).toEqual([...new Set(names)]);
});

describe('an exchange that may be repeated', () => {
  test.each(catalogue.map((entry) => [entry.name, entry] as const))('%s', async (_name, entry) => {
    expectKept(entry.reusable, entry.over, await met.get(keyOf('reusable', entry))!);
  });
});

describe('an exchange of a single-use refresh token', () => {
  test.each(catalogue.map((entry) => [entry.name, entry] as const))('%s', async (_name, entry) => {
    expectKept(entry.singleUse, entry.over, await met.get(keyOf('singleUse', entry))!);
  });

  test('no refresh token is ever sent a second time unasked', async () => {
    await Promise.all(met.values());
    expect((await servers.singleUse.stats()).counts).toMatchObject({ reuses: 0, revokedFamilies: 0 });
  });
});

describe('an exchange of a single-use refresh token, under replayOnce', () => {
  test.each(open.map((entry) => [entry.name, entry] as const))('%s', async (_name, entry) => {
    const promised = { ...entry.singleUse, outcome: 'transient', reason: 'exchange_interrupted' } as const;
    expectKept(promised, entry.over, await met.get(keyOf('replayOnce', entry))!);
  });
});

test('nobody follows a redirect, and no event and no error has a secret', async () => {
  await Promise.allSettled(met.values());
  expect(visits).toBe(0);
  for (const { all } of Object.values(heardBy)) {
    expect(inspect(all, { depth: null, maxArrayLength: null, maxStringLength: null })).not.toMatch(/canary/i);
  }
});
