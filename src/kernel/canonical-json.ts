/**
 * A value as JSON with one spelling (RFC 8785): names in the order of their code units, no blanks, strings and numbers as
 * ECMAScript writes them. Fields that are undefined are left out. A lone surrogate, which that RFC leaves without a
 * spelling, keeps its escape: text that somebody spoilt must still have a hash to be found by.
 */
export function canonicalJson(value: unknown): string {
  // Every event is spelt so: the engine writes a copy in order several times faster than it puts pieces together.
  const names = { haveOrder: true };
  const copy = inOrder(value, names);
  return names.haveOrder ? JSON.stringify(copy) : inPieces(value);
}

type Fields = Readonly<Record<string, unknown>>;

function inOrder(value: unknown, names: { haveOrder: boolean }): unknown {
  if (typeof value !== 'object' || value === null) return value;
  if (Array.isArray(value)) return value.map((item) => inOrder(item, names));
  const copy: Record<string, unknown> = {};
  for (const name of namesIn(value)) {
    // An object has indexes first, whatever the order they were set in, and this one name sets no field.
    if (name < AFTER_DIGITS || name === '__proto__') names.haveOrder = false;
    copy[name] = inOrder((value as Fields)[name], names);
  }
  return copy;
}

const AFTER_DIGITS = ':';

function namesIn(value: object): string[] {
  const names = Object.keys(value);
  // Many have their order already.
  for (let at = 1; at < names.length; at += 1) if (names[at]! < names[at - 1]!) return names.sort();
  return names;
}

function inPieces(value: unknown): string {
  if (typeof value !== 'object' || value === null) return JSON.stringify(value);
  if (Array.isArray(value)) return `[${value.map(inPieces).join()}]`;
  const fields = value as Fields;
  const names = namesIn(fields).filter((name) => fields[name] !== undefined);
  return `{${names.map((name) => `${JSON.stringify(name)}:${inPieces(fields[name])}`).join()}}`;
}
