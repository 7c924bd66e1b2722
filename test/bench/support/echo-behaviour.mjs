/** Answers what it is asked. */
import { reply } from 'tokenvisor/actor';

/** @type {import('tokenvisor/actor').Behaviour<null>} */
export default {
  init: () => null,
  handleCall: (/** @type {never} */ message, _from, state) => reply(message, state),
  handleCast: (_message, state) => state,
};
