import fc from 'fast-check';
import { expect, test } from 'vitest';
import {
  ageMs,
  anchored,
  backOffMs,
  leastRetryMs,
  readLifetime,
  tokenSpans,
  tokenTimes,
} from '../../src/kinds/credential/refresh/schedule.js';
import { policyOf } from '../support/refresh-driver.js';

const unit = fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true });
const optionalMs = fc.option(fc.integer({ min: 0, max: 100_000_000 }), { nil: undefined });

const policies = fc
  .record({ leadMs: optionalMs, marginMs: optionalMs, refreshEveryMs: fc.option(fc.integer({ min: 1_000, max: 1e8 })) })
  .map(({ leadMs, marginMs, refreshEveryMs }) =>
    policyOf({
      ...(leadMs !== undefined && { leadMs }),
      ...(marginMs !== undefined && { marginMs }),
      ...(refreshEveryMs !== null && { refreshEveryMs }),
    }),
  );

test('a life of 2 s and more leaves room for a request a second: the refresh is due before the end of use', () => {
  fc.assert(
    fc.property(fc.integer({ min: 2_000, max: 1e10 }), optionalMs, policies, unit, (lifeMs, refreshInMs, policy, r) => {
      const hint = refreshInMs === undefined ? {} : { refreshInMs };
      const spans = tokenSpans({ lifeMs, ...hint }, policy, () => r);
      expect(spans.refreshAfterMs).toBeGreaterThan(0);
      const dueMs = Math.max(spans.refreshAfterMs, policy.floorMs);
      expect(spans.usableForMs - dueMs).toBeGreaterThanOrEqual(Math.min(10_000, lifeMs * 0.05) - 1);
      expect(spans.usableForMs).toBeLessThanOrEqual(spans.lifeMs);
      if (policy.refreshEveryMs === undefined) {
        expect(spans.refreshAfterMs).toBeGreaterThanOrEqual(Math.floor(lifeMs * 0.05));
      }
    }),
  );
});

test('any life at all has spans that are in order', () => {
  fc.assert(
    fc.property(fc.double({ min: 0.001, max: 1e12, noNaN: true }), policies, unit, (lifeMs, policy, r) => {
      const spans = tokenSpans({ lifeMs }, policy, () => r);
      expect(spans.refreshAfterMs).toBeLessThanOrEqual(spans.usableForMs);
      expect(spans.usableForMs).toBeLessThanOrEqual(spans.lifeMs);
      for (const span of Object.values(spans)) expect(Number.isInteger(span)).toBe(true);
    }),
  );
});

test('a retry waits between the floor and the cap, and Retry-After is a minimum', () => {
  fc.assert(
    fc.property(fc.nat(10_000), fc.boolean(), optionalMs, unit, (failures, isServed, retryAfterMs, r) => {
      const delayMs = backOffMs(failures, isServed, () => r);
      expect(delayMs).toBeGreaterThanOrEqual(0);
      expect(delayMs).toBeLessThanOrEqual(isServed ? 30_000 : 5_000);
      expect(leastRetryMs(retryAfterMs, policyOf())).toBe(Math.max(1_000, Math.min(retryAfterMs ?? 0, 3_600_000)));
    }),
  );
});

test('whatever an answer claims, it is read or refused, never NaN', () => {
  fc.assert(
    fc.property(fc.anything(), fc.anything(), fc.anything(), (expiresInS, expiresAtMs, refreshInS) => {
      const reading = readLifetime({ expiresInS, expiresAtMs, refreshInS }, 1_900_000_000_000);
      if (!reading.ok) return;
      expect(reading.lifetime.lifeMs ?? 1).toBeGreaterThan(0);
      expect(reading.lifetime.refreshInMs ?? 1).not.toBeNaN();
    }),
  );
});

test('wherever the clocks are, a reader with the wall clock gives out nothing that is too old', () => {
  const sentAt = { wallMs: 1_900_000_000_000, monoMs: 0 };
  const instants = fc.record({ monoMs: fc.nat(1e8), stepMs: fc.integer({ min: -1e9, max: 1e9 }) });
  fc.assert(
    fc.property(instants, fc.integer({ min: 1_000, max: 1e8 }), ({ monoMs, stepMs }, lifeMs) => {
      const now = { monoMs, wallMs: sentAt.wallMs + monoMs + stepMs };
      const spans = { lifeMs, usableForMs: lifeMs, refreshAfterMs: lifeMs };
      const times = tokenTimes(spans, anchored(sentAt, now));
      const toleratedMs = 100;
      if (now.wallMs < times.usableUntilMs) expect(ageMs(sentAt, now)).toBeLessThan(lifeMs + toleratedMs);
    }),
  );
});

test('whatever the clocks do between looks, no token gets younger, nor older than by the time of either clock', () => {
  const changes = fc.array(
    fc.record({ passMs: fc.nat(100_000), suspendMs: fc.nat(100_000), stepMs: fc.integer({ min: -1e8, max: 1e8 }) }),
  );
  fc.assert(
    fc.property(changes, (list) => {
      let now = { wallMs: 1_900_000_000_000, monoMs: 5_000 };
      let sentAt = now;
      for (const { passMs, suspendMs, stepMs } of list) {
        const before = ageMs(sentAt, now);
        now = { wallMs: now.wallMs + passMs + suspendMs + stepMs, monoMs: now.monoMs + passMs };
        sentAt = anchored(sentAt, now);
        const agedMs = ageMs(sentAt, now) - before;
        const toleratedMs = 100;
        expect(agedMs).toBeGreaterThanOrEqual(passMs - toleratedMs);
        expect(agedMs).toBeLessThanOrEqual(passMs + Math.max(0, suspendMs + stepMs) + toleratedMs);
      }
    }),
  );
});
