import type { FactHandler, Handled } from '../commands/facts.js';
import { CommandHandling, type Outcome } from '../commands/handling.js';
import type { CommandObserver } from '../commands/observer.js';
import type { Snapshots } from '../commands/snapshots.js';
import type { EventStore } from '../event-store/event-store.js';
import { convert, type RateBook } from '../fx/domain/conversion.js';
import type { Decider } from '../kernel/decider.js';
import { accountStream } from '../kernel/identifiers.js';
import type { Instant } from '../kernel/instant.js';
import type { AccountState } from './domain/account.js';
import type { AccountCommand, ManualGrant, Offer } from './domain/decide.js';
import type { AccountEvent } from './domain/events.js';

interface AccountKey {
  readonly advertiserId: string;
  readonly marketplace: string;
}

export type OfferAt = (promotionId: string, at: Instant, account: AccountKey) => Promise<Offer | null>;

type RunCredit = Extract<AccountCommand, { type: 'ApplyRunCredit' }>;

/** The accounts: takes their facts, applies the credits of runs, sweeps what has ended. */
export class Accounts implements FactHandler {
  readonly facts: FactHandler['facts'] = new Map<string, { optional?: string[]; asksOthers?: boolean }>([
    ['AccountOpened', {}],
    ['AccountStandingChanged', { optional: ['reason'] }],
    ['PaymentMethodChanged', {}],
    ['ClickSpent', {}],
    ['ImpressionsSpent', {}],
    ['ClickReversed', {}],
    ['CreditRevoked', {}],
    ['CreditApplied', { optional: ['stage'], asksOthers: true }],
  ]);
  private readonly handling: CommandHandling<AccountState, AccountCommand, AccountEvent>;

  constructor(
    store: EventStore,
    private readonly decider: Decider<AccountState, AccountCommand, AccountEvent>,
    /** The terms in force at an instant, and what they still give; null when there is no such promotion. */
    private readonly offerAt: OfferAt,
    /** The rates as they are recorded when it is asked. */
    private readonly ratesNow: () => Promise<RateBook>,
    snapshots: Snapshots,
    observer?: CommandObserver,
  ) {
    this.handling = new CommandHandling(store, decider, snapshots, observer);
  }

  async handle(type: string, data: object, said: object): Promise<Handled> {
    const { advertiserId, marketplace } = data as { advertiserId: string; marketplace: string };
    const stream = accountStream(advertiserId, marketplace);
    const command =
      type === 'CreditApplied' ? await this.grant(data as ManualGrant) : ({ type, data } as unknown as AccountCommand);
    // What names a fact is part of what clients say of it.
    const id = this.decider.idOf({ type, data } as unknown as AccountEvent);
    return { stream, id, outcome: await this.handling.execute({ stream, command, id, said }) };
  }

  /** Applies a credit that a run decided on; whether it was applied before is told by its derived id. */
  applyRunCredit(command: RunCredit): Promise<Outcome<AccountEvent>> {
    const { creditId, promotionId, advertiserId, marketplace, product } = command.data;
    const stream = accountStream(advertiserId, marketplace);
    const said = { creditId, promotionId, product, origin: 'run' };
    return this.handling.execute({ stream, command, id: `CreditApplied:${creditId}`, said });
  }

  /** Ends every credit of the account whose grace is over at `asOf`. */
  sweep(data: { advertiserId: string; marketplace: string }, asOf: Instant): Promise<Outcome<AccountEvent>> {
    const stream = accountStream(data.advertiserId, data.marketplace);
    return this.handling.execute({ stream, command: { type: 'SweepCredits', data, asOf }, id: null, said: {} });
  }

  private async grant(data: ManualGrant): Promise<AccountCommand> {
    const offer = await this.offerAt(data.promotionId, data.appliedAt, data);
    const book = await this.ratesNow();
    return {
      type: 'CreditApplied',
      data,
      offer,
      convert: (grant, currency, at) => convert(book, grant, currency, at, offer!.rules.fxMaxAge),
    };
  }
}
