/** What a pool answers. */
export default (/** @type {unknown} */ value) => value;
