/**
 * The words by which the supervisor thread shows the main thread that it lives.
 */
export const Pulse = {
  /** Ticks while the thread's event loop turns, and with each step of its work. */
  TICK: 0,
  /** The system's number of the thread; 0 if it is unknown. */
  THREAD_ID: 1,
  BYTES: 8,
} as const;
