/** OTP's terms for the start and the end of a child. */
import type { WireError } from '../../core/wire-error.js';

/**
 * When a child is restarted, as in OTP. `permanent`: always. `transient`: after an abnormal exit. `temporary`: never, and
 * its spec is dropped.
 */
export type RestartType = 'permanent' | 'transient' | 'temporary';

/**
 * How a child is stopped, as in OTP. `brutal`: killed at once. A number: asked, and killed after so many ms.
 * `infinity`: asked, and awaited.
 */
export type Shutdown = 'brutal' | number | 'infinity';

/** Why a thread ended. A `transient` child is not restarted after `normal` and `shutdown`. */
export type ExitReason =
  /** It ended by itself: `stop('normal', …)`. */
  | { readonly kind: 'normal' }
  /** It ended on request, or by itself with `stop('shutdown', …)`. */
  | { readonly kind: 'shutdown'; readonly detail?: string }
  /** Killed by the supervisor (a brutal shutdown, or one that took too long), or by terminate(). */
  | { readonly kind: 'killed' }
  /** Killed for a silent heartbeat. */
  | { readonly kind: 'hung' }
  /** `process.exit()` in the thread. */
  | { readonly kind: 'exit'; readonly code: number }
  /** It threw: `error` has the name, the message, the code and the cause. */
  | { readonly kind: 'crash'; readonly error: WireError };

/** OTP's supervisor report. @inline */
export interface SupervisorReport {
  readonly context: 'start_error' | 'child_terminated' | 'shutdown_error' | 'shutdown';
  /**
   * The second only with `shutdown`: the supervisor gives up, and the offender is the child whose restart exceeded the
   * limit.
   */
  readonly reason: ExitReason | { readonly kind: 'reached_max_restart_intensity' };
  readonly offender: {
    readonly name: string;
    readonly incarnation: number;
    readonly restart: RestartType;
    readonly shutdown: Shutdown;
  };
}
