/** Who corrects a token after a step of the wall clock: its actor, or, where that one can't, the supervisor's thread. */
import { beforeEach, expect, test } from 'vitest';
import { allocateChildMemory, openWords, type ChildMemory } from '../../../src/memory/child-memory.js';
import { SNAPSHOT } from '../../../src/memory/layout.js';
import { readRecord, RecordWriter } from '../../../src/memory/record.js';
import type { IncarnationListener } from '../../../src/supervision/incarnation.js';
import { ChildShell } from '../../../src/supervision/child-shell.js';
import { newPersistedChild } from '../../../src/supervision/supervisor-state.js';
import { rulesOf } from './simulated-shell.js';

const LOOK_MS = 100;
const payload = new Uint8Array([1]);
const times = { issuedAtMs: 0, expiresAtMs: 60_000, usableUntilMs: 54_000 };

let memory: ChildMemory;
let shell: ChildShell;
let listener: IncarnationListener;
let publish: () => void;

const become = (phase: 'running' | 'restarting', incarnation = 1): void =>
  shell.persist({ ...newPersistedChild, phase, incarnation });
const die = (): void => {
  listener.exited({ kind: 'killed' });
  become('restarting');
};
const look = (times = 1, stepped = false): void => {
  for (let n = 0; n < times; n += 1) shell.followClock(stepped, LOOK_MS);
};
const hasToken = (): boolean => readRecord(openWords(memory.shared), SNAPSHOT).payload !== undefined;

const spawn = (incarnation: number): void => {
  become('running', incarnation);
  shell.spawn(incarnation, {
    ready: () => undefined,
    startFailed: () => undefined,
    exited: () => undefined,
    event: () => undefined,
  });
};

beforeEach(() => {
  memory = allocateChildMemory();
  shell = new ChildShell(
    {
      rules: rulesOf('api'),
      module: '',
      export: '',
      options: {} as never,
      owner: 'test/api',
      memory,
      env: {},
      execArgv: [],
      resourceLimits: {},
      mailboxLimit: 10,
      initTimeoutMs: 30_000,
    },
    '',
    ({ start: { seats } }, told) => {
      listener = told;
      const writer = new RecordWriter(openWords(memory.shared), SNAPSHOT, seats.snapshot);
      publish = () => writer.publish({ ...times, generation: 1 }, payload);
      const nothing = (): never => undefined as never;
      return {
        ...{ seats, booting: false, threadId: 0, shutDown: nothing, connect: nothing },
        ...{ kill: nothing, timeOutStart: nothing, reconfigure: nothing },
      };
    },
  );
  spawn(1);
  publish();
});

test('while no actor lives, the token is taken back', () => {
  die();
  look();
  expect(hasToken()).toBe(true);
  look(1, true);
  expect(hasToken()).toBe(false);
});

test('regression: an actor died before it had corrected its token, which was handed out until the next one started', () => {
  look(1, true);
  expect(hasToken()).toBe(true);
  look(5);
  die();
  expect(hasToken()).toBe(true);
  look();
  expect(hasToken()).toBe(false);
});

test('one that is followed by another before the next look keeps it: that one corrects it', () => {
  look(1, true);
  die();
  spawn(2);
  look();
  expect(hasToken()).toBe(true);
});

test('one that has published since has corrected it', () => {
  look(1, true);
  publish();
  look();
  die();
  look(20);
  expect(hasToken()).toBe(true);
});

test('one that has lived on for long enough had nothing to correct', () => {
  look(1, true);
  look(110);
  die();
  look(20);
  expect(hasToken()).toBe(true);
});
