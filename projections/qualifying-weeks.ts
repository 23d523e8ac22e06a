import type {
  ApiChangeRecorded,
  CampaignActivated,
  CampaignEvent,
  CampaignOwner,
} from '../src/campaigns/domain/events.js';
import { never } from '../src/kernel/decider.js';
import type { ApiChange, CampaignFacts } from '../src/promotions/domain/facts.js';

/**
 * What qualifying weeks and active time are counted from: the facts of one campaign (a stream of the category `campaign`)
 * in effective order, ties in the order recorded. Whose terms they are held against is asked later.
 */
export interface QualifyingWeeks extends Omit<CampaignFacts, 'product'> {
  readonly owner: CampaignOwner | null;
}

type Switch = CampaignFacts['activity'][number];

export const qualifyingWeeks = {
  category: 'campaign',
  initial: (): QualifyingWeeks => ({ campaignId: '', owner: null, activity: [], changes: [] }),

  evolve(state: QualifyingWeeks, event: CampaignEvent): QualifyingWeeks {
    const { campaignId, occurredAt: at } = event.data;
    const switched = (to: Pick<Switch, 'active' | 'plannedEnd'>) => ({
      activity: inEffectiveOrder(state.activity, { at, ...to }),
    });
    switch (event.type) {
      case 'CampaignActivated':
        return { ...state, campaignId, owner: state.owner ?? ownerOf(event.data), ...switched(activated(event)) };
      case 'CampaignPaused':
      case 'CampaignEnded':
        return { ...state, campaignId, ...switched({ active: false }) };
      case 'ApiChangeRecorded':
        return {
          ...state,
          campaignId,
          owner: state.owner ?? ownerOf(event.data),
          changes: inEffectiveOrder(state.changes, changeOf(event)),
        };
      default:
        return never(event);
    }
  },
} as const;

const activated = ({ data: { plannedEnd } }: CampaignActivated) =>
  plannedEnd === undefined ? { active: true } : { active: true, plannedEnd };

/** What qualifying asks of a change; the read models keep the same. */
export const changeOf = ({ data }: ApiChangeRecorded): ApiChange => ({
  at: data.occurredAt,
  partnerId: data.partnerId,
  method: data.method,
  path: data.path,
  changes: data.changes,
});

const ownerOf = ({ advertiserId, marketplace, product }: CampaignOwner): CampaignOwner => ({
  advertiserId,
  marketplace,
  product,
});

/**
 * Puts a fact behind all that are not later than it. Facts mostly come in order, so it looks from the end. (Not with
 * toSpliced: the engine of servers as old as 22.10 does not know it.)
 */
function inEffectiveOrder<Fact extends { readonly at: string }>(facts: readonly Fact[], fact: Fact): readonly Fact[] {
  let place = facts.length;
  while (place > 0 && facts[place - 1]!.at > fact.at) place -= 1;
  return [...facts.slice(0, place), fact, ...facts.slice(place)];
}
