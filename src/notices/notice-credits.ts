import type { Position } from '../event-store/event-store.js';
import { accountStream } from '../kernel/identifiers.js';
import type { ReadModelDatabase, Statement } from '../read-models/database.js';
import type { CreditUse } from './domain/notices.js';

/** So many credits are remembered between transactions. */
const REMEMBERED_CREDITS = 20_000;

/** A credit as it is, saved or not. */
interface RememberedCredit {
  credit: CreditUse;
  dueMs: number | null;
  since: Position;
}

/** The credits that notices are about. Many clicks draw on one: it is read once, and saved once a transaction. */
export class NoticeCredits {
  /** By account, then by creditId. */
  private readonly known = new Map<string, Map<string, RememberedCredit>>();
  private remembered = 0;
  /** Of `known` those to be saved, in the order in which they changed first: by it they get their ids. */
  private readonly unsaved = new Set<RememberedCredit>();
  private readonly statements: Record<'find' | 'save', Statement>;

  /** The model creates the table. */
  constructor(db: ReadModelDatabase) {
    this.statements = {
      find: db.prepare('SELECT credit, due, since FROM notice_credits WHERE account = ? AND credit_id = ?'),
      save: db.prepare(`INSERT INTO notice_credits (account, advertiser_id, marketplace, credit_id, due, since, credit)
        VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT (account, credit_id) DO UPDATE
        SET due = excluded.due, since = excluded.since, credit = excluded.credit`),
    };
  }

  of(account: string, creditId: string): CreditUse {
    const known = this.find(account, creditId);
    if (!known) throw new Error(`no credit ${creditId} was applied`);
    return known.credit;
  }

  /** `position`: of the event that changed it. */
  change(account: string, credit: CreditUse, dueMs: number | null, position: Position): void {
    const known = this.find(account, credit.creditId) ?? this.remember(account, { credit, dueMs, since: position });
    if (known.dueMs !== dueMs) known.since = position;
    known.credit = credit;
    known.dueMs = dueMs;
    this.unsaved.add(known);
  }

  flush(): void {
    for (const { credit, dueMs, since } of this.unsaved) {
      const { advertiserId, marketplace, creditId } = credit;
      const account = accountStream(advertiserId, marketplace);
      this.statements.save.run(account, advertiserId, marketplace, creditId, dueMs, since, useAsText(credit));
    }
    this.unsaved.clear();
    if (this.remembered > REMEMBERED_CREDITS) this.forget();
  }

  /** The table has changed by itself, when all was saved. */
  forgetOne({ advertiserId, marketplace, creditId }: CreditUse): void {
    this.known.get(accountStream(advertiserId, marketplace))?.delete(creditId);
  }

  forget(): void {
    this.known.clear();
    this.unsaved.clear();
    this.remembered = 0;
  }

  private find(account: string, creditId: string): RememberedCredit | undefined {
    const known = this.known.get(account)?.get(creditId);
    if (known) return known;
    const row = this.statements.find.get(account, creditId);
    if (!row) return undefined;
    const dueMs = row['due'] === null ? null : Number(row['due']);
    return this.remember(account, { credit: useIn(String(row['credit'])), dueMs, since: row['since'] as Position });
  }

  private remember(account: string, known: RememberedCredit): RememberedCredit {
    const credits = this.known.get(account) ?? new Map<string, RememberedCredit>();
    this.known.set(account, credits.set(known.credit.creditId, known));
    this.remembered += 1;
    return known;
  }
}

/** As JSON has no bigint. */
export const useAsText = ({ appliedMinor, heldMinor, drawnMinor, ...rest }: CreditUse): string =>
  JSON.stringify({ ...rest, minor: [appliedMinor, heldMinor, drawnMinor].map(String) });

/** What `useAsText` wrote. */
export function useIn(text: string): CreditUse {
  const { minor, ...rest } = JSON.parse(text) as Omit<CreditUse, `${string}Minor`> & { minor: string[] };
  const [appliedMinor, heldMinor, drawnMinor] = minor.map(BigInt) as [bigint, bigint, bigint];
  return { ...rest, appliedMinor, heldMinor, drawnMinor };
}
