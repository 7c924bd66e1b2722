/** The real `setImmediate`, even if a test replaces the global later. */
const { setImmediate: machineTurn } = globalThis;

/** Resolves in the next turn of this thread's event loop: messages, timers and the heartbeat run first. */
export const nextTurn = (): Promise<void> => new Promise((resolve) => void machineTurn(resolve));
