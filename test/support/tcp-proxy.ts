/**
 * A network that fails on demand, in front of a real server.
 *
 * - `pass`: what comes is passed on.
 * - `hold`: what one side says is kept, and passed on when the mode is another one; the other side is heard.
 * - `swallow`: nothing is passed on, and nothing is closed: a half-open connection. New ones are taken, and hear nothing.
 *   What was swallowed is lost, so the connections of then are cut when the mode is another one.
 * - `cut`: all connections are reset, as are new ones.
 * - `refuse`: as `cut`, and nobody listens.
 */
import { once } from 'node:events';
import { connect, createServer, type AddressInfo, type Socket } from 'node:net';

export type ProxyMode = 'pass' | { readonly hold: 'answers' | 'requests' | 'both' } | 'swallow' | 'cut' | 'refuse';

export interface TcpProxy {
  readonly port: number;
  set(mode: ProxyMode): Promise<void>;
  /** Resolves when something is held: with what was said so far, by whichever side. */
  held(): Promise<Buffer>;
  /** How many connections were made to it. */
  readonly connections: number;
  close(): Promise<void>;
}

type Side = 'answers' | 'requests';

interface Pair {
  readonly client: Socket;
  readonly server: Socket;
  readonly kept: Record<Side, Buffer[]>;
  lost: boolean;
}

export const startProxy = async (targetPort: number, targetHost = '127.0.0.1'): Promise<TcpProxy> => {
  let mode: ProxyMode = 'pass';
  let connections = 0;
  const pairs = new Set<Pair>();
  const waiting = new Set<(said: Buffer) => void>();
  const reset = (pair: Pair): void => {
    pairs.delete(pair);
    pair.client.resetAndDestroy();
    pair.server.destroy();
  };
  const holds = (side: Side): boolean => typeof mode === 'object' && (mode.hold === side || mode.hold === 'both');
  const allHeld = (): Buffer => Buffer.concat([...pairs].flatMap(({ kept }) => [...kept.requests, ...kept.answers]));

  const said = (pair: Pair, side: Side, chunk: Buffer): void => {
    if (mode === 'swallow') pair.lost = true;
    else if (holds(side) || pair.kept[side].length > 0) {
      pair.kept[side].push(chunk);
      for (const tell of waiting) tell(allHeld());
      waiting.clear();
    } else (side === 'requests' ? pair.server : pair.client).write(chunk);
  };

  const taken = (client: Socket): void => {
    connections += 1;
    if (mode === 'cut') return void client.resetAndDestroy();
    const server = connect(targetPort, targetHost);
    const pair: Pair = { client, server, kept: { answers: [], requests: [] }, lost: false };
    pairs.add(pair);
    client.setNoDelay(true);
    server.setNoDelay(true);
    client.on('data', (chunk) => said(pair, 'requests', chunk));
    server.on('data', (chunk) => said(pair, 'answers', chunk));
    for (const [socket, other] of [
      [client, server],
      [server, client],
    ] as const) {
      socket.on('error', () => undefined); // It closes as well.
      socket.on('close', () => {
        // Of an end that is not seen, nobody hears.
        if (mode === 'swallow') return;
        pairs.delete(pair);
        other.destroy();
      });
    }
  };

  const server = createServer(taken);
  const listen = async (port: number): Promise<void> => {
    server.listen(port, '127.0.0.1');
    await once(server, 'listening');
  };
  const cease = async (): Promise<void> => {
    if (!server.listening) return;
    const closed = once(server, 'close');
    server.close();
    for (const pair of [...pairs]) reset(pair);
    await closed;
  };
  await listen(0);
  const { port } = server.address() as AddressInfo;

  return {
    port,
    get connections() {
      return connections;
    },
    set: async (next) => {
      mode = next;
      if (mode === 'refuse') return cease();
      if (!server.listening) await listen(port);
      if (mode === 'cut') for (const pair of [...pairs]) reset(pair);
      if (mode !== 'swallow') for (const pair of [...pairs]) if (pair.lost) reset(pair);
      for (const { kept, client, server: to } of pairs) {
        if (!holds('requests')) for (const chunk of kept.requests.splice(0)) to.write(chunk);
        if (!holds('answers')) for (const chunk of kept.answers.splice(0)) client.write(chunk);
      }
    },
    held: () => {
      const soFar = allHeld();
      if (soFar.length > 0) return Promise.resolve(soFar);
      return new Promise((resolve) => void waiting.add(resolve));
    },
    close: cease,
  };
};
