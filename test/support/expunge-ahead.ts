/** What no ledger may do, on whatever store: forget a revocation because its wall clock was ahead for a while. */
import { expect } from 'vitest';
import { revocationLedger } from 'tokenvisor/inbound';
import { killChildThread } from 'tokenvisor/testing';
import type { StoreReference } from 'tokenvisor/storage';
import { eventually, supervise } from './supervised.js';
import { steppedWall } from './stepped-wall.js';

const HOUR_MS = 3_600_000;
const DAY_S = 86_400;

/** `outlives`: the store has what was stored for the next supervisor too. */
export const expungesWhileAhead = async (store: StoreReference, { outlives }: { outlives: boolean }): Promise<void> => {
  const wall = steppedWall();
  const spec = revocationLedger({ ...wall.child, store, graceMs: 0, expungeIntervalMs: 1_000 });
  const { supervisor, children, heard } = await supervise({ revoked: spec });
  const { revoked } = children;
  await supervisor.ready();
  await revoked.revokeJti('live', { expiresAtMs: Date.now() + 2 * HOUR_MS });
  wall.step(DAY_S);
  // By itself, when it is asked to, and by an actor that starts while the clock is wrong.
  await heard.next('clock:stepped');
  await revoked.revokeJti('over', { expiresAtMs: Date.now() - DAY_S * 1_000 - HOUR_MS });
  await heard.next('table:expunged');
  expect(await revoked.expungeExpired()).toBe(0);
  expect(await revoked.readExpired()).toEqual([]);
  await killChildThread(supervisor, 'revoked');
  await heard.next('child:restarted');
  await supervisor.ready();
  expect(await revoked.expungeExpired()).toBe(0);
  wall.step(-DAY_S);
  // A machine that is busy may have looked at the store too late: all is revoked then.
  await eventually('the ledger to be open', () => revoked.status().open);
  expect(['live', 'over'].map((jti) => revoked.isJtiRevoked(jti))).toEqual([true, false]);
  expect(await revoked.revokeJti('live')).toBe('already_revoked');
  if (!outlives) return;
  await supervisor.close();
  const next = await supervise({ revoked: spec });
  await next.supervisor.ready();
  expect(next.children.revoked.isJtiRevoked('live')).toBe(true);
};
