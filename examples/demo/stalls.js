// @ts-check
/** A main thread that is busy about 90 % of the time: heavy requests come in bursts, one after the other. */

const LEAST_STALL_MS = 300;
const MOST_STALL_MS = 1_000;
const MOST_IN_A_BURST = 4;
/** To nine parts of stalls, one part of rest. */
const STALL_TO_REST = 9;

/** Work without a pause, as a report or a big template is. @param {number} ms */
const stall = (ms) => {
  const endMs = performance.now() + ms;
  const lines = Array.from({ length: 200 }, (_, id) => ({ id, text: `line ${id}` }));
  while (performance.now() < endMs) JSON.parse(JSON.stringify(lines));
};

/**
 * Between two stalls of a burst the event loop turns once; between two bursts it is free.
 * @param {() => boolean} isOver
 */
export const stayBusy = (isOver) => {
  let left = 0;
  let stalledMs = 0;
  const next = () => {
    if (isOver()) return;
    if (left === 0) {
      left = 1 + Math.floor(Math.random() * MOST_IN_A_BURST);
      const restMs = stalledMs / STALL_TO_REST;
      stalledMs = 0;
      setTimeout(next, restMs);
      return;
    }
    left -= 1;
    const ms = LEAST_STALL_MS + Math.random() * (MOST_STALL_MS - LEAST_STALL_MS);
    stall(ms);
    stalledMs += ms;
    setTimeout(next, 1);
  };
  next();
};
