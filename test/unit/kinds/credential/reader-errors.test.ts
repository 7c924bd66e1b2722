import { describe, expect, it } from 'vitest';
import { parked, timedOut, unavailable } from '../../../../src/kinds/credential/reader-errors.js';
import type { CredentialStatus } from '../../../../src/kinds/credential/status.js';

const status = (change: Partial<CredentialStatus>): CredentialStatus => ({
  name: 'api',
  state: 'starting',
  usable: false,
  generation: 0,
  incarnation: 1,
  restarts: 0,
  attempts: 1,
  mints: 0,
  refreshes: 0,
  failures: 0,
  exchanging: false,
  ...change,
});
const failed = {
  failures: 1,
  lastFailure: { class: 'fatal', reason: 'oauth_error', message: 'refused: invalid_client', atMs: 0 },
} as const;

describe('the message', () => {
  it('of PARKED has what has failed', () => {
    const error = parked(status({ ...failed, state: 'parked', parked: { why: 'fatal_answer' } }));
    expect(error.message).toMatch(/^'api' is parked \(fatal_answer\): refused: invalid_client\. Fix/);
    expect(error.cause).toMatchObject({ message: 'refused: invalid_client' });
  });

  it('of PARKED for restarts has no failed mint, which was not why', () => {
    const { message } = parked(status({ ...failed, state: 'parked', parked: { why: 'restart_intensity' } }));
    expect(message).toMatch(/^'api' is parked \(restart_intensity\)\. Fix/);
  });

  it('of TIMEOUT has what has failed', () => {
    expect(timedOut(status(failed), 'a token', 5).message).toMatch(/state: starting\): refused: invalid_client$/);
    expect(timedOut(status({}), 'a token', 5).message).toMatch(/state: starting\)$/);
  });

  it('of TOKEN_NOT_READY tells a token that was withdrawn from one that never was', () => {
    expect(unavailable(status({}), 0)).toMatchObject({
      code: 'TOKEN_NOT_READY',
      message: expect.stringContaining('no token of') as string,
    });
    expect(unavailable(status({ state: 'expired' }), 1)).toMatchObject({
      code: 'TOKEN_NOT_READY',
      message: expect.stringContaining('withdrawn by invalidate()') as string,
    });
  });
});
