/** What went wrong with the references to other credentials' tokens. */
import { afterEach, expect, test } from 'vitest';
import { actor, credential } from 'tokenvisor';
import { clientCredentials, tokenExchange, tokenOf } from 'tokenvisor/providers';
import { killChildThread } from 'tokenvisor/testing';
import { startAuthorizationServer } from '../support/authorization-server.mjs';
import { afterTest, BOUND_MS, cleanUp, eventually, supervise } from '../support/supervised.js';

afterEach(cleanUp);

const TOKEN_EXCHANGE = 'urn:ietf:params:oauth:grant-type:token-exchange';

/** `orders` is minted from the token of `user`, and both have one. */
const pair = async () => {
  const clients = [
    { clientId: 'user', clientSecret: 'user-secret' },
    { clientId: 'orders', clientSecret: 'orders-secret', grants: [TOKEN_EXCHANGE] },
  ];
  const server = await startAuthorizationServer({ accessTokenTtlS: 600, clients });
  afterTest(() => server.close());
  const { tokenEndpoint } = server;
  const user = () =>
    credential({ provider: clientCredentials({ tokenEndpoint, clientId: 'user', clientSecret: 'user-secret' }) });
  const exchange = (from: string) =>
    credential({
      provider: tokenExchange({
        tokenEndpoint,
        clientId: 'orders',
        clientSecret: 'orders-secret',
        subjectToken: tokenOf(from),
      }),
    });
  const supervised = await supervise({ user: user(), orders: exchange('user') }, { parkMs: 2_000 });
  const { supervisor } = supervised;
  await supervisor.ready();
  /** Takes the source away. */
  const remove = async () => {
    await supervisor.terminateChild('user');
    await supervisor.deleteChild('user');
  };
  return { ...supervised, server, user, exchange, remove };
};

test('a child that got the name of a source that is gone closed a circle', async () => {
  const { supervisor, exchange, remove } = await pair();
  await remove();
  await expect(supervisor.startChild('user', exchange('orders'))).rejects.toMatchObject({
    code: 'CONFIG_INVALID',
    problems: [{ path: 'user', came: 'the circle user -> orders -> user' }],
  });
});

test('what a child of another kind publishes was sent as a token', async () => {
  const { supervisor, server, children, remove, heard } = await pair();
  await remove();
  await supervisor.startChild('user', actor({ behaviour: new URL('fixtures/token-like.mjs', import.meta.url) }));
  await expect(children.orders.refresh({ timeoutMs: 2_000 })).rejects.toMatchObject({ code: 'TIMEOUT' });
  expect((await heard.next('mint:failed', 'orders')).failure).toMatchObject({ reason: 'token_unavailable' });
  expect((await server.seen()).filter(({ clientId }) => clientId === 'orders')).toHaveLength(1);
});

test('a source that was started anew while no actor lived went unseen', async () => {
  const { supervisor, server, user, children, remove } = await pair();
  await eventually('orders parked', () => {
    if (children.orders.status().state !== 'parked') void killChildThread(supervisor, 'orders').catch(() => undefined);
    return children.orders.status().state === 'parked';
  });
  await remove();
  // It counts its tokens from 1 again, as the one before has.
  const source = await supervisor.startChild('user', user());
  await source.get({ timeoutMs: BOUND_MS });
  await eventually('another token of orders', () => (children.orders.last()?.generation ?? 0) > 1);
  const { subjectToken } = (await server.seen()).findLast(({ clientId }) => clientId === 'orders')!;
  const { issued } = (await server.seen()).findLast(({ clientId }) => clientId === 'user')!;
  expect(subjectToken!.jti).toBe(issued!.jti);
});
