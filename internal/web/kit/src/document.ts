/** The text of an operation that knows what it answers and what it takes. The types exist for the compiler alone. */
export type TypedDocument<T, V> = string & { readonly __types?: (variables: V) => T };
