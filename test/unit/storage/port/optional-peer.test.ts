import { expect, test } from 'vitest';
import { requirePeer } from '../../../../src/storage/port/optional-peer.js';

test('a package that is not there is told, with what to install', () => {
  expect(() => requirePeer('no-package-of-this-name', '^1.2.0', 'someStore()')).toThrow(
    expect.objectContaining({
      code: 'START_FAILED',
      message:
        "someStore() needs the package 'no-package-of-this-name': it is not installed: npm install 'no-package-of-this-name@^1.2.0'",
    }),
  );
});

test('one that is there is given', () => {
  expect(requirePeer('pg', '^8.11.0', 'postgresStore()')).toHaveProperty('Client');
});
