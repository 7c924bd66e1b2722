/** Which RSA keys are accepted, to sign and to verify. */
import type { KeyObject } from 'node:crypto';

/** RFC 7518 §3.3. */
const LEAST_RSA_BITS = 2_048;

/**
 * Why an RSA key is refused; undefined if it is accepted. With an exponent of 1 the signature equals the message, so anyone could
 * sign; FIPS 186-5 §A.1.1 requires an odd exponent, and a larger one than is required here.
 */
export const weaknessOfRsa = ({ asymmetricKeyDetails }: KeyObject): string | undefined => {
  const { modulusLength = 0, publicExponent = 0n } = asymmetricKeyDetails ?? {};
  if (modulusLength < LEAST_RSA_BITS)
    return `expected an RSA key of ${LEAST_RSA_BITS} bits or more, got ${modulusLength}`;
  if (publicExponent < 3n || publicExponent % 2n === 0n) return 'expected an RSA key with an odd exponent of 3 or more';
  return undefined;
};
