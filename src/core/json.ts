/** A JSON value, as a record can hold it. */
export type Json = null | boolean | number | string | readonly Json[] | { readonly [key: string]: Json };
