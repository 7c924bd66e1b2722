/** The parameters of each grant. Pure. */

/** Form parameters, `grant_type` among them. */
export interface GrantParameters {
  readonly grant_type: string;
  readonly [name: string]: string;
}

/** The client credentials grant (RFC 6749 §4.4.2). */
export const clientCredentialsParameters = (): GrantParameters => ({ grant_type: 'client_credentials' });

/** The refresh of an access token (RFC 6749 §6). */
export const refreshTokenParameters = (refreshToken: string): GrantParameters => ({
  grant_type: 'refresh_token',
  refresh_token: refreshToken,
});

/** The JWT bearer grant (RFC 7521 §4.1, RFC 7523 §2.1). */
export const jwtBearerParameters = (assertion: string): GrantParameters => ({
  grant_type: 'urn:ietf:params:oauth:grant-type:jwt-bearer',
  assertion,
});

/** A token and its type (RFC 8693 §3). */
export interface TypedToken {
  readonly token: string;
  readonly type: string;
}

/** Token exchange (RFC 8693 §2.1). */
export const tokenExchangeParameters = (
  subject: TypedToken,
  actor: TypedToken | undefined,
  requestedTokenType: string | undefined,
): GrantParameters => ({
  grant_type: 'urn:ietf:params:oauth:grant-type:token-exchange',
  subject_token: subject.token,
  subject_token_type: subject.type,
  ...(actor !== undefined && { actor_token: actor.token, actor_token_type: actor.type }),
  ...(requestedTokenType !== undefined && { requested_token_type: requestedTokenType }),
});
