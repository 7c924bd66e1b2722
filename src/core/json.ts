/** JSON, as it can be kept in a record. */
export type Json = null | boolean | number | string | readonly Json[] | { readonly [key: string]: Json };
