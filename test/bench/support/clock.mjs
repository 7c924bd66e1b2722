/** CLOCK_MONOTONIC: of the same origin in every process of a machine. */
export const monoMs = () => Number(process.hrtime.bigint()) / 1e6;
