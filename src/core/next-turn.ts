/** The machine's own, whatever a test may replace later. */
const { setImmediate: machineTurn } = globalThis;

/**
 * The next turn of this thread's event loop: messages, timers and the heartbeat have theirs first.
 */
export const nextTurn = (): Promise<void> => new Promise((resolve) => void machineTurn(resolve));
