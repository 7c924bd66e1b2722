/** `tokenvisor/actor`: what a kind of one's own is written with. It is loaded in the actor's thread, so it is small. */
export { noReply, proceed, reply, stop } from './behaviour.js';
export type {
  ActorContext,
  Behaviour,
  Continue,
  From,
  LiveSnapshot,
  NoReply,
  PublishOptions,
  Reply,
  Requested,
  Stop,
  Task,
  TaskResult,
  TerminateReason,
} from './behaviour.js';
