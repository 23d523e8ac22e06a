import { DatabaseSync, type StatementSync } from 'node:sqlite';

/**
 * Tells the first use of a name from all others. The names lie in a temporary file that SQLite removes, so that a ledger
 * of millions of accounts takes no more memory than a small one.
 */
export class FirstUses {
  private readonly db = new DatabaseSync('');
  private readonly insert: StatementSync;

  constructor() {
    // Nothing is to survive: no journal, no waiting for the disk, one transaction that is never ended.
    this.db.exec('PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF; PRAGMA cache_size = -4096');
    this.db.exec('CREATE TABLE used (name TEXT PRIMARY KEY) STRICT, WITHOUT ROWID; BEGIN');
    this.insert = this.db.prepare('INSERT INTO used (name) VALUES (?) ON CONFLICT DO NOTHING');
  }

  isFirst(name: string): boolean {
    return this.insert.run(name).changes === 1;
  }

  close(): void {
    this.db.close();
  }
}
