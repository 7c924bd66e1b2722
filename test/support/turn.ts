/** A turn of the event loop: all microtasks, and the messages and timers that are due, have run. */
export const turn = (): Promise<void> => new Promise((resolve) => void setImmediate(resolve));
