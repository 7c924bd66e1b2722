/** Which RSA keys are taken, to sign and to verify. */
import type { KeyObject } from 'node:crypto';

/** RFC 7518 §3.3. */
const LEAST_RSA_BITS = 2_048;

/**
 * What is wrong with an RSA key, in words; undefined if nothing is. An exponent that is even is no exponent of RSA, and with 1 a
 * signature is its own text: anybody could sign (FIPS 186-5 §A.1.1 has it odd, and larger).
 */
export const weaknessOfRsa = ({ asymmetricKeyDetails }: KeyObject): string | undefined => {
  const { modulusLength = 0, publicExponent = 0n } = asymmetricKeyDetails ?? {};
  if (modulusLength < LEAST_RSA_BITS)
    return `expected an RSA key of ${LEAST_RSA_BITS} bits or more, got ${modulusLength}`;
  if (publicExponent < 3n || publicExponent % 2n === 0n) return 'expected an RSA key with an odd exponent of 3 or more';
  return undefined;
};
