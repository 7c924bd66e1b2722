/** How long anything may take in these tests, on a machine that does much else. */
export const BOUND_MS = 20_000;

/** Polls until the check is true. */
export const eventually = async (what: string, check: () => Promise<boolean> | boolean): Promise<void> => {
  const endMs = performance.now() + BOUND_MS;
  while (!(await check())) {
    if (performance.now() > endMs) throw new Error(`Expected ${what} within ${BOUND_MS} ms`);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
};
