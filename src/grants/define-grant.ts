/**
 * A built-in grant, defined once. From its definition come the public function that makes its spec, the check of its
 * options, the proof that an overlap takes from before, and its provider.
 *
 * The starting thread loads the definition, `NAME.ts`. The sessions are in `NAME-provider.ts`, which only an actor loads,
 * because the starting thread does not use the token endpoint and the refresh-token store that they import.
 */
import { check, configError, joinPath, type Check, type CheckResult } from '../config/check.js';
import { propertyOf } from '../core/describe.js';
import { packageModule } from '../core/package-files.js';
import type { ProviderContext, ProviderObject, ProviderSession, ProviderSpec } from '../oauth/provider.js';
import { hideSecrets } from '../secrets/hide-secrets.js';

/** What proves who asks, beside the proof of the client. */
export interface Proof {
  /** Names of options. */
  readonly options: readonly string[];
  /** The OAuth errors that say that the proof is not known, beside `invalid_client`. */
  readonly refusals: readonly string[];
}

export interface GrantDefinition<Checked> {
  /** That of its two files: `NAME.ts`, and `NAME-provider.ts`, whose export `provider` the actor loads. */
  readonly name: string;
  /** The check of all options. It may depend on what they are: on `allowInsecureHttp`, say. */
  readonly shape: (options: unknown) => Check<Checked>;
  /**
   * Names of options that are secrets, beside those that are secrets in any grant (see hide-secrets.ts).
   * @default none
   */
  readonly secrets?: readonly string[];
  /**
   * Names of form parameters that the grant sets, beside those that no grant lets its user set: refused in `parameters`.
   * @default none
   */
  readonly parameters?: readonly string[];
  /** @default the client alone */
  readonly proof?: Proof;
  /**
   * False for options with which a session writes what can't be fenced; see {@link ProviderSpec}.
   * @default always true
   */
  readonly fenceable?: (options: unknown) => boolean;
}

export interface Grant<Checked = unknown> {
  /** The name of its provider's module. */
  readonly module: string;
  readonly proof: Proof;
  /** The public function. Exported by `index.ts`, it makes the grant a built-in one: see built-in-grants.ts. */
  readonly factory: <Options>(options: Options) => ProviderSpec<Options>;
  /** Checks the options: in the starting thread, and again where a session opens. */
  readonly check: (options: unknown, path: string) => CheckResult<Checked>;
  /** The provider, as the actor loads it. `run` opens a session with checked options. */
  readonly provider: (run: (context: ProviderContext, options: Checked) => ProviderSession) => ProviderObject;
}

/** The options of a grant after their check. */
export type CheckedOptions<G> = G extends Grant<infer Checked> ? Checked : never;

const grants = new WeakMap<object, Grant>();

/** The grant of a public function; undefined for anything else. */
export const grantOf = (factory: object): Grant | undefined => grants.get(factory);

export const defineGrant = <Checked>({
  name,
  shape,
  secrets = [],
  parameters = [],
  proof = { options: [], refusals: [] },
  fenceable = () => true,
}: GrantDefinition<Checked>): Grant<Checked> => {
  const module = packageModule(`grants/${name}-provider.js`);
  const whole: Check<Checked> = (value, path, report) => {
    const options = shape(value)(value, path, report);
    const extra = propertyOf(options, 'parameters') ?? {};
    for (const own of parameters) {
      if (!Object.hasOwn(extra, own)) continue;
      report(joinPath(joinPath(path, 'parameters'), own), 'left to the grant', 'an extra parameter of that name');
    }
    return options;
  };
  const checkOptions = (options: unknown, path: string): CheckResult<Checked> => check(whole, options, path);
  const grant: Grant<Checked> = {
    module,
    proof,
    factory: (options) => ({
      module,
      export: 'provider',
      options: hideSecrets(options, secrets),
      fenceable: fenceable(options),
    }),
    check: checkOptions,
    provider: (run) => ({
      open(context) {
        // Checked again: a spec may have been written by hand.
        const { value, problems } = checkOptions(context.options, 'options');
        if (problems.length > 0) throw configError(problems, context.name);
        return run(context, value);
      },
    }),
  };
  grants.set(grant.factory, grant);
  return grant;
};
