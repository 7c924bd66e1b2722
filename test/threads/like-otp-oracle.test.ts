/**
 * The recorded schedules with real threads: 30 of them, chosen by chooseForThreads() so that together they hold every kind
 * of event that threads can have.
 *
 * A batch of one message is simply sent. For more, the supervisor is kept in the start of a child that takes long, so that
 * the messages gather behind it, each waited for before the next is sent: their order is as sure as in OTP. Batches are sent
 * 300 ms into their seconds. Where a busy machine lets them count in other seconds, and that matters, the schedule is played
 * again from its start.
 */
import path from 'node:path';
import { describe, expect, test } from 'vitest';
import { chooseForThreads, impossible, oneCode } from '../oracle/for-threads.js';
import { countKinds } from '../oracle/kinds.js';
import { FIXTURES, happenedOf, readRecording } from '../oracle/schedules.js';
import { playInThreads } from '../oracle/thread-replay.js';

const { schedules } = readRecording(path.resolve(FIXTURES));
const chosen = chooseForThreads(schedules, 30);

test('all kinds of event that threads can have are among them', () => {
  expect(chosen).toHaveLength(30);
  const wanted = [...countKinds(schedules).keys()].filter((kind) => !impossible(kind));
  expect([...countKinds(chosen).keys()].sort()).toEqual(wanted.sort());
});

describe.concurrent('as OTP did', { timeout: 60_000 }, () => {
  test.each(chosen)('schedule $number', async (schedule) => {
    const expected = schedule.happened.map(happenedOf).map((happened) => ({
      ...happened,
      answers: happened.answers.map(oneCode),
    }));
    expect(await playInThreads(schedule)).toEqual(expected);
  });
});
