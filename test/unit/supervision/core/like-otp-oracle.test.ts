/**
 * Under `escalation: 'supervisor'`, against what OTP's own supervisor did: test/oracle/otp-oracle.escript has recorded it.
 * There are no exceptions.
 */
import path from 'node:path';
import { expect, it } from 'vitest';
import { countKinds } from '../../../oracle/kinds.js';
import { replay } from '../../../oracle/replay.js';
import { FIXTURES, happenedOf, readRecording } from '../../../oracle/schedules.js';

const { schedules } = readRecording(path.resolve(FIXTURES));

it.each(schedules)('schedule $number: the same answers, starts, stops, reports, children and end', (schedule) => {
  expect(replay(schedule).happened).toEqual(schedule.happened.map(happenedOf));
});

const each = (kind: string, ...lists: readonly (readonly (string | number)[])[]): string[] =>
  lists
    .reduce<string[]>((heads, list) => heads.flatMap((head) => list.map((item) => `${head}${item}, `)), [`${kind}: `])
    .map((line) => line.slice(0, -2));

it('there are 200 of them, and in them everything happens, and not once only', () => {
  expect(schedules).toHaveLength(200);
  const wanted = [
    ...each('maxRestarts', [0, 1, 2, 3, 5]),
    ...each('maxSeconds', [1, 2, 3]),
    ...each(
      'dies',
      ['normal', 'shutdown', 'shutdown_detail', 'crash', 'killed'],
      ['permanent', 'transient', 'temporary'],
    ),
    ...each('stops', ['shutdown', 'shutdown_detail', 'normal', 'crash'], ['ms', 'brutal_kill', 'infinity']),
    ...each('stops', ['never'], ['ms', 'brutal_kill']),
    ...each('start', ['ok', 'start_failed']),
    ...each('start_child', ['ok', 'already_started', 'already_present', 'start_failed', 'stopped']),
    ...each('restart_child', ['ok', 'running', 'restarting', 'not_found', 'start_failed', 'stopped']),
    ...each('delete_child', ['ok', 'running', 'restarting', 'not_found', 'stopped']),
    ...each('terminate_child', ['ok', 'not_found', 'stopped', 'permanent', 'transient', 'temporary']),
    ...each('report', ['start_error', 'child_terminated', 'shutdown_error', 'shutdown']),
    ...each('ends', ['closed', 'restart_intensity', 'start_failed']),
    'close: ok',
    'found dead by its stop',
    'gives up, and stops two or more',
    'tried again',
    'tried again more than once',
    'two deaths in one batch',
  ];
  const counts = countKinds(schedules);
  expect([...counts.keys()].sort()).toEqual(wanted.sort());
  expect([...counts].filter(([, times]) => times < 3)).toEqual([]);
});
