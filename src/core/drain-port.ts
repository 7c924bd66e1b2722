/**
 * Messages that are here already.
 */
import { type MessagePort, receiveMessageOnPort } from 'node:worker_threads';

/** Takes what has come by a port and has not had its turn, in order; it will not come as an event any more. */
export const drainPort = (port: MessagePort, take: (message: unknown) => void): void => {
  for (let received = receiveMessageOnPort(port); received; received = receiveMessageOnPort(port)) {
    take(received.message);
  }
};
