/** Puts an answer on a socket in the way that it says, and leaves the socket in the state that it says. */
import { once } from 'node:events';
import type { Socket } from 'node:net';
import { bytesOf, chunksOf, first, headOf } from './bytes.js';
import type { HostileAnswer } from './types.js';

/**
 * Resolves when all is written that ever will be, or the client has gone.
 *
 * @param socket Where the answer goes.
 * @param raw The TCP socket below it: the same, unless there is TLS between them.
 */
export const deliver = async (socket: Socket, raw: Socket, answer: HostileAnswer): Promise<void> => {
  const { delivery } = answer;
  switch (delivery.kind) {
    case 'whole':
    case 'early':
      await write(socket, bytesOf(answer));
      return void socket.end();
    case 'delayed':
      await wait(delivery.ms);
      await write(socket, bytesOf(answer));
      return void socket.end();
    case 'kept_open':
      return write(socket, bytesOf(answer));
    case 'hang_before_headers':
      return;
    case 'hang_in_body':
      await write(socket, [headOf(answer)]);
      return write(socket, first(delivery.bytes, chunksOf(answer.body)));
    case 'byte_by_byte':
      for (const chunk of bytesOf(answer)) {
        for (const byte of chunk) {
          if (socket.destroyed) return;
          socket.write(Buffer.of(byte));
          await wait(delivery.everyMs);
        }
      }
      return void socket.end();
    case 'reset':
      await write(socket, first(delivery.bytes, bytesOf(answer)));
      if (delivery.bytes > 0) await wait(READ_MS);
      return reset(raw);
    case 'half_closed':
      await write(socket, first(delivery.bytes, bytesOf(answer)));
      return void socket.end();
    case 'no_connection':
      return reset(raw);
  }
};

/** A client that has not read yet what came before a reset may take that for an orderly end. */
const READ_MS = 20;

/** A reset, and no orderly end before it, which Node would send first. */
export const reset = (raw: Socket): void => {
  raw.destroySoon = () => raw.destroy();
  raw.resetAndDestroy();
};

const wait = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

/** With the client's back-pressure: what does not read is not written to. */
const write = async (socket: Socket, chunks: Iterable<Buffer>): Promise<void> => {
  for (const chunk of chunks) {
    if (socket.destroyed) return;
    if (chunk.length === 0 || socket.write(chunk)) continue;
    await Promise.race([once(socket, 'drain'), once(socket, 'close')]).catch(() => {});
  }
  // A reset throws away what is not sent yet.
  if (!socket.destroyed && socket.writableLength > 0) {
    await new Promise<void>((resolve) => {
      socket.once('close', resolve);
      socket.write('', () => resolve());
    });
  }
};
