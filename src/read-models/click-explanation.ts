import { covers } from '../accounts/domain/burn-down.js';
import type { ClickReversed, ClickSpent, CreditPart } from '../accounts/domain/events.js';
import type { EventStore, Position, Recorded } from '../event-store/event-store.js';
import { accountStream } from '../kernel/identifiers.js';
import { epochMs, type Instant } from '../kernel/instant.js';
import { type Money, moneyOf } from '../kernel/money.js';
import { isRefusal, refuse, type Refusal } from '../kernel/refusal.js';
import type { AccountsReader, CreditRow } from './accounts-reader.js';
import type { Moment } from './moment.js';

/** Why a credit paid or did not pay a click: the first that fits, in this order. */
export type CreditOutcome =
  'drawn' | 'not-yet-applied' | 'revoked' | 'expired' | 'product-not-covered' | 'exhausted' | 'not-needed';

export interface ExplainedClick {
  readonly clickId: string;
  readonly campaignId: string;
  readonly product: string;
  readonly cost: Money;
  readonly occurredAt: Instant;
  readonly draws: readonly CreditPart[];
  readonly billable: Money;
  readonly reversed: Pick<
    ClickReversed['data'],
    'occurredAt' | 'reason' | 'restored' | 'forfeited' | 'billable'
  > | null;
  readonly credits: readonly { readonly creditId: string; readonly outcome: CreditOutcome; readonly drawn: Money }[];
}

/** A click as it was decided, and what each credit had to do with it by what was recorded before the click. */
export class ClickExplanations {
  constructor(
    private readonly store: EventStore,
    private readonly reader: AccountsReader,
  ) {}

  async click(
    moment: Moment,
    advertiserId: string,
    marketplace: string,
    clickId: string,
  ): Promise<ExplainedClick | Refusal> {
    const account = this.reader.account(advertiserId, marketplace, moment.known);
    if (isRefusal(account)) return account;
    const ids = [`ClickSpent:${clickId}`, `ClickReversed:${clickId}`] as const;
    const found = await this.store.find(accountStream(advertiserId, marketplace), ids);
    const spent = seenAt<ClickSpent['data']>(found.get(ids[0]), moment);
    if (!spent) return refuse('unknown-click', `${advertiserId} has no click ${clickId} in ${marketplace}`);
    const reversal = seenAt<ClickReversed['data']>(found.get(ids[1]), moment)?.data;
    const click = spent.data;
    const credits = this.reader.credits(account.id, moment.known);
    const before = new Map(this.reader.credits(account.id, spent.position - 1n).map((credit) => [credit.id, credit]));
    return {
      clickId,
      campaignId: click.campaignId,
      product: click.product,
      cost: click.cost,
      occurredAt: click.occurredAt,
      draws: click.draws,
      billable: click.billable,
      reversed: reversal ? reversedOf(reversal) : null,
      credits: credits.map(({ id, data: { creditId } }) => ({
        creditId,
        outcome: this.outcome(click, spent.position, before.get(id), creditId),
        drawn: click.draws.find((draw) => draw.creditId === creditId)?.amount ?? moneyOf(0n, account.currency),
      })),
    };
  }

  /** `credit` as it was known when the click was recorded; undefined when it was not. */
  private outcome(
    click: ClickSpent['data'],
    position: Position,
    credit: CreditRow | undefined,
    creditId: string,
  ): CreditOutcome {
    if (click.draws.some((draw) => draw.creditId === creditId)) return 'drawn';
    if (!credit || credit.data.appliedAt > click.occurredAt) return 'not-yet-applied';
    if (credit.revokedAt !== null) return 'revoked';
    if (credit.swept || click.occurredAt >= credit.data.expiresAt) return 'expired';
    const { appliesTo, spendKinds = null } = credit.data;
    if (!covers({ appliesTo, spendKinds }, { product: click.product, kind: 'clicks' })) return 'product-not-covered';
    const least = this.reader.leastHeld(credit.id, epochMs(click.occurredAt), position - 1n);
    return least === 0n ? 'exhausted' : 'not-needed';
  }
}

/** The event as the moment sees it: recorded and happened by then. */
function seenAt<Data extends { occurredAt: Instant }>(event: Recorded | undefined, { asOf, known }: Moment) {
  const data = event?.data as Data | undefined;
  return event && data && event.position <= known && data.occurredAt <= asOf
    ? { position: event.position, data }
    : undefined;
}

const reversedOf = ({ occurredAt, reason, restored, forfeited, billable }: ClickReversed['data']) => ({
  occurredAt,
  reason,
  restored,
  forfeited,
  billable,
});
