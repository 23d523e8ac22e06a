/**
 * A value as JSON with one spelling (RFC 8785): names in the order of their code units, no blanks, strings and numbers as
 * ECMAScript writes them. Fields that are undefined are left out. A lone surrogate, which that RFC leaves without a
 * spelling, keeps its escape: text that somebody spoilt must still have a hash to be found by.
 */
export function canonicalJson(value: unknown): string {
  if (typeof value !== 'object' || value === null) return JSON.stringify(value);
  if (Array.isArray(value)) return `[${value.map(canonicalJson).join()}]`;
  const fields = value as Readonly<Record<string, unknown>>;
  let text = '';
  // Every event is spelt so: a loop makes less to throw away than a chain of lists.
  for (const name of Object.keys(fields).sort()) {
    if (fields[name] === undefined) continue;
    text += `${text === '' ? '' : ','}${JSON.stringify(name)}:${canonicalJson(fields[name])}`;
  }
  return `{${text}}`;
}
