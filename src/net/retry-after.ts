/**
 * Retry-After (RFC 9110 §10.2.3): seconds, or an HTTP date in any of the three forms of §5.6.7.
 */

const MONTHS = ['jan', 'feb', 'mar', 'apr', 'may', 'jun', 'jul', 'aug', 'sep', 'oct', 'nov', 'dec'];

const IMF_FIXDATE = /^[a-z]{3}, (?<day>\d{2}) (?<month>[a-z]{3}) (?<year>\d{4}) (?<time>\d\d:\d\d:\d\d) GMT$/i;
const RFC850_DATE = /^[a-z]{6,9}, (?<day>\d{2})-(?<month>[a-z]{3})-(?<year>\d{2}) (?<time>\d\d:\d\d:\d\d) GMT$/i;
const ASCTIME_DATE = /^[a-z]{3} (?<month>[a-z]{3}) (?<day>[ \d]\d) (?<time>\d\d:\d\d:\d\d) (?<year>\d{4})$/i;

/** A two-digit year is the one that is at most 50 years ahead (RFC 9110 §5.6.7). */
const fullYear = (year: string, nowMs: number): number => {
  if (year.length === 4) return Number(year);
  const thisYear = new Date(nowMs).getUTCFullYear();
  const sameCentury = thisYear - (thisYear % 100) + Number(year);
  return sameCentury > thisYear + 50 ? sameCentury - 100 : sameCentury;
};

/**
 * Parses an HTTP date to milliseconds since the Unix epoch; undefined if it is invalid.
 *
 * `Date.parse` is not used: it takes an asctime date as local time, and accepts much that is not an HTTP date.
 */
export const parseHttpDate = (text: string, nowMs: number): number | undefined => {
  const groups = (IMF_FIXDATE.exec(text) ?? RFC850_DATE.exec(text) ?? ASCTIME_DATE.exec(text))?.groups;
  if (!groups) return undefined;
  const { day = '', month = '', year = '', time = '' } = groups;
  const monthIndex = MONTHS.indexOf(month.toLowerCase());
  const [hours = 0, minutes = 0, seconds = 0] = time.split(':').map(Number);
  if (monthIndex < 0 || Number(day) < 1 || Number(day) > 31 || hours > 23 || minutes > 59 || seconds > 60) {
    return undefined;
  }
  const midnight = new Date(0);
  // Not by Date.UTC, which maps the years to 99 to others and turns 31 February into a day of March.
  midnight.setUTCFullYear(fullYear(year, nowMs), monthIndex, Number(day));
  if (midnight.getUTCMonth() !== monthIndex) return undefined;
  return midnight.getTime() + ((hours * 60 + minutes) * 60 + seconds) * 1_000;
};

/**
 * Parses a Retry-After header to milliseconds from now, at least 0; undefined if it is missing or invalid. It is not
 * clamped here: the refresh schedule does that.
 *
 * @param date The answer's Date header, if any. A retry date is counted from it, so that a difference between the
 *   server's clock and the local one does not matter.
 */
export const parseRetryAfter = (value: string | undefined, nowMs: number, date?: string): number | undefined => {
  const text = value?.trim();
  if (!text) return undefined;
  // The RFC allows whole seconds only; some servers send fractions.
  if (/^\d+(\.\d+)?$/.test(text)) {
    return Math.min(Number(text) * 1_000, Number.MAX_SAFE_INTEGER);
  }
  const retryAtMs = parseHttpDate(text, nowMs);
  if (retryAtMs === undefined) return undefined;
  const serverNowMs = date === undefined ? undefined : parseHttpDate(date.trim(), nowMs);
  return Math.max(0, retryAtMs - (serverNowMs ?? nowMs));
};
