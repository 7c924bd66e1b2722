/** Takes the messages that a port has already received. */
import { type MessagePort, receiveMessageOnPort } from 'node:worker_threads';

/** Takes the pending messages of a port, in order; they are not delivered as events any more. */
export const drainPort = (port: MessagePort, take: (message: unknown) => void): void => {
  for (let received = receiveMessageOnPort(port); received; received = receiveMessageOnPort(port)) {
    take(received.message);
  }
};
