/** The server's side of TLS, with the certificate that a fault says, or with none of it. */
import type { Socket } from 'node:net';
import { createSecureContext, type SecureContext, TLSSocket } from 'node:tls';
import { createAuthority } from '../support/certificates.js';
import { reset } from './deliver.js';
import type { NoConnection } from './types.js';

export interface Secured {
  /** What a client has to trust: PEM. */
  readonly ca: string;
  /** The socket above a raw one; undefined if nothing will ever be said on it. */
  readonly over: (raw: Socket, why: NoConnection | undefined) => Socket | undefined;
}

const DAY_MS = 86_400_000;

/** Certificates of an authority of its own, one of each kind. */
export const createSecured = (): Secured => {
  const authority = createAuthority('an authority');
  const contexts: Partial<Record<NoConnection | 'well', SecureContext>> = {
    well: createSecureContext(authority.issue()),
    tls_wrong_name: createSecureContext(authority.issue({ dnsNames: ['other.example'], addresses: ['127.0.0.2'] })),
    tls_expired: createSecureContext(authority.issue({ notAfterMs: Date.now() - DAY_MS })),
    // Of the same name: a name proves nothing.
    tls_unknown_authority: createSecureContext(createAuthority('an authority').issue()),
  };
  return {
    ca: authority.cert,
    over: (raw, why) => {
      // Nothing sits above it that would end this side when the client ends its own.
      if (why?.startsWith('tls_')) raw.on('end', () => raw.end());
      if (why === 'tls_hangs') return void raw.resume();
      if (why === 'tls_reset') return void raw.once('data', () => reset(raw));
      if (why === 'tls_not_spoken') {
        return void raw.once('data', () => raw.end('HTTP/1.1 400 Bad Request\r\n\r\nThis port speaks HTTP'));
      }
      const secureContext = contexts[why ?? 'well'];
      return new TLSSocket(raw, { isServer: true, ...(secureContext && { secureContext }) });
    },
  };
};
