/** A credential that is minted from another one's token: what becomes of it when that one, or anybody else, has trouble. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { credential, startSupervisor, type ChildSpec, type Credential, type CredentialOptions } from 'tokenvisor';
import { clientCredentials, tokenExchange, tokenOf } from 'tokenvisor/providers';
import { killChildThread, killSupervisorThread } from 'tokenvisor/testing';
import {
  type AuthorizationServer,
  type SeenTokenRequest,
  startAuthorizationServer,
} from '../support/authorization-server.mjs';
import { BOUND_MS, cleanUp, supervise } from '../support/supervised.js';

let server: AuthorizationServer;
const TOKEN_EXCHANGE = 'urn:ietf:params:oauth:grant-type:token-exchange';

/** One of a kind for each test, so that tests can run side by side. */
let taken = 0;
const CLIENTS = 24;

beforeAll(async () => {
  const clients = Array.from({ length: CLIENTS }, (_, index) => [
    { clientId: `user-${index}`, clientSecret: 'user-secret' },
    { clientId: `orders-${index}`, clientSecret: 'orders-secret', grants: [TOKEN_EXCHANGE] },
  ]);
  server = await startAuthorizationServer({ accessTokenTtlS: 60, clients: clients.flat() });
});
afterAll(async () => {
  await cleanUp();
  await server.close();
});

/** A pair of clients that no other test has, and the credentials that are theirs. */
const clientsOf = () => {
  const index = taken++;
  const [userId, ordersId] = [`user-${index}`, `orders-${index}`];
  const ofUser = (clientSecret = 'user-secret') =>
    clientCredentials({ tokenEndpoint: server.tokenEndpoint, clientId: userId, clientSecret });
  const user = (child: Partial<CredentialOptions> = {}, clientSecret?: string) =>
    credential({ ...child, provider: ofUser(clientSecret) });
  const orders = (from = 'user') =>
    credential({
      provider: tokenExchange({
        tokenEndpoint: server.tokenEndpoint,
        clientId: ordersId,
        clientSecret: 'orders-secret',
        subjectToken: tokenOf(from),
      }),
    });
  return { userId, ordersId, ofUser, user, orders };
};

const exchanges = async (): Promise<SeenTokenRequest[]> =>
  (await server.seen()).filter(({ grantType }) => grantType === TOKEN_EXCHANGE);

/** Within what a new subject token has been exchanged. */
const FOLLOWS_MS = 2_000;
/** For what a machine that is busy adds. */
const SLACK_MS = 1_500;

/** The claim of a token that the server knows it by. */
const jtiOf = ({ value }: { readonly value: string }): string =>
  (JSON.parse(Buffer.from(value.split('.')[1]!, 'base64url').toString()) as { jti: string }).jti;

/** Waits until the target's token is what the server gave for the source's; tells how long that took, by the server. */
const followed = async (source: Credential, target: Credential): Promise<{ readonly afterMs: number }> => {
  const token = await source.get();
  const endMs = performance.now() + BOUND_MS;
  for (;;) {
    const got = target.last();
    const seen = got && (await exchanges()).find(({ issued }) => issued?.jti === jtiOf(got));
    if (seen?.subjectToken?.jti === jtiOf(token)) return { afterMs: seen.atMs - token.issuedAtMs };
    if (performance.now() > endMs) throw new Error(`Expected an exchange of ${String(token)}`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
};

/** The two, with a token each. */
const pair = async () => {
  const clients = clientsOf();
  const supervised = await supervise({ orders: clients.orders(), user: clients.user() });
  await supervised.supervisor.ready();
  return { ...clients, ...supervised };
};

describe.concurrent('it waits for the source', () => {
  test('that nobody has asked for yet, and comes after it in the configuration', async () => {
    const { orders, user } = clientsOf();
    const { children } = await supervise({ orders: orders(), user: user({ eager: false }) });
    await children.orders.get({ timeoutMs: BOUND_MS });
    await followed(children.user, children.orders);
  });

  test('that is slow, and that fails at first: a mint of its own begins as soon as there is a token', async () => {
    const { userId, orders, user } = clientsOf();
    await server.disturb({ kind: 'status', status: 503, headers: { 'retry-after': '2' }, clientId: userId });
    const { children, heard } = await supervise({ user: user(), orders: orders() });
    await children.orders.get({ timeoutMs: BOUND_MS });
    expect((await followed(children.user, children.orders)).afterMs).toBeLessThan(FOLLOWS_MS + SLACK_MS);
    expect(heard.of('mint:failed', 'user').length).toBeGreaterThan(0);
    expect(heard.of('child:parked')).toEqual([]);
  });

  test('that is parked: it says what it waits for, and goes on when that one does', async () => {
    const { orders, user, ofUser } = clientsOf();
    const { children, heard } = await supervise({ user: user({}, 'wrong'), orders: orders() });
    await heard.next('child:parked', 'user');
    const { failure } = await heard.next('mint:failed', 'orders');
    expect(failure).toMatchObject({ class: 'transient', reason: 'token_unavailable' });
    expect(failure.message).toContain("The token of 'user', from which this one is minted, is not available");
    expect(children.orders.status().state).not.toBe('parked');
    await children.user.update({ provider: ofUser() });
    expect((await followed(children.user, children.orders)).afterMs).toBeLessThan(FOLLOWS_MS + SLACK_MS);
  });
});

test.concurrent('each new token of the source is exchanged, and no token twice', async () => {
  const { children, ordersId } = await pair();
  const ofOurs = async () => (await exchanges()).filter(({ clientId }) => clientId === ordersId);
  const before = (await ofOurs()).length;
  for (let round = 0; round < 3; round += 1) {
    await children.user.refresh();
    const { afterMs } = await followed(children.user, children.orders);
    expect(afterMs).toBeLessThan(FOLLOWS_MS + SLACK_MS);
  }
  const seen = (await ofOurs()).slice(before);
  expect(seen).toHaveLength(3);
  expect(new Set(seen.map(({ subjectToken }) => subjectToken!.jti)).size).toBe(3);
  expect(children.orders.current().generation).toBe(4);
});

describe.concurrent('it goes on after', () => {
  type Trouble = (two: Awaited<ReturnType<typeof pair>>) => Promise<unknown>;
  const troubles: readonly (readonly [string, Trouble])[] = [
    [
      'a crash of the source',
      async ({ supervisor, children, heard }) => {
        await killChildThread(supervisor, 'user');
        await heard.next('child:restarted', 'user');
        await children.user.refresh();
      },
    ],
    [
      'a crash of its own',
      async ({ supervisor, children, heard }) => {
        await killChildThread(supervisor, 'orders');
        await heard.next('child:restarted', 'orders');
        await children.user.refresh();
      },
    ],
    [
      'a crash of its own, while the source has got another token',
      async ({ supervisor, children, heard }) => {
        const refreshed = children.user.refresh();
        await killChildThread(supervisor, 'orders');
        await refreshed;
        await heard.next('child:restarted', 'orders');
      },
    ],
    [
      'an invalidation of the source',
      ({ children }) => children.user.invalidate(children.user.current(), { timeoutMs: BOUND_MS }),
    ],
    [
      'a stop and a new start of the source',
      async ({ supervisor, children }) => {
        await supervisor.terminateChild('user');
        await supervisor.restartChild('user');
        await children.user.refresh();
      },
    ],
    [
      'a park of the source, and its resumption',
      async ({ children, heard, userId }) => {
        await server.disturb({ kind: 'status', status: 401, body: { error: 'invalid_client' }, clientId: userId });
        await expect(children.user.refresh()).rejects.toMatchObject({ code: 'PARKED' });
        await heard.next('child:parked', 'user');
        await children.user.resume();
        await children.user.refresh();
      },
    ],
    [
      'another child under the name of the source',
      async (two) => {
        const { supervisor, user } = two;
        await supervisor.terminateChild('user');
        await supervisor.deleteChild('user');
        await supervisor.startChild('user', user());
        // A crash after it is started with the same memory.
        await killChildThread(supervisor, 'orders');
      },
    ],
    [
      'the death of the supervisor thread',
      async ({ supervisor, children, heard }) => {
        await killSupervisorThread(supervisor);
        await heard.next('supervisor:restarted');
        await children.user.refresh({ timeoutMs: BOUND_MS });
      },
    ],
  ];

  test.each(troubles)('%s', async (_what, trouble) => {
    const supervised = await pair();
    const { supervisor, heard } = supervised;
    await trouble(supervised);
    // The handles of now.
    const { user, orders } = supervisor.children;
    await followed(user, orders);
    expect(heard.of('child:parked', 'orders')).toEqual([]);
  });
});

test.concurrent('a subject token that the server refuses parks it until there is another', async () => {
  const { children, heard, ordersId } = await pair();
  await server.disturb({ kind: 'status', status: 400, body: { error: 'invalid_grant' }, clientId: ordersId });
  await expect(children.orders.refresh()).rejects.toMatchObject({ code: 'PARKED' });
  await heard.next('child:parked', 'orders');
  await children.user.refresh();
  expect((await heard.next('child:resumed', 'orders')).by).toBe('token');
  await followed(children.user, children.orders);
});

test.concurrent('a source may have a source, and one source many who wait', async () => {
  const { orders, user } = clientsOf();
  const { children } = await supervise({
    third: orders('second'),
    second: orders('user'),
    user: user(),
    other: orders('user'),
  });
  await children.third.get({ timeoutMs: BOUND_MS });
  await children.other.get({ timeoutMs: BOUND_MS });
  await children.user.refresh();
  await followed(children.user, children.second);
  await followed(children.user, children.other);
  await followed(children.second, children.third);
});

describe.concurrent('names that lead nowhere', () => {
  const invalid = async (specs: Record<string, ChildSpec>, problems: object[]) => {
    await expect(startSupervisor(specs)).rejects.toMatchObject({ code: 'CONFIG_INVALID', problems });
  };

  test('are problems of the start, with their place', async () => {
    const { orders, user } = clientsOf();
    const expected = 'the name of a credential of this supervisor';
    const place = 'orders.provider.subjectToken';
    await invalid({ orders: orders('usr'), user: user() }, [
      { path: place, expected, came: "'usr' (string), which does not exist" },
    ]);
    await invalid({ orders: orders('orders') }, [{ path: 'orders', came: 'the circle orders -> orders' }]);
    await invalid({ a: orders('b'), b: orders('a') }, [
      { path: 'a', came: 'the circle a -> b -> a' },
      { path: 'b', came: 'the circle b -> a -> b' },
    ]);
    await invalid({ a: orders('b'), b: orders('c'), c: orders('a'), d: orders('a') }, [
      { path: 'a', came: 'the circle a -> b -> c -> a' },
      { path: 'b', came: 'the circle b -> c -> a -> b' },
      { path: 'c', came: 'the circle c -> a -> b -> c' },
    ]);
  });

  test('startChild() may refer to those that are there, and not to itself', async () => {
    const { orders, user } = clientsOf();
    const { supervisor, children } = await supervise({ user: user() });
    const nobody = supervisor.startChild('orders', orders('orders'));
    await expect(nobody).rejects.toMatchObject({
      code: 'CONFIG_INVALID',
      problems: [{ path: 'orders.provider.subjectToken' }],
    });
    const started = await supervisor.startChild('orders', orders('user'));
    await started.get();
    await children.user.refresh();
    await followed(children.user, started);
  });

  test('update() makes no circle', async () => {
    const { orders, user } = clientsOf();
    const { children } = await supervise({ second: orders('user'), third: orders('second'), user: user() });
    await children.third.get({ timeoutMs: BOUND_MS });
    const circle = children.second.update({
      provider: tokenExchange({ tokenEndpoint: server.tokenEndpoint, subjectToken: tokenOf('third') }),
    });
    await expect(circle).rejects.toMatchObject({
      code: 'CONFIG_INVALID',
      problems: [{ path: 'second', came: 'the circle second -> third -> second' }],
    });
    // It is as it was.
    await children.user.refresh();
    await followed(children.user, children.second);
  });
});
