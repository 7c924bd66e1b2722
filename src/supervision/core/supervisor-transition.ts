/**
 * The next state under construction, and the effects so far. It lives for one event: from outside, the supervisor is a
 * function. Its one duty is the order of effects: every change of a child has a `persist` at that point.
 */
import type {
  Child,
  Ending,
  Launch,
  SupervisorInstant,
  SupervisorState,
  Thread,
  Waiting,
  Zombie,
} from './supervisor-state.js';
import type { SupervisorReport } from './terms.js';
import type {
  ChildRules,
  CommandOutcome,
  PersistedChild,
  SupervisionNotice,
  SupervisorEffect,
  SupervisorRules,
} from './types.js';

const sameMembers = (a: PersistedChild, b: PersistedChild): boolean => {
  const keys = new Set([...Object.keys(a), ...Object.keys(b)]) as Set<keyof PersistedChild>;
  return [...keys].every((key) => a[key] === b[key]);
};

/** True while a thread boots, and its place has not expired. */
export const holdsPlace = (thread: Thread, livedMs: number): boolean =>
  thread.runningSinceMs === undefined && !thread.ended && livedMs < thread.placeUntilMs;

export class Transition {
  readonly rules: SupervisorRules;
  readonly now: SupervisorInstant;
  /** The instant in lived time, in which bounds on other threads are measured. */
  readonly livedMs: number;
  stage: SupervisorState['stage'];
  launching: readonly Launch[];
  startRequest: number | undefined;
  blockedOn: string | undefined;
  restartSeconds: readonly number[];
  ending: Ending | undefined;
  readonly #children: Map<string, Child>;
  #zombies: readonly Zombie[];
  #inbox: readonly Waiting[];
  readonly #wakeAtMs: number | undefined;
  readonly #effects: SupervisorEffect[] = [];

  constructor(state: SupervisorState, now: SupervisorInstant) {
    this.now = now;
    this.livedMs = now.monoMs - (now.notLivedMs ?? 0);
    this.rules = state.rules;
    this.stage = state.stage;
    this.launching = state.launching;
    this.startRequest = state.startRequest;
    this.blockedOn = state.blockedOn;
    this.restartSeconds = state.restartSeconds;
    this.ending = state.ending;
    this.#children = new Map(state.children);
    this.#zombies = state.zombies;
    this.#inbox = state.inbox;
    this.#wakeAtMs = state.wakeAtMs;
  }

  /** True under `escalation: 'supervisor'`. */
  get likeOtp(): boolean {
    return this.rules.escalation === 'supervisor';
  }

  // Children

  get children(): readonly Child[] {
    return [...this.#children.values()];
  }

  find(name: string): Child | undefined {
    return this.#children.get(name);
  }

  /**
   * The child if this is its current incarnation and its thread is not known to have ended; otherwise the event is
   * late.
   */
  current(name: string, incarnation: number): (Child & { readonly thread: Thread }) | undefined {
    const child = this.#children.get(name);
    const thread = child?.thread;
    return child && thread?.incarnation === incarnation && !thread.ended ? { ...child, thread } : undefined;
  }

  add(rules: ChildRules, persisted: PersistedChild): void {
    this.#children.set(rules.name, { rules, persisted });
  }

  /**
   * Changes the state that outlives the supervisor. A due time and a requested stop belong to one phase: they are
   * cleared unless given.
   */
  persist(name: string, changes: Partial<PersistedChild>): void {
    const child = this.#get(name);
    const { dueMonoMs: _due, stopAsked: _asked, ...kept } = child.persisted;
    const persisted: PersistedChild = { ...kept, ...changes };
    if (sameMembers(persisted, child.persisted)) return;
    this.#children.set(name, { ...child, persisted });
    this.effect({ kind: 'persist', name, persisted });
  }

  setThread(name: string, thread: Thread | undefined): void {
    const { thread: _old, ...child } = this.#get(name);
    this.#children.set(name, thread ? { ...child, thread } : child);
  }

  /** Removes the spec. */
  remove(name: string): void {
    this.#children.delete(name);
    this.effect({ kind: 'forget', name });
  }

  #get(name: string): Child {
    const child = this.#children.get(name);
    if (!child) throw new Error(`the supervisor has lost its child '${name}'`);
    return child;
  }

  // Starts

  /** Queues an incarnation for a place. Its child has no thread. */
  queueStart(launch: Launch): void {
    this.launching = [...this.launching, launch];
  }

  /** Removes a queued start. */
  unqueueStart(name: string): Launch | undefined {
    const waiting = this.launching.find((launch) => launch.name === name);
    if (waiting) this.launching = this.launching.filter((launch) => launch !== waiting);
    return waiting;
  }

  // Zombies

  zombiesOf(name: string): readonly Zombie[] {
    return this.#zombies.filter((zombie) => zombie.name === name);
  }

  addZombie(name: string, incarnation: number): void {
    this.#zombies = [...this.#zombies, { name, incarnation }];
  }

  /** True if it was a zombie. */
  removeZombie(name: string, incarnation: number): boolean {
    const before = this.#zombies;
    this.#zombies = before.filter((zombie) => zombie.name !== name || zombie.incarnation !== incarnation);
    return this.#zombies.length < before.length;
  }

  // The inbox

  enqueue(waiting: Waiting): void {
    this.#inbox = [...this.#inbox, waiting];
  }

  /** Takes the oldest message that is ready. */
  dequeue(isReady: (waiting: Waiting) => boolean): Waiting | undefined {
    const next = this.#inbox.find(isReady);
    if (next) this.#inbox = this.#inbox.filter((waiting) => waiting !== next);
    return next;
  }

  // Effects

  effect(effect: SupervisorEffect): void {
    this.#effects.push(effect);
  }

  notice(notice: SupervisionNotice): void {
    this.effect({ kind: 'notice', notice });
  }

  reply(request: number, outcome: CommandOutcome): void {
    this.effect({ kind: 'reply', request, outcome });
  }

  report(context: SupervisorReport['context'], reason: SupervisorReport['reason'], child: Child): void {
    const { name, restart, shutdown } = child.rules;
    const offender = { name, restart, shutdown, incarnation: child.persisted.incarnation };
    this.effect({ kind: 'report', report: { context, reason, offender } });
  }

  /** The new state, with a `wake` effect if its instant has changed. */
  finish(): { readonly state: SupervisorState; readonly effects: readonly SupervisorEffect[] } {
    const wakeAtMs = this.#nextDeadlineMs();
    if (wakeAtMs !== this.#wakeAtMs) this.effect({ kind: 'wake', atMonoMs: wakeAtMs });
    const state: SupervisorState = {
      rules: this.rules,
      stage: this.stage,
      children: this.#children,
      zombies: this.#zombies,
      launching: this.launching,
      inbox: this.#inbox,
      restartSeconds: this.restartSeconds,
      ...(this.startRequest !== undefined && { startRequest: this.startRequest }),
      ...(this.blockedOn !== undefined && { blockedOn: this.blockedOn }),
      ...(this.ending && { ending: this.ending }),
      ...(wakeAtMs !== undefined && { wakeAtMs }),
    };
    return { state, effects: this.#effects };
  }

  #nextDeadlineMs(): number | undefined {
    const { notLivedMs = 0 } = this.now;
    let nextMs = Infinity;
    for (const { persisted, thread } of this.#children.values()) {
      if (!this.ending) nextMs = Math.min(nextMs, persisted.dueMonoMs ?? Infinity);
      if (!thread || thread.ended) continue;
      const { killAtMs = Infinity, zombieAtMs = Infinity } = thread.stop ?? {};
      const placeUntilMs =
        this.launching.length > 0 && holdsPlace(thread, this.livedMs) ? thread.placeUntilMs : Infinity;
      nextMs = Math.min(nextMs, Math.min(killAtMs, zombieAtMs, placeUntilMs) + notLivedMs);
    }
    return nextMs === Infinity ? undefined : nextMs;
  }
}
