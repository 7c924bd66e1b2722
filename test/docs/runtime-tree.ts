/** What is installed with the package, and with its optional peers: by the lockfile. */
import lock from '../../package-lock.json' with { type: 'json' };

interface Locked {
  readonly version?: string;
  readonly license?: string;
  readonly dependencies?: Readonly<Record<string, string>>;
  readonly optionalDependencies?: Readonly<Record<string, string>>;
  readonly peerDependencies?: Readonly<Record<string, string>>;
}

const packages = lock.packages as Readonly<Record<string, Locked>>;

/** Where Node finds `name` from `from`: in its own node_modules, then upwards. */
const placeOf = (from: string, name: string): string | undefined => {
  for (let at = from; ; at = at.slice(0, Math.max(0, at.lastIndexOf('/node_modules/')))) {
    const place = `${at && `${at}/`}node_modules/${name}`;
    if (Object.hasOwn(packages, place)) return place;
    if (at === '' || !at.includes('/node_modules/')) {
      const top = `node_modules/${name}`;
      return Object.hasOwn(packages, top) ? top : undefined;
    }
  }
};

/** A build for each platform is one line: `@napi-rs/nice-linux-x64-gnu` to `@napi-rs/nice-*`. */
const withoutPlatform = (name: string): string =>
  name.replace(/-(?:android|darwin|freebsd|linux|openharmony|win32)-[\w-]+$/, '-*');

const walk = (from: string, names: Readonly<Record<string, string>> | undefined, found: Map<string, string>): void => {
  for (const name of Object.keys(names ?? {})) {
    const place = placeOf(from, name);
    if (place === undefined || found.has(place)) continue;
    const { version = '', license = '', dependencies, optionalDependencies } = packages[place]!;
    found.set(place, `| ${withoutPlatform(name)} | ${version} | ${license} |`);
    walk(place, { ...dependencies, ...optionalDependencies }, found);
  }
};

/** `| name | version | licence |`, each once, in order. */
export const runtimeTree = (of: 'dependencies' | 'peerDependencies'): string[] => {
  const found = new Map<string, string>();
  walk('', packages['']?.[of], found);
  return [...new Set(found.values())].sort();
};
