/**
 * The functions and types to write a custom kind with, after OTP's GenServer. It is loaded in the actor's thread, so it
 * is small.
 *
 * @module
 */
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
export type { ActorWords, ReaderWords } from '../memory/user-words.js';
export { expirySeconds } from '../table/expiry.js';
export type { TableEntry, TableReader } from '../table/table-reader.js';
export type { PutOptions, TableWriter } from '../table/table-writer.js';
