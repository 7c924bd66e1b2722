import { expect, test } from 'vitest';
import { attach } from '../../src/attach.js';
import { allocateChildMemory } from '../../src/memory/child-memory.js';

test.each(['actor', 'breakGlass', 'credential'])("a handle of kind '%s' is attached", (kind) => {
  const { shared: memory } = allocateChildMemory();
  expect(attach({ tokenvisor: 1, kind, name: 'child', memory }).name).toBe('child');
});

test('the handle of a kind that only a later version has is refused, and not taken for another', () => {
  const { shared: memory } = allocateChildMemory();
  expect(() => attach({ tokenvisor: 1, kind: 'lease', name: 'child', memory })).toThrow(
    expect.objectContaining({ code: 'LAYOUT_MISMATCH', message: expect.stringContaining("'lease'") as string }),
  );
});
