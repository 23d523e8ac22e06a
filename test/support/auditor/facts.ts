/** What the auditor is told (commands, as a client writes them) and what it notes down (facts, in plain numbers). */
import type { TermsV1 } from '../../../src/promotions/domain/terms.js';
import type { Amount } from './money.js';

interface CommandOf<Type extends string, Data> {
  readonly type: Type;
  readonly data: Data;
}
interface OfAccount {
  readonly advertiserId: string;
  readonly marketplace: string;
}
interface OfCampaign extends OfAccount {
  readonly campaignId: string;
  readonly product: string;
}

export type Command =
  | CommandOf<'FxRateRecorded', { base: string; quote: string; rate: string; source: string; effectiveAt: string }>
  | CommandOf<'PromotionPublished', { promotionId: string; terms: TermsV1 }>
  | CommandOf<'AdvertiserInvited', { promotionId: string; advertiserId: string; partnerId: string; occurredAt: string }>
  | CommandOf<'AccountOpened', OfAccount & { currency: string; occurredAt: string }>
  | CommandOf<'AccountStandingChanged', OfAccount & { standing: 'good' | 'suspended'; occurredAt: string }>
  | CommandOf<'PaymentMethodChanged', OfAccount & { valid: boolean; occurredAt: string }>
  | CommandOf<'CreditApplied', OfAccount & ManualGrant>
  | CommandOf<'ClickSpent', OfCampaign & { clickId: string; cost: Amount; occurredAt: string }>
  | CommandOf<'ClickReversed', OfAccount & { clickId: string; reason: string; occurredAt: string }>
  | CommandOf<'CreditRevoked', OfAccount & { creditId: string; reason: string; clawback: boolean; occurredAt: string }>
  | CommandOf<'CampaignActivated', OfCampaign & { occurredAt: string }>
  | CommandOf<'CampaignPaused', { campaignId: string; reason: string; occurredAt: string }>
  | CommandOf<'CampaignEnded', { campaignId: string; occurredAt: string }>
  | CommandOf<'ApiChangeRecorded', OfCampaign & ApiCall>;

interface ManualGrant {
  readonly creditId: string;
  readonly promotionId: string;
  readonly product: string;
  readonly granted: Amount;
  readonly appliedAt: string;
  readonly reason: string;
}
interface ApiCall {
  readonly changeId: string;
  readonly partnerId: string;
  readonly method: string;
  readonly path: string;
  readonly changes: number;
  readonly occurredAt: string;
}

export type CommandType = Command['type'];
export type DataOf<Type extends CommandType> = Extract<Command, { type: Type }>['data'];

export interface Part {
  readonly creditId: string;
  readonly units: bigint;
}

/** Amounts are minor units; `at` is the effective instant; `account` is `advertiser.MARKETPLACE`. */
export interface Credit {
  readonly account: string;
  readonly creditId: string;
  readonly promotionId: string;
  readonly product: string;
  readonly granted: bigint;
  readonly grantedIn: string;
  readonly applied: bigint;
  readonly at: number;
  readonly expiresAt: number;
  readonly sweepableAt: number;
  readonly appliesTo: readonly string[];
  readonly origin: 'run' | 'manual';
  readonly qualifiedAt: number | null;
}
export interface Click {
  readonly account: string;
  readonly clickId: string;
  readonly product: string;
  readonly cost: bigint;
  readonly at: number;
  readonly draws: readonly Part[];
  readonly billable: bigint;
}
export interface Reversal {
  readonly account: string;
  readonly clickId: string;
  readonly at: number;
  readonly restored: readonly Part[];
  readonly forfeited: readonly Part[];
  readonly billable: bigint;
}
export interface Revocation {
  readonly account: string;
  readonly creditId: string;
  readonly clawback: boolean;
  readonly at: number;
  readonly taken: bigint;
  readonly clawedBack: bigint;
}
export interface Sweep {
  readonly account: string;
  readonly creditId: string;
  readonly at: number;
  readonly taken: bigint;
}
export interface RunReport {
  readonly promotionId: string;
  readonly date: string;
  readonly credits: readonly string[];
  readonly deferrals: readonly { advertiserId: string; marketplace: string; product: string; reasons: string[] }[];
}

/** What was accepted, by type; facts that need no arithmetic are kept as they were sent. */
export interface FactOf {
  CreditApplied: Credit;
  ClickSpent: Click;
  ClickReversed: Reversal;
  CreditRevoked: Revocation;
  CreditExpired: Sweep;
  DisbursementRun: RunReport;
  FxRateRecorded: DataOf<'FxRateRecorded'>;
  PromotionPublished: DataOf<'PromotionPublished'>;
  AdvertiserInvited: DataOf<'AdvertiserInvited'>;
  AccountOpened: DataOf<'AccountOpened'>;
  AccountStandingChanged: DataOf<'AccountStandingChanged'>;
  PaymentMethodChanged: DataOf<'PaymentMethodChanged'>;
  CampaignActivated: DataOf<'CampaignActivated'>;
  CampaignPaused: DataOf<'CampaignPaused'>;
  CampaignEnded: DataOf<'CampaignEnded'>;
  ApiChangeRecorded: DataOf<'ApiChangeRecorded'>;
}
export type FactType = keyof FactOf;

/** A line of the log: `key` is the natural key, `content` the whole command in one spelling. */
export type Entry = {
  [Type in FactType]: {
    readonly order: number;
    readonly type: Type;
    readonly key: string;
    readonly content: string;
    readonly fact: FactOf[Type];
  };
}[FactType];

/** The log, oldest first. Every question below is answered by filtering it. */
export type Log = readonly Entry[];

export const factsOf = <Type extends FactType>(log: Log, type: Type): FactOf[Type][] =>
  log.filter((entry) => entry.type === type).map((entry) => entry.fact as FactOf[Type]);

export const accountOf = ({ advertiserId, marketplace }: OfAccount): string => `${advertiserId}.${marketplace}`;
