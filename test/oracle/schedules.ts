/**
 * What otp-oracle.escript has recorded: schedules of deaths and calls, and what OTP's own supervisor did in each.
 */
import { readFileSync } from 'node:fs';

export interface Spec {
  readonly name: string;
  readonly restart: 'permanent' | 'transient' | 'temporary';
  readonly shutdown: 'brutal_kill' | 'infinity' | number;
  /** How it ends when it is asked to. */
  readonly stops: 'shutdown' | 'shutdown_detail' | 'normal' | 'crash' | 'never';
}

export type DeathReason = 'normal' | 'shutdown' | 'shutdown_detail' | 'crash' | 'killed';

export type Message =
  /** Says nothing to a child that is dead, or not there. */
  | { readonly kind: 'exit'; readonly name: string; readonly reason: DeathReason }
  | { readonly kind: 'start_child'; readonly name: string; readonly spec: Spec }
  | { readonly kind: 'terminate_child' | 'restart_child' | 'delete_child'; readonly name: string }
  /** Alone in its batch. */
  | { readonly kind: 'close' };

/** What follows from messages that are all in the mailbox before the supervisor looks at the first. */
export interface Happened {
  /** The answers to the calls, in their order; the first batch has no messages, and the answer to the start. */
  readonly answers: readonly string[];
  /**
   * In order: `starts a`, `fails a` for a start that fails, `stops a` for a live child that is asked to end or killed, and
   * reports: `child_terminated a (permanent, 60): crash`.
   */
  readonly did: readonly string[];
  /** In order of start, when there is nothing left to do: `a running`. */
  readonly children: readonly string[];
  /** As count_children has it. */
  readonly active: number;
  readonly ended: 'running' | 'closed' | 'restart_intensity' | 'start_failed';
}

export interface Batch extends Happened {
  /** In which second it was handled, counted from the one of the start. */
  readonly at: number;
  readonly messages: readonly Message[];
}

export interface Schedule {
  readonly number: number;
  readonly maxRestarts: number;
  readonly maxSeconds: number;
  readonly children: readonly Spec[];
  /** Whether the n-th start of all succeeds (+) or fails (-); from the beginning again after the last. */
  readonly starts: string;
  readonly happened: readonly Batch[];
}

export interface Recording {
  /** The release. */
  readonly otp: string;
  readonly seed: number;
  readonly schedules: readonly Schedule[];
}

/** Relative to the top of the checkout. */
export const FIXTURES = 'test/oracle/otp-schedules.json';

export const readRecording = (file: string): Recording => JSON.parse(readFileSync(file, 'utf8')) as Recording;

export const succeeds = ({ starts }: Schedule, nth: number): boolean => starts[(nth - 1) % starts.length] === '+';

/** What happened, and only that: what a replay must come to. */
export const happenedOf = ({ answers, did, children, active, ended }: Batch): Happened => ({
  answers,
  did,
  children,
  active,
  ended,
});
