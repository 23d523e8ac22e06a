/** No document of the ledger is nested so deep; what is could exhaust the stack of whoever walks it. */
export const MAX_DEPTH = 100;

export class TooDeepError extends Error {
  override readonly name = 'TooDeepError';
}

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const OPENING_BRACKET = 0x5b;
const OPENING_BRACE = 0x7b;
const CLOSING_BRACKET = 0x5d;
const CLOSING_BRACE = 0x7d;

const decoder = new TextDecoder('utf-8', { fatal: true });

/**
 * The value that the bytes hold. Keys such as `__proto__` become plain fields, which nobody knows. Throws TooDeepError
 * before anything is built, TypeError when they are not UTF-8, SyntaxError when they are not JSON.
 */
export function parseJson(bytes: Uint8Array): unknown {
  if (isTooDeep(bytes)) throw new TooDeepError(`nested more than ${MAX_DEPTH} deep`);
  return JSON.parse(decoder.decode(bytes));
}

/** In UTF-8 no byte of a longer character looks like one of JSON's own. */
function isTooDeep(bytes: Uint8Array): boolean {
  let depth = 0;
  for (let at = 0; at < bytes.length; at += 1) {
    const byte = bytes[at];
    if (byte === QUOTE) at = endOfText(bytes, at);
    else if (byte === OPENING_BRACKET || byte === OPENING_BRACE) depth += 1;
    else if (byte === CLOSING_BRACKET || byte === CLOSING_BRACE) depth -= 1;
    if (depth > MAX_DEPTH) return true;
  }
  return false;
}

/** Where the text ends whose first quote is there: at its last, or with the bytes. */
function endOfText(bytes: Uint8Array, quote: number): number {
  let at = quote + 1;
  while (at < bytes.length && bytes[at] !== QUOTE) at += bytes[at] === BACKSLASH ? 2 : 1;
  return at;
}
