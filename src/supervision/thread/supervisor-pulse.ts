/** The words that show the main thread that the supervisor thread is alive. */
export const Pulse = {
  /** Ticks while the thread's event loop turns, and with each step of its work. */
  TICK: 0,
  /** The operating system's id of the thread; 0 if it is unknown. */
  THREAD_ID: 1,
  BYTES: 8,
} as const;
