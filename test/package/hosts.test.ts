import { beforeAll, describe, expect, it } from 'vitest';
import { room, type Room } from './room.js';

let here: Room;
beforeAll(async () => {
  const programs = ['cluster.mjs', 'in-a-worker.mjs', 'supervising-worker.mjs'];
  here = await room('hosts', 'provider.mjs', ...programs);
});

describe('node:cluster', () => {
  it('has a supervisor in each worker: one that is killed is forked again, and does the others no harm', async () => {
    const told = 'Bearer token-1, Bearer token-1, SIGKILL, Bearer token-1, Bearer token-1\nclosed: 0\nclosed: 0\n';
    expect(await here.run('cluster.mjs')).toEqual({ code: 0, stdout: told, stderr: '' });
  });
});

describe('started from inside a worker thread', () => {
  it('is read by the parent, and its end leaves no thread behind', async () => {
    // Nobody was left to say that it is over: the token lives as long as it lives.
    const told = 'Bearer token-1\nthreads: more\nthreads: 0 more\nBearer token-1\n';
    expect(await here.run('in-a-worker.mjs', 'terminate')).toEqual({ code: 0, stdout: told, stderr: '' });
  });

  it('closes as anywhere else', async () => {
    const told = 'Bearer token-1\nthreads: more\nthreads: 0 more\nSTOPPED\n';
    expect(await here.run('in-a-worker.mjs', 'close')).toEqual({ code: 0, stdout: told, stderr: '' });
  });
});
