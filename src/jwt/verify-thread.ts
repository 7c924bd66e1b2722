/** A job of a thread that verifies many tokens: it checks them with the keys of the job. */
import { KeySet, type Outcome, type TokenRules } from './key-set.js';
import type { VerificationKey } from './verification-key.js';

export interface VerifyJob {
  readonly rules: TokenRules;
  readonly keys: readonly VerificationKey[];
  readonly tokens: readonly string[];
}

export const verifyJob = ({ rules, keys, tokens }: VerifyJob): readonly Outcome[] => {
  const set = new KeySet(keys, rules);
  return tokens.map((token) => set.check(token));
};
