/** What can be seen of a simulated world: all that the invariants, the coverage and the trace are made from. */
import type { RefreshTurn } from '../../src/kinds/credential/refresh/refresh-channel.js';
import type { CredentialOptions } from '../../src/kinds/credential/credential.js';
import type { Token } from '../../src/oauth/token.js';
import type { Fault, HostileAnswer } from '../hostile/types.js';

/** One request to the token endpoint. */
export interface SeenRequest {
  readonly number: number;
  /** Of the incarnation that made it, in its process. */
  readonly incarnation: number;
  readonly process: number;
  readonly sentMonoMs: number;
  /** Wall time without steps: what really passes. */
  readonly sentRealMs: number;
  readonly refreshToken?: string;
  readonly clientSecret: string;
  readonly fault: Fault | undefined;
}

/** How it ended for the one who asked. */
export type Outcome =
  /** Nothing of it has reached the server. */
  | { readonly kind: 'never_sent'; readonly why: string }
  /** A whole answer, as it was read. */
  | { readonly kind: 'answered'; readonly answer: HostileAnswer; readonly body: string; readonly serverDateMs?: number }
  /** An answer whose body was not read. */
  | { readonly kind: 'unread'; readonly answer: HostileAnswer }
  /** It may have been read, and there is no answer. */
  | { readonly kind: 'lost'; readonly why: string };

/** What somebody does who uses the credential, or looks after it. */
export type Deed =
  | { readonly what: 'get' | 'refresh'; readonly timeoutMs: number }
  | { readonly what: 'invalidate'; readonly generation: number; readonly timeoutMs: number }
  | { readonly what: 'resume' | 'change_secret_file' | 'give_new_seed' }
  | { readonly what: 'rotate'; readonly options: CredentialOptions; readonly overlapMs: number };

export type Happening =
  | { readonly kind: 'options'; readonly options: CredentialOptions }
  | { readonly kind: 'deed'; readonly deed: Deed }
  | { readonly kind: 'request'; readonly request: SeenRequest; readonly unsettled: number; readonly fenced: boolean }
  | { readonly kind: 'settled'; readonly request: SeenRequest; readonly outcome: Outcome }
  | { readonly kind: 'turn'; readonly turn: RefreshTurn; readonly incarnation: number }
  | { readonly kind: 'event'; readonly type: string; readonly details: Readonly<Record<string, unknown>> }
  | { readonly kind: 'status'; readonly status: unknown }
  /** `error` is the text of what was thrown, with all that it carries. */
  | { readonly kind: 'read'; readonly token?: Token; readonly error?: string }
  | {
      readonly kind: 'waited';
      readonly deed: Deed;
      readonly tookMs: number;
      readonly token?: Token;
      readonly code?: string;
      readonly error?: string;
    }
  | {
      readonly kind: 'thread';
      readonly what: 'started' | 'died' | 'ended' | 'crashed' | 'frozen' | 'thawed' | 'fenced' | 'refused';
      readonly incarnation: number;
      readonly detail?: string;
    }
  | { readonly kind: 'process'; readonly what: 'started' | 'killed' | 'stopped' | 'power_cut' }
  | { readonly kind: 'clock'; readonly what: 'stepped' | 'suspended'; readonly byMs: number }
  | { readonly kind: 'server'; readonly what: string }
  | { readonly kind: 'disk'; readonly what: string }
  /** From now on all is well, and nobody dies. */
  | { readonly kind: 'recovered' }
  | { readonly kind: 'end'; readonly problem?: string };

export type Observation = Happening & {
  readonly monoMs: number;
  readonly wallMs: number;
  /** Wall time without steps: it goes on during a suspend. */
  readonly realMs: number;
};
