/** What `read` gives, read the first time that it is asked for. */
export function once<T>(read: () => T): () => T {
  let value: { readonly of: T } | undefined;
  return () => (value ??= { of: read() }).of;
}
