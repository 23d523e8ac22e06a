/**
 * A value as JSON with one spelling (RFC 8785): names in the order of their code units, no blanks, strings and numbers as
 * ECMAScript writes them. Fields that are undefined are left out. A lone surrogate, which that RFC leaves without a
 * spelling, keeps its escape: text that somebody spoilt must still have a hash to be found by.
 */
export function canonicalJson(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(canonicalJson).join()}]`;
  if (typeof value !== 'object' || value === null) return JSON.stringify(value);
  const fields = value as Record<string, unknown>;
  const names = Object.keys(fields).filter((name) => fields[name] !== undefined);
  return `{${names
    .sort()
    .map((name) => `${JSON.stringify(name)}:${canonicalJson(fields[name])}`)
    .join()}}`;
}
