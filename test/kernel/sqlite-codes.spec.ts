import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { describe, expect, it } from '@jest/globals';
import { failedWith, SQLITE } from '../../src/kernel/sqlite-codes.js';

const thrownBy = (work: () => unknown): unknown => {
  try {
    work();
  } catch (error) {
    return error;
  }
  throw new Error('nothing was thrown');
};

describe('the codes that SQLite fails with', () => {
  it('are those of its errors', () => {
    const directory = mkdtempSync(join(tmpdir(), 'promoledger-codes-'));
    const path = join(directory, 'file');
    writeFileSync(path, 'this is no database, and long enough to be looked at '.repeat(20));
    const opened = (file: string) => new DatabaseSync(file).exec('SELECT * FROM sqlite_schema');
    expect(
      failedWith(
        thrownBy(() => opened(path)),
        SQLITE.NOTADB,
      ),
    ).toBe(true);
    expect(
      failedWith(
        thrownBy(() => opened(directory)),
        SQLITE.NOTADB,
        SQLITE.CANTOPEN,
      ),
    ).toBe(true);
    rmSync(directory, { recursive: true });
  });

  it('tell what kind of constraint does not hold', () => {
    const db = new DatabaseSync(':memory:');
    db.exec('CREATE TABLE facts (id INTEGER UNIQUE, data TEXT NOT NULL); INSERT INTO facts VALUES (1, 1)');
    const adding = (values: string) => thrownBy(() => db.exec(`INSERT INTO facts VALUES (${values})`));
    expect(failedWith(adding('1, 2'), SQLITE.CONSTRAINT_UNIQUE)).toBe(true);
    expect(failedWith(adding('2, NULL'), SQLITE.CONSTRAINT_UNIQUE)).toBe(false);
    db.close();
  });

  it.each([
    ['the code itself', 11, true],
    ['SQLITE_CORRUPT_INDEX', 11 | (3 << 8), true],
    ['SQLITE_BUSY_RECOVERY', 5 | (1 << 8), false],
    ['no code at all', undefined, false],
  ])('take an extended one for what it extends: %s', (_, errcode, isCorrupt) => {
    expect(failedWith(Object.assign(new Error('failed'), { errcode }), SQLITE.CORRUPT, SQLITE.NOTADB)).toBe(isCorrupt);
  });

  it('are of no error that is none of its own', () => {
    for (const thrown of [new Error('other'), 'text', undefined, null]) {
      expect(failedWith(thrown, SQLITE.BUSY, SQLITE.IOERR)).toBe(false);
    }
  });
});
