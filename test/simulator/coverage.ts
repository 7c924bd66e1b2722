/** What a run has reached: a simulation that never parked has shown nothing of parking. */
import type { RefreshTurn } from '../../src/kinds/credential/refresh/refresh-channel.js';
import { isServed } from '../../src/kinds/credential/refresh/refresh-state.js';
import type { Observation } from './observation.js';

export class Coverage {
  readonly #counts = new Map<string, Map<string, number>>();
  #state = '';
  readonly #presented = new Set<string>();
  #jitterSum = 0;
  #jitterCount = 0;

  add(observation: Observation): void {
    switch (observation.kind) {
      case 'request': {
        const { fault, refreshToken } = observation.request;
        this.#count('requests', observation.fenced ? 'of a zombie' : 'of the actor');
        if (fault) this.#count('faults', fault.kind);
        if (fault?.kind === 'delivery') this.#count('deliveries', fault.delivery.kind);
        if (refreshToken === undefined) return;
        if (this.#presented.has(refreshToken)) this.#count('requests', 'with a refresh token sent before');
        this.#presented.add(refreshToken);
        return;
      }
      case 'settled':
        return this.#count('outcomes', observation.outcome.kind);
      case 'turn':
        this.#count('turns', observation.turn.event.kind);
        this.#measure(observation.turn);
        for (const effect of observation.turn.effects) {
          this.#count('effects', effect.kind);
          if (effect.kind === 'mint' && effect.previous) this.#count('mints', 'with the older secret');
          if (effect.kind === 'mint' && effect.resumed) this.#count('mints', 'by the word of a user');
        }
        return;
      case 'event': {
        const { type, details } = observation;
        const { why, by } = details as { why?: string; by?: string };
        this.#count('events', [type, why ?? by ?? ''].join(' ').trim());
        const { class: failureClass, reason } = (details['failure'] ?? {}) as { class?: string; reason?: string };
        if (failureClass) this.#count('failures', `${failureClass} ${reason}`);
        return;
      }
      case 'status': {
        const { state } = observation.status as { state: string };
        this.#count('states', state);
        if (this.#state !== '' && this.#state !== state) this.#count('transitions', `${this.#state} > ${state}`);
        this.#state = state;
        return;
      }
      case 'deed':
        return this.#count('deeds', observation.deed.what);
      case 'waited':
        return this.#count('waits', `${observation.deed.what} ${observation.code ?? 'resolved'}`);
      case 'thread':
        return this.#count(
          'threads',
          [observation.what, observation.what === 'died' ? (observation.detail ?? '') : ''].join(' ').trim(),
        );
      case 'process':
        this.#state = '';
        this.#presented.clear();
        return this.#count('processes', observation.what);
      case 'clock':
        return this.#count('clocks', observation.what);
      case 'end':
        this.#state = '';
        this.#presented.clear();
        return;
      default:
    }
  }

  /** What is drawn of a back-off, of the longest that it may be: full jitter draws a half on the average. */
  get jitter(): { readonly mean: number; readonly count: number } {
    return { mean: this.#jitterSum / this.#jitterCount, count: this.#jitterCount };
  }

  of(what: string): ReadonlyMap<string, number> {
    return this.#counts.get(what) ?? new Map<string, number>();
  }

  lines(): readonly string[] {
    return [...this.#counts].map(([what, counts]) => {
      const sorted = [...counts].sort(([, a], [, b]) => b - a);
      return `  ${what}: ${sorted.map(([name, count]) => `${name} ${count.toLocaleString('en')}`).join(', ')}`;
    });
  }

  /** Of waits for which nothing but the back-off counts, and that are far from the floor. */
  #measure({ event, effects, state, now }: RefreshTurn): void {
    if (event.kind !== 'mint_failed' || event.failure.class !== 'transient' || event.failure.retryAfterMs) return;
    const { policy, memory } = state;
    const failed = effects.find((effect) => effect.kind === 'emit' && effect.event.type === 'mint:failed');
    if (policy.retryEveryMs !== undefined || policy.overlap || memory.parked || failed?.kind !== 'emit') return;
    // Without a token the longest is 5 s, of which the floor takes a share.
    if (!isServed(state, now)) return;
    const notice = failed.event as { readonly consecutive: number; readonly nextAttemptAtMs?: number };
    const mostMs = Math.min(30_000, 500 * 2 ** (notice.consecutive - 1));
    if (notice.nextAttemptAtMs === undefined || mostMs < 8_000) return;
    this.#jitterSum += (notice.nextAttemptAtMs - now.wallMs) / mostMs;
    this.#jitterCount += 1;
  }

  #count(what: string, name: string): void {
    const counts = this.#counts.get(what) ?? new Map<string, number>();
    this.#counts.set(what, counts);
    counts.set(name, (counts.get(name) ?? 0) + 1);
  }
}
