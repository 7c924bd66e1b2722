/**
 * The codes of OAuth errors that are shown. A server knows the client's secrets, and could send parts of them back as a code. So
 * only the codes below are shown; of any other code, its length.
 */

import type { Members } from './answer-body.js';

/** The codes of token endpoints, and of endpoints beside them, by their sources. */
const KNOWN: ReadonlySet<string> = new Set([
  // RFC 6749 §4.1.2.1, §5.2.
  ...['invalid_request', 'invalid_client', 'invalid_grant', 'unauthorized_client', 'unsupported_grant_type'],
  ...['invalid_scope', 'access_denied', 'unsupported_response_type', 'server_error', 'temporarily_unavailable'],
  // RFC 6750 §3.1, RFC 7009 §2.2.1, RFC 8628 §3.5.
  ...['invalid_token', 'insufficient_scope', 'unsupported_token_type', 'authorization_pending', 'slow_down'],
  'expired_token',
  // OpenID Connect Core §3.1.2.6, CIBA Core §11, §13.
  ...['interaction_required', 'login_required', 'account_selection_required', 'consent_required'],
  ...['invalid_request_uri', 'invalid_request_object', 'request_not_supported', 'request_uri_not_supported'],
  ...['registration_not_supported', 'unmet_authentication_requirements', 'transaction_failed'],
  // RFC 7591 §3.2.2, RFC 8707 §2, RFC 9396 §5, RFC 9449 §5 and §8, RFC 9470 §3.
  ...['invalid_redirect_uri', 'invalid_client_metadata', 'invalid_software_statement'],
  ...['unapproved_software_statement', 'invalid_target', 'invalid_authorization_details', 'invalid_dpop_proof'],
  ...['use_dpop_nonce', 'insufficient_user_authentication'],
  // Extensions of servers: Auth0, GitHub, Google, Salesforce, Slack.
  ...['too_many_requests', 'mfa_required', 'unauthorized', 'bad_refresh_token', 'incorrect_client_credentials'],
  ...['application_suspended', 'redirect_uri_mismatch', 'admin_policy_enforced', 'disabled_client', 'deleted_client'],
  ...['org_internal', 'rate_limit_exceeded', 'inactive_user', 'inactive_org', 'unknown_error', 'invalid_auth'],
  ...['invalid_refresh_token', 'ratelimited'],
]);

/** An error that a server's answer has. */
export interface OAuthError {
  /** Its code, if it is one that is known. */
  readonly code: string | undefined;
  /** Its text in errors and events. */
  readonly shown: string;
}

/** The `error` member of an answer (RFC 6749 §5.2), if it has the form of a code, and no access token beside it. */
export const oauthErrorOf = (members: Members | undefined): OAuthError | undefined => {
  if (members === undefined || 'access_token' in members) return undefined;
  const code = members['error'];
  if (typeof code !== 'string' || !/^\w{1,64}$/.test(code)) return undefined;
  if (KNOWN.has(code)) return { code, shown: code };
  return { code: undefined, shown: `an unknown code of ${code.length} characters` };
};
