import { inspect } from 'node:util';
import { expect, test } from 'vitest';
import { ProviderError, TokenvisorError } from '../../../src/core/errors.js';

test('an error prints what it has, and nothing that it has not', () => {
  expect(Object.keys(new TokenvisorError('TIMEOUT', 'late'))).toEqual(['code', 'name']);
  expect(inspect(new TokenvisorError('TIMEOUT', 'late', { child: 'api' }))).not.toContain('undefined');
  expect(inspect(ProviderError.fatal('no', { status: 401 }))).not.toContain('undefined');
  expect(ProviderError.fatal('no', { status: 401 })).toMatchObject({ class: 'fatal', status: 401 });
});
