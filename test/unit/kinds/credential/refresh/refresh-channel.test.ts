import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { refresh } from '../../../../../src/kinds/credential/refresh/refresh.js';
import { takeTurn, type RefreshTurn } from '../../../../../src/kinds/credential/refresh/refresh-channel.js';
import { initialRefreshState, type RefreshState } from '../../../../../src/kinds/credential/refresh/refresh-state.js';
import type { RefreshEvent } from '../../../../../src/kinds/credential/refresh/refresh-types.js';
import { policyOf } from '../../../../support/refresh-driver.js';

const turns: RefreshTurn[] = [];
const hear = (turn: unknown): void => void turns.push(structuredClone(turn as RefreshTurn));
beforeEach(() => subscribe('tokenvisor:refresh', hear));
afterEach(() => {
  unsubscribe('tokenvisor:refresh', hear);
  turns.length = 0;
});

const at = (ms: number): RefreshTurn['now'] => ({ wallMs: 1_000_000 + ms, monoMs: 5_000 + ms });
const failure = { class: 'transient', reason: 'connect_failed', message: 'no answer' } as const;
const course: readonly (readonly [number, RefreshEvent])[] = [
  [0, { kind: 'started', policy: policyOf(), generation: 0, wanted: 0, invalidated: 0 }],
  [50, { kind: 'mint_failed', attempt: 1, failure }],
  [60_000, { kind: 'woken' }],
  [60_100, { kind: 'minted', attempt: 2, lifetime: { lifeMs: 60_000 } }],
];
const play = (): RefreshState =>
  course.reduce((state, [ms, event]) => takeTurn('api', state, event, at(ms)).state, initialRefreshState());

test('each turn is told with all that it takes to have it again, the numbers drawn included', () => {
  const last = play();
  expect(turns.map(({ name, event, draws }) => [name, event.kind, draws.length])).toEqual([
    ['api', 'started', 0],
    ['api', 'mint_failed', 1],
    ['api', 'woken', 0],
    ['api', 'minted', 1],
  ]);
  const states = [...turns.slice(1).map(({ state }) => state), last];
  for (const [index, { state, event, now, draws, effects }] of turns.entries()) {
    const left = [...draws];
    expect(refresh(state, event, now, () => left.shift() ?? NaN)).toEqual({ state: states[index], effects });
    expect(left).toEqual([]);
  }
});

test('nothing is told, and as much is done, while nobody listens', () => {
  unsubscribe('tokenvisor:refresh', hear);
  expect(play()).toMatchObject({ generation: 1, memory: { attempts: 2, mints: 1 } });
  expect(turns).toEqual([]);
});
