/** A token that outlives every bench. */
export default () => ({ value: `fake-${Math.random().toString(36).slice(2)}`, expiresInS: 86_400 });
