/** How the server does: phases of health and of sickness, each with a few faults of its own. Drawn from the seed. */
import type { Fault, RetryAfter } from '../hostile/types.js';
import type { Trip } from './door.js';
import type { Random } from './random.js';

const REFUSALS = ['invalid_client', 'unauthorized_client', 'invalid_scope', 'invalid_grant', 'access_denied'];

const retryAfter = (random: Random): RetryAfter => {
  const drawn = random.weighted('retry after', { seconds: 6, date: 3, huge: 1, nonsense: 1, zero: 1 });
  if (drawn === 'seconds') return String(random.spread('retry after s', 1, 600));
  if (drawn === 'date') return { dateInMs: random.int('retry date in', -20_000, 600_000) };
  if (drawn === 'huge') return random.pick('huge retry', ['7200', '999999999999', '1e9']);
  return drawn === 'zero' ? '0' : random.pick('no retry', ['soon', '-5', '', '12 monkeys']);
};

const status = (random: Random, statuses: readonly number[], share: number): Fault => ({
  kind: 'status',
  status: random.pick('status', statuses),
  ...(random.chance('status acts', 0.3) && { acts: true }),
  ...(random.chance('has retry after', share) && { retryAfter: retryAfter(random) }),
  ...(random.chance('date is off', 0.2) && { dateOffMs: random.int('date off', -3_600_000, 3_600_000) }),
});

const LIVES: readonly unknown[] = [0, -5, 0.5, 1, '60', '1e3', 'soon', null, 1e12, {}, '', 3];

const DRAWS: Readonly<Record<string, (random: Random, secret: string) => Fault>> = {
  unavailable: (random) => status(random, [500, 502, 503, 503, 504], 0.4),
  too_many: (random) => status(random, [429, 408, 425], 0.8),
  no: (random) => status(random, [404, 403, 451, 410], 0.1),
  refusal: (random) => ({
    kind: 'status',
    status: random.pick('refusal status', [400, 400, 401]),
    error: random.pick('refusal', REFUSALS),
  }),
  // A server that says our secret back, where a code should be.
  echo: (_random, secret) => ({ kind: 'status', status: 400, error: secret }),
  redirect: () => ({ kind: 'redirect', status: 302, location: 'https://127.0.0.1/elsewhere' }),
  life: (random) => ({ kind: 'members', members: { expires_in: random.pick('life', LIVES) } }),
  hint: (random) => ({ kind: 'members', members: { refresh_in: random.pick('hint', [1, 5, 30, 3_600, 0, -1, 'x']) } }),
  without: (random) => ({
    kind: 'members',
    without: [random.pick('without', ['access_token', 'token_type', 'expires_in', 'refresh_token'])],
  }),
  wrong: (random) => ({
    kind: 'members',
    members: random.pick('wrong', [
      { access_token: 'a\nb' },
      { token_type: 'mac' },
      { access_token: 7 },
      { refresh_token: '' },
    ]),
  }),
  page: (random) => ({
    kind: 'body',
    body: { text: random.pick('page', ['<html>canary</html>', '', '[]', 'null', '{"error":"invalid_grant"}']) },
  }),
  large: () => ({ kind: 'body', body: { repeat: 'canary', times: 50_000 } }),
  truncated: (random) => ({ kind: 'truncated', bytes: random.int('truncated', 0, 150) }),
  twice: (random) => ({ kind: 'duplicate_key', key: 'expires_in', value: random.pick('second life', LIVES) }),
  encoded: (random) => ({ kind: 'encoded', as: random.pick('encoded', ['utf8_bom', 'utf16le', 'utf16be']) }),
  compressed: () => ({ kind: 'headers', headers: { 'content-encoding': 'gzip' } }),
  garbage: (random) => ({ kind: 'wire', acts: random.chance('garbage acts', 0.5), wire: [{ text: 'canary canary' }] }),
  hangs: (random) => ({
    kind: 'delivery',
    acts: random.chance('hang acts', 0.5),
    delivery: random.chance('hangs early', 0.5) ? { kind: 'hang_before_headers' } : { kind: 'hang_in_body', bytes: 5 },
  }),
  slow: (random) => ({
    kind: 'delivery',
    acts: true,
    delivery: { kind: 'delayed', ms: random.spread('slow', 100, 15_000) },
  }),
  dribbles: (random) => ({
    kind: 'delivery',
    acts: true,
    delivery: { kind: 'byte_by_byte', everyMs: random.int('dribble', 1, 60) },
  }),
  resets: (random) => ({
    kind: 'delivery',
    acts: random.chance('reset acts', 0.5),
    delivery: { kind: random.pick('reset', ['reset', 'half_closed']), bytes: random.spread('reset after', 0, 400) },
  }),
  unreachable: () => ({ kind: 'connection', why: 'refused' }),
  tls: (random) => ({
    kind: 'connection',
    why: random.pick('tls', ['tls_wrong_name', 'tls_expired', 'tls_hangs', 'tls_reset', 'tls_not_spoken']),
  }),
};

const KINDS = Object.keys(DRAWS);

export class Sickness {
  readonly #random: Random;
  #phase: { readonly kinds: readonly string[]; readonly share: number } = { kinds: [], share: 0 };
  /** For good: nothing goes wrong any more. */
  healed = false;
  /** The longest way of a request there, or of an answer back. */
  latencyMs = 200;

  constructor(random: Random) {
    this.#random = random;
  }

  /** Another phase begins; says which. */
  turn(): string {
    const random = this.#random;
    const how = random.weighted('health', { well: 4, flaky: 5, down: 3, limited: 1, refusing: 1 });
    this.latencyMs = random.pick('latency', [0, 20, 200, 2_000, 6_000]);
    const some = Array.from({ length: random.int('kinds', 1, 4) }, () => random.pick('kind', KINDS));
    if (how === 'well') this.#phase = { kinds: [], share: 0 };
    else if (how === 'flaky') this.#phase = { kinds: some, share: random.next('share') };
    else if (how === 'down') this.#phase = { kinds: some, share: 1 };
    else this.#phase = { kinds: [how === 'limited' ? 'too_many' : 'refusal'], share: 1 };
    return `${how} ${this.#phase.kinds.join(' ')}`;
  }

  /** Until the next phase nothing comes of a request. */
  goAway(): string {
    this.#phase = { kinds: [this.#random.pick('away', ['unreachable', 'unavailable', 'hangs'])], share: 1 };
    return `away ${this.#phase.kinds.join()}`;
  }

  heal(): void {
    this.healed = true;
    this.latencyMs = 20;
  }

  /** @param secret what the client shows. */
  readonly trip = (secret: string): Trip => {
    const random = this.#random;
    const { kinds, share } = this.#phase;
    const fault =
      !this.healed && kinds.length > 0 && random.chance('fault', share)
        ? DRAWS[random.pick('fault kind', kinds)]!(random, secret)
        : undefined;
    return {
      fault,
      upMs: random.int('up', 0, this.latencyMs),
      downMs: random.int('down', 0, this.latencyMs),
      leftBehind: random.chance('left behind', 0.7),
    };
  };
}
