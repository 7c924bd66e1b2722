import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';

/** What of an entry of a lockfile counts here. */
interface Entry {
  readonly dependencies?: Readonly<Record<string, string>>;
  readonly optionalDependencies?: Readonly<Record<string, string>>;
}

const lockfile = new URL('../../package-lock.json', import.meta.url);
const { packages } = JSON.parse(readFileSync(lockfile, 'utf8')) as { packages: Readonly<Record<string, Entry>> };

/** Whether `name` is found from `location`, as Node looks for it: in its own node_modules, then upwards. */
const isLocked = (location: string, name: string): boolean => {
  for (let at = location; ; at = at.slice(0, Math.max(0, at.lastIndexOf('/node_modules/')))) {
    if (Object.hasOwn(packages, `${at && `${at}/`}node_modules/${name}`)) return true;
    if (at === '') return false;
  }
};

describe('package-lock.json', () => {
  // `npm install` leaves out what a registry does not have at the moment, and is content; `npm ci` then refuses.
  it('has each dependency, also those that are optional and for another platform', () => {
    const missing = Object.entries(packages).flatMap(([location, { dependencies, optionalDependencies }]) =>
      Object.keys({ ...dependencies, ...optionalDependencies })
        .filter((name) => !isLocked(location, name))
        .map((name) => `${name}, of ${location}`),
    );
    expect(missing).toEqual([]);
  });

  it('says of no package where it was loaded from', () => {
    expect(Object.entries(packages).filter(([, entry]) => Object.hasOwn(entry, 'resolved'))).toEqual([]);
  });
});
