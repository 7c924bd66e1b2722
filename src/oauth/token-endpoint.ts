/**
 * One exchange with a token endpoint (RFC 6749 §3.2): it prepares the request, asks by the HTTP client, and keeps the issuer's
 * metadata. The request and the answer themselves are in `protocol`.
 */
import { setBound } from '../core/bound.js';
import { ProviderError } from '../core/errors.js';
import { withChanges } from '../core/with-changes.js';
import { givenUp, unsent } from '../net/http-failures.js';
import type { HttpAnswer } from '../net/http-types.js';
import { clientAuthentication, type Authenticate } from './client-authentication.js';
import { discover } from './discovery.js';
import { parseBody } from './protocol/answer-body.js';
import type { ClientProof } from './protocol/client-proof.js';
import type { GrantParameters } from './protocol/grant.js';
import { checkedEndpoint, type ServerMetadata } from './protocol/server-metadata.js';
import { readTokenAnswer, refreshTokenIn, type TokenAnswer } from './protocol/token-answer.js';
import { tokenRequest, type ProtocolRequest } from './protocol/token-request.js';
import type { ProviderContext } from './provider.js';
import type { CheckedGrantOptions } from './request-options.js';

type Context = Pick<ProviderContext, 'clock' | 'secret' | 'request' | 'warm'>;

/** What one exchange needs beside the options. */
export interface Exchange {
  readonly grant: GrantParameters;
  readonly signal: AbortSignal;
  /** Called with the refresh token of a 2xx answer, if it can be read, before the rest of the answer is checked. */
  readonly onRefreshToken?: (refreshToken: string) => void;
  /** The answer may be a token that is not an access token: `token_type` N_A (RFC 8693 §2.2.1). */
  readonly anyToken?: boolean;
}

/** The token endpoint of one session of a provider. */
export class TokenEndpoint {
  readonly #context: Context;
  readonly #options: CheckedGrantOptions;
  readonly #authenticate: Authenticate;
  /** Kept for the session: an issuer's metadata rarely changes. */
  #server: ServerMetadata | undefined;
  /** True after a failure that wrong metadata would explain: the metadata are asked for again before the next exchange. */
  #isSuspect = false;

  constructor(context: Context, options: CheckedGrantOptions) {
    this.#context = context;
    this.#options = options;
    this.#authenticate = clientAuthentication(context, options);
    const { issuer, tokenEndpoint } = options;
    if (tokenEndpoint !== undefined) {
      this.#server = { issuer: tokenEndpoint, tokenEndpoint, authMethods: undefined, mtlsTokenEndpoint: undefined };
    }
    context.warm(new URL(issuer ?? tokenEndpoint!).hostname);
  }

  /** Does all that can fail before the token endpoint is asked: the issuer's metadata, the client's proof. */
  async prepare(signal: AbortSignal): Promise<PreparedExchange> {
    const bound = setBound(this.#context.clock, this.#options.timeoutMs);
    const leftMs = (): number => bound.leftMs();
    let server: ServerMetadata;
    let proof: ClientProof;
    try {
      server = await this.#find(signal, leftMs);
      proof = this.#authenticate(server);
    } catch (error) {
      bound.cancel();
      throw error;
    }
    return {
      issuer: server.issuer,
      exchange: async (exchange) => {
        try {
          const result = await this.#exchange(server, proof, exchange, leftMs);
          this.#isSuspect = false;
          return result;
        } catch (error) {
          this.#isSuspect = this.#options.issuer !== undefined && mayBeMisdirected(error);
          throw error;
        } finally {
          bound.cancel();
        }
      },
    };
  }

  /** The server: its metadata are asked for once a session, and again if they may be wrong. */
  async #find(signal: AbortSignal, leftMs: () => number): Promise<ServerMetadata> {
    const known = this.#server;
    if (known === undefined) return (this.#server = await this.#discover(signal, leftMs));
    if (!this.#isSuspect) return known;
    try {
      // The exchange with the known server has the other half of the time.
      this.#server = await this.#discover(signal, () => leftMs() - this.#options.timeoutMs / 2);
      return this.#server;
    } catch {
      return known;
    }
  }

  async #discover(signal: AbortSignal, leftMs: () => number): Promise<ServerMetadata> {
    const ask = (request: ProtocolRequest): Promise<HttpAnswer> => this.#answered(request, signal, leftMs);
    const { issuer, discovery, allowInsecureHttp = false, tokenEndpointHosts: hosts } = this.#options;
    const rules = { issuer: issuer!, allowInsecureHttp, hosts };
    const server = await discover(ask, rules, discovery, () => this.#context.clock.wallMs());
    const endpoint = checkedEndpoint(this.#endpointOf(server), 'token endpoint for mTLS', rules);
    this.#context.warm(new URL(endpoint).hostname);
    return server;
  }

  async #exchange(
    server: ServerMetadata,
    proof: ClientProof,
    { grant, signal, onRefreshToken, anyToken = false }: Exchange,
    leftMs: () => number,
  ): Promise<TokenAnswer> {
    const endpoint = this.#endpointOf(server);
    const { host } = new URL(endpoint);
    let request: ProtocolRequest;
    try {
      request = this.#request(endpoint, grant, proof);
    } catch (error) {
      throw unsent(error, host);
    }
    const answer = await this.#answered(request, signal, leftMs);
    const body = parseBody(answer.body);
    const refreshToken = refreshTokenIn(answer, body);
    if (refreshToken !== undefined) onRefreshToken?.(refreshToken);
    return readTokenAnswer(answer, body, { host, nowMs: this.#context.clock.wallMs(), anyToken });
  }

  get #showsCertificate(): boolean {
    return this.#options.tls?.cert !== undefined;
  }

  /** A client that shows its certificate may have an endpoint of its own (RFC 8705 §5). */
  #endpointOf({ tokenEndpoint, mtlsTokenEndpoint }: ServerMetadata): string {
    return this.#showsCertificate ? (mtlsTokenEndpoint ?? tokenEndpoint) : tokenEndpoint;
  }

  #request(endpoint: string, grant: GrantParameters, proof: ClientProof): ProtocolRequest {
    const { scope, audience, resource, parameters = {} } = this.#options;
    const secrets = Object.entries(parameters).map(([name, value]) => [name, this.#context.secret(value)] as const);
    return tokenRequest(endpoint, { grant, proof, scope, audience, resource, extra: Object.fromEntries(secrets) });
  }

  /** Asks; a refusal whose body can't be read is still a refusal with its status. */
  async #answered(request: ProtocolRequest, signal: AbortSignal, leftMs: () => number): Promise<HttpAnswer> {
    try {
      return await this.#ask(request, signal, leftMs);
    } catch (error) {
      if (!(error instanceof ProviderError) || (error.status ?? 200) < 300) throw error;
      const seconds = error.retryAfterMs === undefined ? {} : { 'retry-after': String(error.retryAfterMs / 1_000) };
      return { status: error.status!, headers: seconds, body: '', json: () => ({}) };
    }
  }

  #ask(request: ProtocolRequest, signal: AbortSignal, leftMs: () => number): Promise<HttpAnswer> {
    const { url, method, headers, body } = request;
    const timeoutMs = Math.ceil(leftMs());
    if (timeoutMs <= 0) throw givenUp('connecting', 'its time is over', new URL(url).host);
    const { tls, allowInsecureHttp = false } = this.#options;
    const init = { method, headers, allowInsecureHttp, timeoutMs, ...(body !== undefined && { body }) };
    return this.#context.request(url, tls === undefined ? init : withChanges(init, { tls }), signal);
  }
}

/** True of a failure that a request to the wrong endpoint may have: no OAuth server has answered. */
const mayBeMisdirected = (error: unknown): boolean =>
  error instanceof ProviderError &&
  error.reason !== 'oauth_error' &&
  (error.class === 'fatal' || error.reason === 'connect_failed');

/** An exchange that only needs to be sent. */
export interface PreparedExchange {
  /** The issuer by its metadata, or the token endpoint where there is none: the audience of an assertion. */
  readonly issuer: string;
  readonly exchange: (exchange: Exchange) => Promise<TokenAnswer>;
}
