import type { Offer } from '../accounts/domain/decide.js';
import type { Instant } from '../kernel/instant.js';
import type { ReadModels } from '../read-models/read-models.js';
import { countsAllAccounts, givenBy, Tally, type GivenCredit } from './domain/limits.js';
import { revisionAt, type Revision } from './domain/revisions.js';
import { rulesOf } from './domain/rules.js';
import type { Promotions } from './promotions.js';

/** What a revision gives to an account, beside what is known to be given in others. */
export function offerOf({ revision, terms }: Revision, elsewhere: readonly GivenCredit[] = []): Offer {
  const rules = rulesOf(terms);
  return { revision, rules, limitOf: (credit, own) => new Tally(rules, [...elsewhere, ...own]).limitOf(credit) };
}

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
