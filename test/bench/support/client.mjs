/** Who asks the token endpoint; it takes anybody. */
export const CLIENT = { clientId: 'bench', clientSecret: `fake-${Math.random().toString(36).slice(2)}` };
