import type { Instant } from '../../kernel/instant.js';

/** The events of one campaign: storage contracts. They may be recorded in any order of their effective times. */
export interface CampaignOwner {
  readonly advertiserId: string;
  readonly marketplace: string;
  readonly product: string;
}

export interface CampaignActivated {
  readonly type: 'CampaignActivated';
  readonly data: CampaignOwner & {
    readonly campaignId: string;
    readonly occurredAt: Instant;
    /** When it is to end, as planned then; absent: no end is planned. It ends with `CampaignEnded` and not by itself. */
    readonly plannedEnd?: Instant;
  };
}

export interface CampaignPaused {
  readonly type: 'CampaignPaused';
  readonly data: {
    readonly campaignId: string;
    readonly reason: 'manual' | 'out-of-stock' | 'budget' | 'policy';
    readonly occurredAt: Instant;
  };
}

export interface CampaignEnded {
  readonly type: 'CampaignEnded';
  readonly data: { readonly campaignId: string; readonly occurredAt: Instant };
}

export interface ApiChangeRecorded {
  readonly type: 'ApiChangeRecorded';
  readonly data: CampaignOwner & {
    readonly changeId: string;
    readonly campaignId: string;
    readonly partnerId: string;
    readonly method: string;
    readonly path: string;
    /** How many changes the call made, from 1. */
    readonly changes: number;
    readonly occurredAt: Instant;
  };
}

export type CampaignEvent = CampaignActivated | CampaignPaused | CampaignEnded | ApiChangeRecorded;
