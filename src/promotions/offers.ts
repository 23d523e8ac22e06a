import type { Offer } from '../accounts/domain/decide.js';
import type { CreditApplied } from '../accounts/domain/events.js';
import type { EventStore, Position } from '../event-store/event-store.js';
import type { Instant } from '../kernel/instant.js';
import type { ReadModels } from '../read-models/read-models.js';
import { countsAllAccounts, givenBy, Tally, type GivenCredit, type Limit } from './domain/limits.js';
import { revisionAt, type Revision } from './domain/revisions.js';
import { rulesOf } from './domain/rules.js';
import type { Promotions } from './promotions.js';

/** What a revision gives to an account, beside what is known to be given in others. */
export function offerOf({ revision, terms }: Revision, elsewhere: readonly GivenCredit[] = []): Offer {
  const rules = rulesOf(terms);
  return { revision, rules, limitOf: (credit, own) => new Tally(rules, [...elsewhere, ...own]).limitOf(credit) };
}

/** The credits of a promotion, of all accounts, as they become known while a run gives some. */
export class KnownCredits {
  private readonly all: GivenCredit[] = [];
  private readonly countOf = new Map<string, number>();
  private readonly tally: Tally;

  constructor(
    private readonly promotionId: string,
    private readonly revision: Revision,
    given: Iterable<GivenCredit>,
    private readonly store: EventStore,
    private known: Position,
  ) {
    this.tally = new Tally(rulesOf(revision.terms), []);
    for (const credit of given) this.add(credit);
  }

  /** What the promotion still gives beside all that is recorded by now. */
  async offer(): Promise<Offer> {
    for await (const { type, data, position } of this.store.readAll({ after: this.known, filter: OF_ACCOUNTS })) {
      const credit = data as CreditApplied['data'];
      if (type === 'CreditApplied' && credit.promotionId === this.promotionId) this.add(givenBy(credit));
      this.known = position;
    }
    return { ...offerOf(this.revision), limitOf: (credit, own) => this.limitOf(credit, own) };
  }

  /** An account knows best what it was given; mostly that is what is known of it here. */
  private limitOf(credit: GivenCredit, own: readonly GivenCredit[]): Limit | null {
    const account = accountOf(credit);
    if (own.length === (this.countOf.get(account) ?? 0)) return this.tally.limitOf(credit);
    const elsewhere = this.all.filter((each) => accountOf(each) !== account);
    return offerOf(this.revision, elsewhere).limitOf(credit, own);
  }

  private add(credit: GivenCredit): void {
    this.all.push(credit);
    this.countOf.set(accountOf(credit), (this.countOf.get(accountOf(credit)) ?? 0) + 1);
    this.tally.add(credit);
  }
}

const OF_ACCOUNTS = { streamPrefixes: ['account-'] };

const accountOf = ({ advertiserId, marketplace }: GivenCredit): string => `${marketplace} ${advertiserId}`;

/** What a promotion offers an account at an instant, by what is recorded now; null when there is no such promotion. */
export async function offerAt(
  promotions: Promotions,
  readModels: ReadModels,
  promotionId: string,
  at: Instant,
  account: { readonly advertiserId: string; readonly marketplace: string },
): Promise<Offer | null> {
  const { revisions } = await promotions.stateOf(promotionId);
  if (revisions.length === 0) return null;
  const revision = revisionAt(revisions, at);
  if (!countsAllAccounts(rulesOf(revision.terms))) return offerOf(revision);
  const given = readModels.accounts.creditsOfPromotion(promotionId, await readModels.caughtUp());
  const elsewhere = given.filter(
    ({ advertiserId, marketplace }) => advertiserId !== account.advertiserId || marketplace !== account.marketplace,
  );
  return offerOf(revision, elsewhere.map(givenBy));
}
