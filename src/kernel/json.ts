/** No document of the ledger is nested so deep; what is could exhaust the stack of whoever walks it. */
export const MAX_DEPTH = 100;

export class TooDeepError extends Error {
  override readonly name = 'TooDeepError';
}

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const OPENING = [0x5b, 0x7b] as const;
const CLOSING = [0x5d, 0x7d] as const;

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
  let inText = false;
  for (let at = 0; at < bytes.length; at += 1) {
    const byte = bytes[at]!;
    if (inText) {
      if (byte === BACKSLASH) at += 1;
      else if (byte === QUOTE) inText = false;
    } else if (byte === QUOTE) inText = true;
    else if (byte === OPENING[0] || byte === OPENING[1]) depth += 1;
    else if (byte === CLOSING[0] || byte === CLOSING[1]) depth -= 1;
    if (depth > MAX_DEPTH) return true;
  }
  return false;
}
