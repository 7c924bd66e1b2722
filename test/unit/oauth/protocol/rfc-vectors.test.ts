/** The examples of the RFCs, as they are printed there: clients, tokens and secrets are theirs. */
import { describe, expect, it } from 'vitest';
import { ReadAnswer } from '../../../../src/net/read-answer.js';
import { parseBody } from '../../../../src/oauth/protocol/answer-body.js';
import {
  assertionInForm,
  clientName,
  noClient,
  secretInForm,
  secretInHeader,
  type ClientProof,
} from '../../../../src/oauth/protocol/client-proof.js';
import {
  clientCredentialsParameters,
  jwtBearerParameters,
  refreshTokenParameters,
  tokenExchangeParameters,
  type GrantParameters,
} from '../../../../src/oauth/protocol/grant.js';
import { metadataRequest, readMetadata } from '../../../../src/oauth/protocol/server-metadata.js';
import { readTokenAnswer, refreshTokenIn } from '../../../../src/oauth/protocol/token-answer.js';
import { tokenRequest, type TokenRequestParts } from '../../../../src/oauth/protocol/token-request.js';

const ASSERTION = 'eyJhbGciOiJFUzI1NiIsImtpZCI6IjE2In0.eyJpc3Mi.J9l-ZhwP';
const ACCESS_TOKEN_TYPE = 'urn:ietf:params:oauth:token-type:access_token';

interface RequestVector {
  readonly grant: GrantParameters;
  readonly proof: ClientProof;
  readonly more?: Partial<TokenRequestParts>;
  readonly authorization?: string;
  readonly body: string;
}

describe('the request', () => {
  it.each<[string, RequestVector]>([
    [
      'RFC 6749 §4.4.2, client credentials',
      {
        grant: clientCredentialsParameters(),
        proof: secretInHeader('s6BhdRkqt3', 'gX1fBat3bV'),
        authorization: 'Basic czZCaGRSa3F0MzpnWDFmQmF0M2JW',
        body: 'grant_type=client_credentials',
      },
    ],
    [
      'RFC 6749 §6, refresh',
      {
        grant: refreshTokenParameters('tGzv3JOkF0XG5Qx2TlKWIA'),
        proof: secretInHeader('s6BhdRkqt3', 'gX1fBat3bV'),
        authorization: 'Basic czZCaGRSa3F0MzpnWDFmQmF0M2JW',
        body: 'grant_type=refresh_token&refresh_token=tGzv3JOkF0XG5Qx2TlKWIA',
      },
    ],
    [
      'RFC 6749 §2.3.1, the secret in the form',
      {
        grant: refreshTokenParameters('tGzv3JOkF0XG5Qx2TlKWIA'),
        proof: secretInForm('s6BhdRkqt3', '7Fjfp0ZBr1KtDRbnfVdmIw'),
        body: 'grant_type=refresh_token&refresh_token=tGzv3JOkF0XG5Qx2TlKWIA&client_id=s6BhdRkqt3&client_secret=7Fjfp0ZBr1KtDRbnfVdmIw',
      },
    ],
    [
      'RFC 6749 §3.2.1, a public client',
      {
        grant: refreshTokenParameters('tGzv3JOkF0XG5Qx2TlKWIA'),
        proof: clientName('s6BhdRkqt3'),
        body: 'grant_type=refresh_token&refresh_token=tGzv3JOkF0XG5Qx2TlKWIA&client_id=s6BhdRkqt3',
      },
    ],
    [
      'RFC 7523 §2.1, an assertion as a grant',
      {
        grant: jwtBearerParameters(ASSERTION),
        proof: noClient,
        body: `grant_type=urn%3Aietf%3Aparams%3Aoauth%3Agrant-type%3Ajwt-bearer&assertion=${ASSERTION}`,
      },
    ],
    [
      'RFC 7523 §2.2, an assertion as the proof',
      {
        grant: clientCredentialsParameters(),
        proof: assertionInForm('s6BhdRkqt3', ASSERTION),
        body: `grant_type=client_credentials&client_id=s6BhdRkqt3&client_assertion_type=urn%3Aietf%3Aparams%3Aoauth%3Aclient-assertion-type%3Ajwt-bearer&client_assertion=${ASSERTION}`,
      },
    ],
    [
      'RFC 8693 §2.3, token exchange, with a secret that has hyphens',
      {
        grant: tokenExchangeParameters(
          { token: 'accVkjcJyb4BWCxGsndESCJQbdFMogUC5PbRDqceLTC', type: ACCESS_TOKEN_TYPE },
          undefined,
          undefined,
        ),
        proof: secretInHeader('rs08', 'long-secure-random-secret'),
        more: { resource: 'https://backend.example.com/api' },
        authorization: 'Basic cnMwODpsb25nLXNlY3VyZS1yYW5kb20tc2VjcmV0',
        body: 'resource=https%3A%2F%2Fbackend.example.com%2Fapi&grant_type=urn%3Aietf%3Aparams%3Aoauth%3Agrant-type%3Atoken-exchange&subject_token=accVkjcJyb4BWCxGsndESCJQbdFMogUC5PbRDqceLTC&subject_token_type=urn%3Aietf%3Aparams%3Aoauth%3Atoken-type%3Aaccess_token',
      },
    ],
    [
      'RFC 8693 §2.1, every parameter',
      {
        grant: tokenExchangeParameters({ token: 's', type: 'urn:s' }, { token: 'a', type: 'urn:a' }, 'urn:r'),
        proof: noClient,
        more: { audience: 'https://api.example', scope: ['read', 'write'] },
        body: 'scope=read+write&audience=https%3A%2F%2Fapi.example&grant_type=urn%3Aietf%3Aparams%3Aoauth%3Agrant-type%3Atoken-exchange&subject_token=s&subject_token_type=urn%3As&actor_token=a&actor_token_type=urn%3Aa&requested_token_type=urn%3Ar',
      },
    ],
    [
      'RFC 8707 §2, several resources, and an extra parameter that does not replace the grant',
      {
        grant: clientCredentialsParameters(),
        proof: noClient,
        more: { resource: ['urn:a', 'urn:b'], extra: { grant_type: 'password', tenant: 'é' } },
        body: 'grant_type=client_credentials&tenant=%C3%A9&resource=urn%3Aa&resource=urn%3Ab',
      },
    ],
  ])('%s', (_name, { grant, proof, more, authorization, body }) => {
    const common = { scope: undefined, audience: undefined, resource: undefined, extra: {} };
    expect(tokenRequest('https://server.example.com/token', { grant, proof, ...common, ...more })).toEqual({
      url: 'https://server.example.com/token',
      method: 'POST',
      headers: {
        accept: 'application/json',
        'content-type': 'application/x-www-form-urlencoded;charset=UTF-8',
        'user-agent': 'tokenvisor',
        ...(authorization !== undefined && { authorization }),
      },
      body,
    });
  });
});

describe('the secret in the header (RFC 6749 §2.3.1)', () => {
  const credentialsOf = ({ headers }: ClientProof): string =>
    Buffer.from(headers['authorization']!.replace('Basic ', ''), 'base64').toString();

  it.each([
    ['appendix B', ' %&+£€', '+%25%26%2B%C2%A3%E2%82%AC'],
    ['unreserved characters (RFC 3986 §2.3) stay', 'aB_cd-Ef.Gh~Ij', 'aB_cd-Ef.Gh~Ij'],
    ['reserved characters', "a:b%7E!*'()/?#[]@$,;=", 'a%3Ab%257E%21%2A%27%28%29%2F%3F%23%5B%5D%40%24%2C%3B%3D'],
    ['line breaks', 'a\r\nb\0', 'a%0D%0Ab%00'],
  ])('%s', (_name, text, encoded) => {
    expect(credentialsOf(secretInHeader(text, text))).toBe(`${encoded}:${encoded}`);
    expect(new URLSearchParams(`x=${encoded}`).get('x')).toBe(text);
  });

  it.each([secretInHeader, secretInForm])('an empty secret is not sent', (prove) => {
    expect(() => prove('a', '')).toThrow(expect.objectContaining({ class: 'fatal', reason: 'secret_unreadable' }));
  });
});

const read = (status: number, text: string, anyToken = false) => {
  const answer = new ReadAnswer(status, {}, Buffer.from(text), 'server.example.com');
  return readTokenAnswer(answer, parseBody(answer.body), { host: 'server.example.com', nowMs: 0, anyToken });
};

describe('the answer', () => {
  /** RFC 6749 §5.1, with the one type that is used here in the place of `example`. */
  const SUCCESS = {
    access_token: '2YotnFZFEjr1zCsicMWpAA',
    token_type: 'Bearer',
    expires_in: 3600,
    refresh_token: 'tGzv3JOkF0XG5Qx2TlKWIA',
    example_parameter: 'example_value',
  };
  const token = { value: '2YotnFZFEjr1zCsicMWpAA', tokenType: 'Bearer', expiresInS: 3600 };
  const whole = { token, refreshToken: 'tGzv3JOkF0XG5Qx2TlKWIA', issuedTokenType: undefined };

  it.each<[string, object, object]>([
    ['RFC 6749 §5.1', {}, whole],
    ['RFC 6749 §4.4.3, no refresh token', { refresh_token: undefined }, { ...whole, refreshToken: undefined }],
    ['RFC 6749 §3.3, a scope', { scope: 'a b' }, { ...whole, token: { ...token, scope: 'a b' } }],
    ['a number in a string', { expires_in: ' 3600 ' }, whole],
    ['a number in a string, as JSON writes it', { expires_in: '3.6e3' }, whole],
    ['a hint', { refresh_in: '1800' }, { ...whole, token: { ...token, refreshInS: 1800 } }],
    [
      'RFC 8693 §2.3',
      { issued_token_type: ACCESS_TOKEN_TYPE, expires_in: 60, refresh_token: null },
      { token: { ...token, expiresInS: 60 }, refreshToken: undefined, issuedTokenType: ACCESS_TOKEN_TYPE },
    ],
    ['a type of the issued token that is not a string', { issued_token_type: [1] }, whole],
    ['null, which counts as missing', { scope: null, refresh_in: null, issued_token_type: null }, whole],
  ])('%s', (_name, more, expected) => {
    expect(read(200, JSON.stringify({ ...SUCCESS, ...more }))).toEqual(expected);
  });

  it('RFC 8693 §2.2.1: N_A is for an exchange alone', () => {
    const text = JSON.stringify({ ...SUCCESS, token_type: 'n_a' });
    expect(read(200, text, true).token.tokenType).toBe('N_A');
    expect(() => read(200, text)).toThrow(/expected `token_type` to be Bearer, got another string$/);
  });

  it.each<[string, object, RegExp]>([
    ['RFC 6749 §5.1, `example` as it is printed', { token_type: 'example' }, /expected `token_type` to be Bearer/],
    ['no type', { token_type: undefined }, /`token_type` is missing$/],
    ['a type of null', { token_type: null }, /`token_type` is missing$/],
    ['a type that is a list', { token_type: ['Bearer'] }, /`token_type` to be a string, got a list of 1$/],
    ['no token', { access_token: undefined }, /`access_token` is missing$/],
    ['an empty token', { access_token: '' }, /`access_token` to be printable .* got an empty string$/],
    ['a token that is a number', { access_token: 5 }, /`access_token` to be a string, got a number$/],
    ['a token with a line break', { access_token: 'hush\n' }, /`access_token` to be printable/],
    ['a token that is too large', { access_token: 'hush'.repeat(20_000) }, /larger than \d+ bytes$/],
    ['an empty refresh token', { refresh_token: '' }, /`refresh_token` to be printable/],
    ['a refresh token that is too large', { refresh_token: 'hush'.repeat(20_000) }, /larger than \d+ bytes$/],
    ['a scope that is a list', { scope: ['hush'] }, /`scope` to be a string, got a list of 1$/],
    ['a life that is a word', { expires_in: 'hush' }, /`expires_in` to be a finite number of seconds, got a string$/],
    ['a life that is not finite', { expires_in: '1e400' }, /`expires_in` to be a finite number/],
  ])('that is malformed names the member, and quotes nothing: %s', (_name, more, message) => {
    const act = (): unknown => read(200, JSON.stringify({ ...SUCCESS, ...more }));
    expect(act).toThrow(message);
    expect(act).toThrow(expect.objectContaining({ class: 'transient', reason: 'malformed_answer', status: 200 }));
    expect(act).not.toThrow(/hush/);
  });

  it.each<[string, number, string, object]>([
    ['RFC 6749 §5.2', 400, '{"error":"invalid_request"}', { class: 'fatal', oauthError: 'invalid_request' }],
    ['RFC 6749 §5.2, the client', 401, '{"error":"invalid_client"}', { class: 'fatal', oauthError: 'invalid_client' }],
    ['RFC 8693 §2.2.2', 400, '{"error":"invalid_target"}', { class: 'fatal', oauthError: 'invalid_target' }],
    ['a refusal in a 200', 200, '{"error":"invalid_grant"}', { class: 'fatal', oauthError: 'invalid_grant' }],
    ['a page', 200, '<html>', { class: 'transient', message: expect.stringMatching(/is not JSON$/) as string }],
    [
      'a list',
      200,
      '[]',
      { class: 'transient', message: expect.stringMatching(/is JSON, but not an object$/) as string },
    ],
    ['another success', 201, JSON.stringify(SUCCESS), { class: 'transient', reason: 'malformed_answer', status: 201 }],
  ])('that is a failure: %s', (_name, status, text, expected) => {
    expect(() => read(status, text)).toThrow(expect.objectContaining(expected));
  });

  it.each<[string, number, string, string | undefined]>([
    ['a token', 200, JSON.stringify(SUCCESS), 'tGzv3JOkF0XG5Qx2TlKWIA'],
    ['a success that is malformed', 201, '{"refresh_token":"next"}', 'next'],
    ['a refusal', 400, '{"refresh_token":"next"}', undefined],
    ['a refresh token that no header can carry', 200, '{"refresh_token":"next\\n"}', undefined],
    ['a refresh token that is too large', 200, `{"refresh_token":"${'x'.repeat(50_000)}"}`, undefined],
    ['a list', 200, '["next"]', undefined],
    ['a page', 200, '<html>', undefined],
  ])('has a next refresh token, or not: %s', (_name, status, text, expected) => {
    const answer = new ReadAnswer(status, {}, Buffer.from(text), 'server.example.com');
    expect(refreshTokenIn(answer, parseBody(answer.body))).toBe(expected);
  });
});

describe('the metadata', () => {
  it.each([
    // RFC 8414 §3.1.
    ['oauth2', 'https://example.com', 'https://example.com/.well-known/oauth-authorization-server'],
    ['oauth2', 'https://example.com/', 'https://example.com/.well-known/oauth-authorization-server'],
    ['oauth2', 'https://example.com/issuer1', 'https://example.com/.well-known/oauth-authorization-server/issuer1'],
    ['oauth2', 'https://example.com/issuer1/', 'https://example.com/.well-known/oauth-authorization-server/issuer1'],
    ['oauth2', 'https://example.com/a//b', 'https://example.com/.well-known/oauth-authorization-server/a//b'],
    // OpenID Connect Discovery 1.0 §4.1.
    ['oidc', 'https://example.com', 'https://example.com/.well-known/openid-configuration'],
    ['oidc', 'https://example.com/', 'https://example.com/.well-known/openid-configuration'],
    ['oidc', 'https://example.com/issuer1', 'https://example.com/issuer1/.well-known/openid-configuration'],
    ['oidc', 'https://example.com/issuer1/', 'https://example.com/issuer1/.well-known/openid-configuration'],
    ['oidc', 'https://example.com/a//b', 'https://example.com/a//b/.well-known/openid-configuration'],
    ['oidc', 'https://example.com:8443/a%2Fb', 'https://example.com:8443/a%2Fb/.well-known/openid-configuration'],
  ] as const)('by %s of %s are at %s', (kind, issuer, url) => {
    const headers = { accept: 'application/json', 'user-agent': 'tokenvisor' };
    expect(metadataRequest(issuer, kind)).toEqual({ url, method: 'GET', headers });
  });

  const rules = { issuer: 'https://server.example.com', allowInsecureHttp: false, hosts: undefined };
  /** RFC 8414 §3.2, in part. */
  const METADATA = {
    issuer: 'https://server.example.com',
    authorization_endpoint: 'https://server.example.com/authorize',
    token_endpoint: 'https://server.example.com/token',
    token_endpoint_auth_methods_supported: ['client_secret_basic', 'private_key_jwt'],
    token_endpoint_auth_signing_alg_values_supported: ['RS256', 'ES256'],
  };
  const whole = {
    issuer: 'https://server.example.com',
    tokenEndpoint: 'https://server.example.com/token',
    authMethods: ['client_secret_basic', 'private_key_jwt'],
    mtlsTokenEndpoint: undefined,
  };

  it.each<[string, object, object]>([
    ['RFC 8414 §3.2', {}, whole],
    [
      'RFC 8705 §5',
      { mtls_endpoint_aliases: { token_endpoint: 'https://mtls.example.com/token' } },
      { ...whole, mtlsTokenEndpoint: 'https://mtls.example.com/token' },
    ],
    ['an alias that is not a string', { mtls_endpoint_aliases: { token_endpoint: 5 } }, whole],
    [
      'the same URL in another form',
      { issuer: 'HTTPS://server.example.com:443/' },
      { ...whole, issuer: 'HTTPS://server.example.com:443/' },
    ],
    ['no methods', { token_endpoint_auth_methods_supported: null }, { ...whole, authMethods: undefined }],
  ])('are read: %s', (_name, more, expected) => {
    expect(readMetadata({ ...METADATA, ...more }, rules)).toEqual(expected);
  });

  it.each<[string, object, object]>([
    ['RFC 8414 §3.3, another issuer', { issuer: 'https://evil.example' }, { class: 'fatal' }],
    ['RFC 8414 §3.3, another path', { issuer: 'https://server.example.com/tenant' }, { class: 'fatal' }],
    ['no issuer', { issuer: undefined }, { class: 'transient', status: 200 }],
    ['an issuer that is not a URL', { issuer: 'server' }, { class: 'transient', status: 200 }],
    ['no endpoint', { token_endpoint: undefined }, { class: 'transient' }],
    ['a relative endpoint', { token_endpoint: '/token' }, { class: 'transient' }],
    [
      'an endpoint in clear',
      { token_endpoint: 'http://server.example.com/token' },
      { class: 'fatal', reason: 'tls_failed' },
    ],
    ['methods that are not a list', { token_endpoint_auth_methods_supported: 'none' }, { class: 'transient' }],
  ])('are refused: %s', (_name, more, expected) => {
    expect(() => readMetadata({ ...METADATA, ...more }, rules)).toThrow(
      expect.objectContaining({ reason: 'malformed_answer', ...expected }),
    );
  });

  it('may be of an issuer with a path', () => {
    const issuer = 'https://example.com/issuer1';
    expect(readMetadata({ ...METADATA, issuer }, { ...rules, issuer }).issuer).toBe(issuer);
  });
});
