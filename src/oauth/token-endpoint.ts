/**
 * One exchange with a token endpoint (RFC 6749 §3.2). The OAuth library writes the request and checks the answer; the
 * HTTP door carries them; what a refusal means is decided in answer-classes.ts.
 */
import {
  allowInsecureRequests,
  customFetch,
  genericTokenEndpointRequest,
  processGenericTokenEndpointResponse,
  type AuthorizationServer,
  type ClientAuth,
} from 'oauth4webapi';
import { setBound } from '../core/bound.js';
import { ProviderError } from '../core/errors.js';
import { withChanges } from '../core/with-changes.js';
import { failureOf } from './answer-classes.js';
import { asFetch } from './as-fetch.js';
import { clientAuthentication, type Authenticate } from './client-authentication.js';
import type { CheckedGrantOptions } from './request-options.js';
import { givenUp, malformedAnswer, unsent } from '../net/http-failures.js';
import { checkedEndpoint, discover } from './discovery.js';
import { inLibrary } from './library-scope.js';
import type { MintedToken, ProviderContext } from './provider.js';
import type { HttpAnswer, HttpRequest } from '../net/http-types.js';
import { splitAnswer, toMintedToken, type SplitAnswer, type TokenMembers } from './token-answer.js';

type Context = Pick<ProviderContext, 'clock' | 'secret' | 'request' | 'warm'>;

/** What one exchange needs beside the options. */
export interface Exchange {
  readonly grantType: string;
  readonly parameters: Readonly<Record<string, string>>;
  readonly signal: AbortSignal;
  /** Called with the body of a 2xx answer, before it is checked. */
  readonly onAnswer?: (body: string) => void;
  /** The answer may be a token that is no access token: `token_type` N_A (RFC 8693 §2.2.1). */
  readonly anyToken?: boolean;
}

export interface ExchangeResult {
  readonly token: MintedToken;
  readonly refreshToken: string | undefined;
  /** RFC 8693 §2.2.1. */
  readonly issuedTokenType: string | undefined;
}

export class TokenEndpoint {
  readonly #context: Context;
  readonly #options: CheckedGrantOptions;
  readonly #authenticate: Authenticate;
  /** Kept as long as the session: an issuer's metadata changes about as often as our options do. */
  #server: AuthorizationServer | undefined;
  /** An exchange has failed in a way that wrong metadata would explain: they are asked for again before the next one. */
  #isSuspect = false;

  constructor(context: Context, options: CheckedGrantOptions) {
    this.#context = context;
    this.#options = options;
    this.#authenticate = clientAuthentication(context, options);
    const { issuer, tokenEndpoint } = options;
    if (tokenEndpoint !== undefined) this.#server = { issuer: tokenEndpoint, token_endpoint: tokenEndpoint };
    context.warm(new URL(issuer ?? tokenEndpoint!).hostname);
  }

  /** Gets ready: all that can fail without the token endpoint's being asked, the issuer's metadata among it. */
  async prepare(signal: AbortSignal): Promise<PreparedExchange> {
    const bound = setBound(this.#context.clock, this.#options.timeoutMs);
    const leftMs = (): number => bound.leftMs();
    let server: AuthorizationServer;
    let authentication: ClientAuth;
    try {
      server = await this.#find(signal, leftMs);
      authentication = this.#authenticate(server);
    } catch (error) {
      bound.cancel();
      throw error;
    }
    return {
      issuer: server.issuer,
      exchange: async (exchange) => {
        try {
          const result = await this.#exchange(server, authentication, exchange, leftMs);
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

  /** The server, from its metadata once a session, and again if they may have led nowhere. */
  async #find(signal: AbortSignal, leftMs: () => number): Promise<AuthorizationServer> {
    const known = this.#server;
    if (known === undefined) return (this.#server = await this.#discover(signal, leftMs));
    if (!this.#isSuspect) return known;
    try {
      // What is known gets the other half.
      this.#server = await this.#discover(signal, () => leftMs() - this.#options.timeoutMs / 2);
      return this.#server;
    } catch {
      return known;
    }
  }

  async #discover(signal: AbortSignal, leftMs: () => number): Promise<AuthorizationServer> {
    const ask = (url: string, init: HttpRequest): Promise<HttpAnswer> => this.#answered(url, init, signal, leftMs);
    const { issuer, discovery, allowInsecureHttp = false, tokenEndpointHosts: hosts } = this.#options;
    const rules = { issuer: issuer!, allowInsecureHttp, hosts };
    const server = await discover(ask, rules, discovery, () => this.#context.clock.wallMs());
    const endpoint = checkedEndpoint(this.#endpointOf(server), 'token endpoint for mTLS', rules);
    this.#context.warm(new URL(endpoint).hostname);
    return server;
  }

  async #exchange(
    server: AuthorizationServer,
    authentication: ClientAuth,
    { grantType, parameters, signal, onAnswer, anyToken = false }: Exchange,
    leftMs: () => number,
  ): Promise<ExchangeResult> {
    // The library asks for a client's name; without a client it goes nowhere.
    const client = { client_id: this.#options.clientId ?? 'none', use_mtls_endpoint_aliases: this.#showsCertificate };
    const { host } = new URL(this.#endpointOf(server));
    let split: SplitAnswer | undefined;
    const state = { isAsked: false };
    const fetchToken = asFetch(async (url, init) => {
      state.isAsked = true;
      const answer = await this.#answered(url, init, signal, leftMs);
      if (answer.status >= 200 && answer.status < 300) onAnswer?.(answer.body);
      const failure = failureOf(answer, host, this.#context.clock.wallMs());
      if (failure !== undefined) throw failure;
      split = splitAnswer(answer);
      return split.rest;
    });
    let response: Response;
    try {
      const form = this.#form(parameters);
      response = await inLibrary(() =>
        genericTokenEndpointRequest(server, client, authentication, grantType, form, {
          [customFetch]: fetchToken,
          [allowInsecureRequests]: true,
        }),
      );
    } catch (error) {
      throw state.isAsked ? error : unsent(error, host);
    }
    let members: TokenMembers;
    try {
      members = await inLibrary(() =>
        processGenericTokenEndpointResponse(server, client, response, {
          recognizedTokenTypes: anyToken ? { n_a: () => undefined } : {},
        }),
      );
    } catch {
      // The library's errors quote the answer, so none of them goes on from here.
      throw malformedAnswer(`The answer of ${host} is no token answer (RFC 6749 §5.1)`, { status: 200 });
    }
    const { refresh_token: refreshToken, issued_token_type: issued } = members;
    const issuedTokenType = typeof issued === 'string' ? issued : undefined;
    return { token: toMintedToken(members, split!), refreshToken, issuedTokenType };
  }

  get #showsCertificate(): boolean {
    return this.#options.tls?.cert !== undefined;
  }

  /** A client that shows its certificate may have to go elsewhere (RFC 8705 §5). */
  #endpointOf(server: AuthorizationServer): string {
    const alias = this.#showsCertificate ? server.mtls_endpoint_aliases?.token_endpoint : undefined;
    return alias ?? server.token_endpoint!;
  }

  /** Asks; a refusal whose body can't be read is still a refusal with its status. */
  async #answered(url: string, init: HttpRequest, signal: AbortSignal, leftMs: () => number): Promise<HttpAnswer> {
    try {
      return await this.#ask(url, init, signal, leftMs);
    } catch (error) {
      if (!(error instanceof ProviderError) || (error.status ?? 200) < 300) throw error;
      const seconds = error.retryAfterMs === undefined ? {} : { 'retry-after': String(error.retryAfterMs / 1_000) };
      return { status: error.status!, headers: seconds, body: '', json: () => ({}) };
    }
  }

  #ask(url: string, init: HttpRequest, signal: AbortSignal, leftMs: () => number): Promise<HttpAnswer> {
    const timeoutMs = Math.ceil(leftMs());
    if (timeoutMs <= 0) throw givenUp('connecting', 'its time is over', new URL(url).host);
    const { tls, allowInsecureHttp = false } = this.#options;
    return this.#context.request(
      url,
      withChanges(init, { allowInsecureHttp, timeoutMs, ...(tls === undefined ? {} : { tls }) }),
      signal,
    );
  }

  #form(own: Readonly<Record<string, string>>): URLSearchParams {
    const { scope, audience, resource, parameters = {} } = this.#options;
    const form = new URLSearchParams();
    for (const [name, value] of Object.entries(parameters)) form.set(name, this.#context.secret(value));
    if (scope !== undefined) form.set('scope', [scope].flat().join(' '));
    if (audience !== undefined) form.set('audience', audience);
    for (const one of resource === undefined ? [] : [resource].flat()) form.append('resource', one);
    for (const [name, value] of Object.entries(own)) form.set(name, value);
    return form;
  }
}

/** True of what a request meets that has gone to the wrong place: a server there has not spoken OAuth. */
const mayBeMisdirected = (error: unknown): boolean =>
  error instanceof ProviderError &&
  error.reason !== 'oauth_error' &&
  (error.class === 'park' || error.reason === 'connect_failed');

/** An exchange that needs nothing more than to be sent. */
export interface PreparedExchange {
  /** The issuer by its metadata, or the token endpoint where there is none: who an assertion is for. */
  readonly issuer: string;
  readonly exchange: (exchange: Exchange) => Promise<ExchangeResult>;
}
