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
import { credential, type ChildSpec, type Credential } from 'tokenvisor';
import { catalogue, connections, type Entry } from '../hostile/catalogue.js';
import { expectKept, LONG_MS, SHORT_MS } from '../hostile/expect-kept.js';
import { meet, restore, wellAtFirst, type Lane, type Met } from '../hostile/lanes.js';
import { deferred, providerOf, type Kind } from '../hostile/providers.js';
import { startHostileProcess, type HostileProcess } from '../hostile/server-process.mjs';
import type { Fault } from '../hostile/types.js';
import { afterTest, cleanUp, supervise, type Heard } from '../support/supervised.js';

const folder = mkdtempSync(path.join(tmpdir(), 'tokenvisor-hostile-'));
let visits = 0;
const elsewhere = createServer((_request, response) => {
  visits += 1;
  response.end('{"access_token":"canary","token_type":"Bearer"}');
});

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
      provider: providerOf(kind, index % 2 === 0 ? 'memory' : folder, asked, () => server.authorise(clientId)),
    };
  });
  const specs: Record<string, ChildSpec<Credential>> = {};
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
