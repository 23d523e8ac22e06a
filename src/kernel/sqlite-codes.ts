/** SQLite's result codes, as far as anything is done about them: those of an error, and one that says more of it. */
export const SQLITE = {
  BUSY: 5,
  READONLY: 8,
  IOERR: 10,
  CORRUPT: 11,
  FULL: 13,
  CANTOPEN: 14,
  NOTADB: 26,
  CONSTRAINT_UNIQUE: 2067,
} as const;

type Code = (typeof SQLITE)[keyof typeof SQLITE];

/** An extended code has the code that it extends in its lowest byte. */
const EXTENDED = 0xff;

/** Whether SQLite failed with one of the codes, or with one that extends it. By the code alone: it may come from another thread. */
export function failedWith(error: unknown, ...codes: readonly Code[]): boolean {
  const errcode = (error as { readonly errcode?: number } | null | undefined)?.errcode;
  return errcode !== undefined && codes.some((code) => code === errcode || code === (errcode & EXTENDED));
}
