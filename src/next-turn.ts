/**
 * The next turn of this thread's event loop: messages, timers and the heartbeat have theirs first.
 */
export const nextTurn = (): Promise<void> => new Promise((resolve) => void setImmediate(resolve));
