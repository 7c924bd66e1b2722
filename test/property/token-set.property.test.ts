/** A token set does what a Map with expiries does, whatever is done in whatever order. */
import fc from 'fast-check';
import { expect, test, vi } from 'vitest';
import { localTokenSet } from '../support/token-set.js';

const START_S = Math.floor(Date.now() / 1_000);
const names = fc.constantFrom('a', 'b', 'c', 'd', 'e', '0190a5e2-0000-7000-8000-000000000001', '\ud800');
/** Seconds from the start of all; before it is expired already. */
const expiries = fc.option(fc.integer({ min: -5, max: 100 }), { nil: undefined });
const metas = fc.option(fc.integer({ min: 0, max: 2 ** 32 - 1 }), { nil: undefined });
const item = fc.record({ token: names, inS: expiries, meta: metas });

const command = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({
      kind: fc.constant('insert' as const),
      items: fc.array(item, { maxLength: 1, minLength: 1 }),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({ kind: fc.constant('insertMany' as const), items: fc.array(item, { maxLength: 6 }) }),
  },
  {
    weight: 3,
    arbitrary: fc.record({ kind: fc.constant('destroyMany' as const), tokens: fc.array(names, { maxLength: 3 }) }),
  },
  { weight: 1, arbitrary: fc.constant({ kind: 'clear' as const }) },
  { weight: 2, arbitrary: fc.constant({ kind: 'expunge' as const }) },
  {
    weight: 3,
    arbitrary: fc.record({ kind: fc.constant('passes' as const), seconds: fc.integer({ min: 1, max: 40 }) }),
  },
  { weight: 1, arbitrary: fc.constant({ kind: 'crash' as const }) },
);

interface Entry {
  readonly expiresAtMs: number;
  readonly meta: number;
}

test('it is a Map with expiries', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(command, { maxLength: 25 }), async (commands) => {
      const local = localTokenSet({ expungeIntervalMs: Infinity, nowMs: START_S * 1_000 });
      const { set, clock } = local;
      vi.spyOn(Date, 'now').mockImplementation(() => clock.wallMs());
      const model = new Map<string, Entry>();
      const live = (token: string): Entry | undefined => {
        const entry = model.get(token);
        return entry && entry.expiresAtMs > clock.wallMs() ? entry : undefined;
      };
      const given = ({ token, inS, meta }: { token: string; inS: number | undefined; meta: number | undefined }) => ({
        token,
        ...(inS !== undefined && { expiresAtMs: (START_S + inS) * 1_000 }),
        ...(meta !== undefined && { meta }),
      });
      const put = ({ token, expiresAtMs = Infinity, meta }: ReturnType<typeof given>): void => {
        if (expiresAtMs <= clock.wallMs()) return;
        const before = live(token);
        const later = Math.max(before?.expiresAtMs ?? 0, expiresAtMs);
        model.set(token, { expiresAtMs: later, meta: meta ?? before?.meta ?? 0 });
      };
      try {
        for (const one of commands) {
          switch (one.kind) {
            case 'insert': {
              const { token, ...options } = given(one.items[0]!);
              await set.insert(token, options);
              put({ token, ...options });
              break;
            }
            case 'insertMany':
              expect(await set.insertMany(one.items.map(given))).toBe(one.items.length);
              one.items.map(given).forEach(put);
              break;
            case 'destroyMany':
              expect(await set.destroyMany(one.tokens)).toBe(one.tokens.length);
              for (const token of one.tokens) model.delete(token);
              break;
            case 'clear':
              await set.clear();
              model.clear();
              break;
            case 'expunge': {
              await set.expungeExpired();
              for (const token of model.keys()) if (!live(token)) model.delete(token);
              expect(set.size()).toBe(model.size);
              break;
            }
            case 'passes':
              clock.advance(one.seconds * 1_000);
              break;
            case 'crash':
              local.crash();
          }
          for (const token of ['a', 'b', 'c', 'd', 'e', '0190a5e2-0000-7000-8000-000000000001', '\ud800', '\udc00']) {
            expect(set.lookup(token)).toEqual(live(token));
            expect(await set.existsOrdered(token)).toBe(live(token) !== undefined);
          }
        }
      } finally {
        local.close();
        vi.restoreAllMocks();
      }
    }),
    { numRuns: 150 },
  );
});
