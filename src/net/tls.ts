/** Builds the TLS context of a request from PEM texts, which may be secrets. */
import type { SecureContext } from 'node:tls';
import { ProviderError } from '../core/errors.js';
import { codeOf } from './http-failures.js';
import type { TlsOptions } from './http-types.js';
import { readSecret } from '../secrets/references.js';

/**
 * The secure context for these options. Secret files are read at every call, so that a renewed certificate is used.
 *
 * @throws `park` ProviderErrors: `secret_unreadable`, or `tls_failed` for an invalid certificate or key
 */
export const secureContextFor = (tls: TlsOptions): SecureContext => {
  const pem = {
    ...(tls.ca === undefined ? {} : { ca: [tls.ca].flat().map((one) => readSecret(one as string)) }),
    ...(tls.cert === undefined ? {} : { cert: readSecret(tls.cert) }),
    ...(tls.key === undefined ? {} : { key: readSecret(tls.key) }),
  };
  try {
    return process.getBuiltinModule('node:tls').createSecureContext(pem);
  } catch (error) {
    throw new ProviderError(
      `Expected \`tls\` to have PEM texts that fit together, got unusable ones (${codeOf(error)}). A path is given as file(path)`,
      { class: 'fatal', reason: 'tls_failed' },
    );
  }
};
