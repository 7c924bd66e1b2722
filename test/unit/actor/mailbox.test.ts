import { describe, expect, test } from 'vitest';
import { Mailbox } from '../../../src/actor/mailbox.js';
import { turn } from '../../support/turn.js';

const mailboxOf = <T>(handle: (message: T, mailbox: Mailbox<T>) => void): Mailbox<T> => {
  // Handling takes no time here, however busy the machine is.
  const mailbox = new Mailbox<T>(
    (message) => handle(message, mailbox),
    () => 0,
  );
  return mailbox;
};

describe('a mailbox', () => {
  test('keeps what comes before it is opened, in order', () => {
    const handled: number[] = [];
    const mailbox = mailboxOf<number>((message) => handled.push(message));
    for (const message of [1, 2, 3]) mailbox.push(message);
    expect(handled).toEqual([]);
    mailbox.open();
    expect(handled).toEqual([1, 2, 3]);
    mailbox.push(4);
    expect(handled).toEqual([1, 2, 3, 4]);
  });

  test('handles one at a time: what a handler sends comes after it, and after what came before', () => {
    const log: string[] = [];
    const mailbox = mailboxOf<string>((message, self) => {
      log.push(`${message} begins`);
      if (message.length < 3) self.push(`${message}+`);
      log.push(`${message} ends`);
    });
    mailbox.push('a');
    mailbox.push('b');
    mailbox.open();
    const order = ['a', 'b', 'a+', 'b+', 'a++', 'b++'];
    expect(log).toEqual(order.flatMap((name) => [`${name} begins`, `${name} ends`]));
  });

  test('lets the event loop turn between batches, and loses nothing by it', async () => {
    const handled: number[] = [];
    const mailbox = mailboxOf<number>((message) => handled.push(message));
    const messages = Array.from({ length: 1_000 }, (_, index) => index);
    messages.forEach((message) => mailbox.push(message));
    mailbox.open();
    expect(handled).toHaveLength(256);
    mailbox.push(1_000);
    expect(handled).toHaveLength(256);
    await turn();
    expect(handled).toHaveLength(512);
    for (let turns = 0; turns < 5; turns += 1) await turn();
    expect(handled).toEqual([...messages, 1_000]);
    mailbox.push(1_001);
    expect(handled.at(-1)).toBe(1_001);
  });

  test('a handler that sends to itself for ever does not hold up the loop', async () => {
    let handled = 0;
    const mailbox = mailboxOf<'again'>((message, self) => {
      handled += 1;
      self.push(message);
    });
    mailbox.open();
    mailbox.push('again');
    for (let turns = 1; turns <= 3; turns += 1) {
      expect(handled).toBe(256 * turns);
      await turn();
    }
    mailbox.close();
  });

  test('messages that take their time, and come from a port in one turn, leave turns to others', async () => {
    const { port1, port2 } = new MessageChannel();
    const messages = 100;
    let handled = 0;
    const mailbox = new Mailbox<unknown>(() => {
      const endMs = performance.now() + 1;
      while (performance.now() < endMs);
      handled += 1;
    });
    mailbox.open();
    for (let index = 0; index < messages; index += 1) port1.postMessage(index);
    port2.on('message', (message: unknown) => mailbox.push(message));
    let mostInOneTurn = 0;
    while (handled < messages) {
      const before = handled;
      await turn();
      mostInOneTurn = Math.max(mostInOneTurn, handled - before);
    }
    port1.close();
    expect(mostInOneTurn).toBeLessThan(messages / 2);
  });

  test.each(['before it is opened', 'in a handler', 'between two batches', 'when idle'])(
    'closed %s, it drops what waits and what comes',
    async (when) => {
      const handled: number[] = [];
      const mailbox = mailboxOf<number>((message, self) => {
        handled.push(message);
        if (when === 'in a handler') self.close();
      });
      if (when === 'before it is opened') mailbox.close();
      if (when === 'when idle') mailbox.open();
      if (when === 'when idle') mailbox.close();
      for (let message = 0; message < 300; message += 1) mailbox.push(message);
      mailbox.open();
      if (when === 'between two batches') mailbox.close();
      await turn();
      mailbox.push(300);
      mailbox.open();
      const expected = { 'in a handler': 1, 'between two batches': 256 }[when] ?? 0;
      expect(handled).toHaveLength(expected);
    },
  );
});
