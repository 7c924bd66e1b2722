/** Answers what it is asked; dies when it is told to. */
import { reply } from 'tokenvisor/actor';

const monoMs = () => Number(process.hrtime.bigint()) / 1e6;

/** @type {import('tokenvisor/actor').Behaviour<null>} */
export default {
  init: (context) => {
    context.publish({ readyAtMs: monoMs() });
    return null;
  },
  handleCall: (/** @type {never} */ message, _from, state) => reply(message, state),
  handleCast: () => {
    throw new Error('told to');
  },
};
