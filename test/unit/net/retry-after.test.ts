import { describe, expect, test } from 'vitest';
import { parseHttpDate, parseRetryAfter } from '../../../src/net/retry-after.js';

const NOW = Date.UTC(2026, 4, 10, 12, 0, 0);

describe('parseRetryAfter', () => {
  test.each([
    ['120', 120_000],
    [' 0 ', 0],
    ['1.5', 1_500],
    ['9'.repeat(400), Number.MAX_SAFE_INTEGER],
  ])('reads %j as seconds', (value, expected) => {
    expect(parseRetryAfter(value, NOW)).toBe(expected);
  });

  test.each([
    'Sun, 10 May 2026 12:02:00 GMT',
    'Sunday, 10-May-26 12:02:00 GMT',
    'Sun May 10 12:02:00 2026',
    'sun, 10 may 2026 12:02:00 gmt',
  ])('reads the HTTP date %j', (value) => {
    expect(parseRetryAfter(value, NOW)).toBe(120_000);
  });

  test('reads an asctime date as UTC with a day of one digit', () => {
    expect(parseHttpDate('Sun Nov  6 08:49:37 1994', NOW)).toBe(784_111_777_000);
  });

  test('a two-digit year is at most 50 years ahead', () => {
    expect(parseHttpDate('Sunday, 06-Nov-94 08:49:37 GMT', NOW)).toBe(784_111_777_000);
    expect(parseHttpDate('Sunday, 06-Nov-76 08:49:37 GMT', NOW)).toBe(Date.UTC(2076, 10, 6, 8, 49, 37));
  });

  test('counts a date from the Date header of the answer, so that clocks that differ do not count', () => {
    expect(parseRetryAfter('Sun, 10 May 2026 13:00:30 GMT', NOW, 'Sun, 10 May 2026 13:00:00 GMT')).toBe(30_000);
    expect(parseRetryAfter('Sun, 10 May 2026 12:00:30 GMT', NOW, 'nonsense')).toBe(30_000);
  });

  test('a day that the month does not have is no date: it was taken for one of the next month', () => {
    for (const day of ['31 Feb 2027', '29 Feb 2027', '31 Apr 2027']) {
      expect(parseHttpDate(`Sun, ${day} 08:49:37 GMT`, NOW)).toBeUndefined();
    }
    expect(parseHttpDate('Thu, 29 Feb 2028 08:49:37 GMT', NOW)).toBe(Date.UTC(2028, 1, 29, 8, 49, 37));
    expect(parseHttpDate('Sat, 31 Dec 2016 23:59:60 GMT', NOW)).toBe(Date.UTC(2017, 0, 1));
  });

  test('a date in the past asks for no wait', () => {
    expect(parseRetryAfter('Sun, 10 May 2020 12:02:00 GMT', NOW)).toBe(0);
  });

  test.each([
    undefined,
    '',
    'soon',
    '-5',
    '0x10',
    '1e3',
    '2026-05-10T12:02:00Z',
    'Sun, 10 Mai 2026 12:02:00 GMT',
    'Sun, 32 May 2026 12:02:00 GMT',
    'Sun, 10 May 2026 25:02:00 GMT',
  ])('does not understand %j', (value) => {
    expect(parseRetryAfter(value, NOW)).toBeUndefined();
  });
});
