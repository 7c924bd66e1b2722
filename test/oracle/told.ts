/** What ours tells, in the words of the recording. */
import type { SupervisorReport } from '../../src/supervision/core/terms.js';

/** What a start fails with that is to fail. */
export const NO_INIT = 'no init';

const reasonInWords = (reason: SupervisorReport['reason']): string => {
  if (reason.kind === 'shutdown' && reason.detail !== undefined) return `shutdown_${reason.detail}`;
  if (reason.kind === 'crash' && reason.error.message === NO_INIT) return 'no_init';
  return reason.kind;
};

/** As otp-oracle.escript writes it. */
export const reportInWords = ({ context, offender, reason }: SupervisorReport): string => {
  const shutdown = offender.shutdown === 'brutal' ? 'brutal_kill' : offender.shutdown;
  return `${context} ${offender.name} (${offender.restart}, ${shutdown}): ${reasonInWords(reason)}`;
};

/** Two of OTP's answers have one code here: for a child that runs, and for one that does not. Its message says which. */
export const answerInWords = (error: { readonly code?: unknown; readonly message: string } | undefined): string => {
  if (!error) return 'ok';
  const { code, message } = error;
  if (code === 'ALREADY_STARTED') {
    return /, stopped: |\(restarting\): /.test(message) ? 'already_present' : 'already_started';
  }
  return String(code).toLowerCase();
};
