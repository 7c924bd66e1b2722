import { expect, test } from 'vitest';
import { ActorMemory } from '../../../src/actor/actor-memory.js';
import { allocateChildMemory, openWords } from '../../../src/memory/child-memory.js';
import { Header, SEALED_BYTES } from '../../../src/memory/layout.js';

test('a generation went negative after 2^31 publications: the last one is published, the next one is an error', () => {
  const { shared, sealed } = allocateChildMemory();
  const lease = { epoch: 1, bank: 0, control: 0 } as const;
  const words = openWords(shared);
  const memory = new ActorMemory(words, openWords(sealed, SEALED_BYTES), {
    snapshot: lease,
    status: lease,
    sealed: lease,
  });
  words.store(Header.GENERATION, 2 ** 31 - 2);
  expect(memory.publish('last')).toBe(2 ** 31 - 1);
  expect(() => memory.publish('one more')).toThrow(
    expect.objectContaining({
      code: 'INTERNAL',
      message: expect.stringMatching(/at most 2147483647 publications/) as string,
    }),
  );
  expect(memory.live()).toMatchObject({ value: 'last', generation: 2 ** 31 - 1 });
  memory.withdraw();
  expect(memory.generation()).toBe(2 ** 31 - 1);
});
