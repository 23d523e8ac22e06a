/** A disbursement run: who has qualified, who must wait and why, on everything recorded before it. */
import type { TermsV1 } from '../../../src/promotions/domain/terms.js';
import { creditsOf } from './credits.js';
import { accountOf, factsOf, type Credit, type FactOf, type Log, type RunReport } from './facts.js';
import { convert, minor, ratesOf, total } from './money.js';
import { lifeOf, qualifiedAt, runsOf, usedApiBefore } from './promotion.js';
import { daysOf, iso, ms } from './time.js';

export interface RunAnswer extends Pick<RunReport, 'date' | 'credits' | 'deferrals'> {
  readonly runAt: string;
  readonly state: 'completed';
  readonly applied: number;
  readonly deferred: number;
}

interface Candidate {
  readonly promotionId: string;
  readonly advertiserId: string;
  readonly marketplace: string;
  readonly product: string;
}

/** What a run comes to: its answer, and what the log gains by it. */
interface Performed {
  readonly answer: RunAnswer | { readonly code: string };
  readonly credits: readonly Credit[];
  readonly report?: RunReport;
}

const refused = (code: string): Performed => ({ answer: { code }, credits: [] });

export function performRun(log: Log, promotionId: string, date: string, now: number): Performed {
  const terms = factsOf(log, 'PromotionPublished').find((each) => each.promotionId === promotionId)?.terms;
  if (!terms) return refused('unknown-promotion');
  const runs = runsOf(terms);
  const run = runs.find((each) => each.date === date);
  if (!run) return refused('unknown-run');
  if (run.runAt > now) return refused('run-not-due');
  const reports = factsOf(log, 'DisbursementRun').filter((each) => each.promotionId === promotionId);
  const before = reports.find((each) => each.date === date);
  if (before) return { answer: answerOf(before, run.runAt), credits: [] };
  const open = runs.filter((each) => each.date < date && !reports.some((report) => report.date === each.date));
  if (open.length > 0) return refused('run-out-of-order');
  const credits: Credit[] = [];
  const deferrals: RunReport['deferrals'][number][] = [];
  for (const { candidate, qualified } of candidatesOf(log, terms, promotionId, run.runAt)) {
    const decided = decideOne(log, terms, candidate, { runAt: run.runAt, qualified, given: credits });
    const { advertiserId, marketplace, product } = candidate;
    if (Array.isArray(decided)) deferrals.push({ advertiserId, marketplace, product, reasons: decided });
    else credits.push(decided);
  }
  const report = { promotionId, date, credits: credits.map((credit) => credit.creditId), deferrals };
  return { answer: answerOf(report, run.runAt), credits, report };
}

const answerOf = ({ date, credits, deferrals }: RunReport, runAt: number): RunAnswer => ({
  date,
  runAt: iso(runAt),
  state: 'completed',
  applied: credits.length,
  deferred: deferrals.length,
  credits,
  deferrals,
});

/** Who has qualified by the run, is not ruled out for good and has not been given it, in the order of the run. */
function candidatesOf(log: Log, terms: TermsV1, promotionId: string, runAt: number) {
  const invited = factsOf(log, 'AdvertiserInvited').filter((each) => each.promotionId === promotionId);
  return invited
    .filter(({ advertiserId }) => !usedApiBefore(log, terms, advertiserId))
    .flatMap(({ advertiserId }) =>
      terms.marketplaces.flatMap((marketplace) =>
        terms.products.map((product): Candidate => ({ promotionId, advertiserId, marketplace, product })),
      ),
    )
    .filter(
      (candidate) =>
        !creditsOf(log, accountOf(candidate)).some(
          (credit) => credit.promotionId === promotionId && credit.product === candidate.product,
        ),
    )
    .map((candidate) => ({ candidate, qualified: qualifiedAt(log, terms, candidate, runAt) }))
    .filter((each): each is { candidate: Candidate; qualified: number } => each.qualified !== undefined)
    .map((each) => ({ ...each, rank: `${iso(each.qualified)} ${Object.values(each.candidate).join(' ')}` }))
    .sort((a, b) => (a.rank < b.rank ? -1 : 1));
}

/** The credit of a candidate, or all the reasons for which it has to wait. */
function decideOne(
  log: Log,
  terms: TermsV1,
  candidate: Candidate,
  { runAt, qualified, given }: { runAt: number; qualified: number; given: readonly Credit[] },
): Credit | string[] {
  const account = accountOf(candidate);
  const { promotionId, product } = candidate;
  const opened = factsOf(log, 'AccountOpened').find(
    (each) => accountOf(each) === account && ms(each.occurredAt) <= runAt,
  );
  const ofPromotion = [...creditsOf(log, account), ...given.filter((credit) => credit.account === account)].filter(
    (credit) => credit.promotionId === promotionId,
  );
  const granted = minor(terms.award.amount);
  const applied =
    opened &&
    convert(granted, [terms.award.amount.currency, opened.currency], {
      instant: runAt,
      rates: ratesOf(log),
      maxAgeDays: daysOf(terms.fx.maxAge),
    });
  const reasons = [
    ...(opened ? standingReasons(log, account, runAt) : ['account-not-open']),
    ...(total(ofPromotion.map((credit) => credit.granted)) + granted > minor(terms.award.capPerMarketplace)
      ? ['cap-exceeded']
      : []),
    ...(typeof applied === 'string' ? [applied] : []),
  ];
  if (reasons.length > 0 || typeof applied !== 'bigint') return reasons;
  const creditId = `${promotionId}:${candidate.advertiserId}:${candidate.marketplace}:${product}`;
  const grantedIn = terms.award.amount.currency;
  const decided = { account, creditId, promotionId, product, granted, grantedIn, applied, at: runAt };
  return { ...decided, ...lifeOf(terms, runAt), origin: 'run', qualifiedAt: qualified };
}

function standingReasons(log: Log, account: string, runAt: number): string[] {
  const last = <Type extends 'AccountStandingChanged' | 'PaymentMethodChanged'>(type: Type): FactOf[Type] | undefined =>
    factsOf(log, type)
      .filter((each) => accountOf(each) === account && ms(each.occurredAt) <= runAt)
      .sort((a, b) => ms(a.occurredAt) - ms(b.occurredAt))
      .at(-1);
  return [
    ...(last('AccountStandingChanged')?.standing === 'suspended' ? ['standing-suspended'] : []),
    ...(last('PaymentMethodChanged')?.valid ? [] : ['payment-method-invalid']),
  ];
}
