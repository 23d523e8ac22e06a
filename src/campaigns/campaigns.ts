import type { FactHandler, Handled } from '../commands/facts.js';
import { CommandHandling } from '../commands/handling.js';
import type { CommandObserver } from '../commands/observer.js';
import type { Snapshots } from '../commands/snapshots.js';
import type { EventStore } from '../event-store/event-store.js';
import { type Bounds, isBound, isWithin } from '../kernel/bounds.js';
import { campaignStream } from '../kernel/identifiers.js';
import { campaignDecider, type CampaignState } from './domain/campaign.js';
import type { CampaignEvent } from './domain/events.js';

export class Campaigns implements FactHandler {
  readonly facts = new Map([
    ['CampaignActivated', { optional: ['plannedEnd'] }],
    ['CampaignPaused', { isOfStream: true }],
    ['CampaignEnded', { isOfStream: true }],
    ['ApiChangeRecorded', {}],
  ]);
  private readonly handling: CommandHandling<CampaignState, CampaignEvent, CampaignEvent>;

  constructor(store: EventStore, snapshots: Snapshots, observer?: CommandObserver) {
    this.handling = new CommandHandling(store, campaignDecider, snapshots, observer);
  }

  async handle(type: string, data: object, said: object, bounds?: Bounds): Promise<Handled> {
    const command = { type, data } as CampaignEvent;
    const stream = campaignStream(command.data.campaignId);
    const id = campaignDecider.idOf(command);
    return {
      stream,
      id,
      outcome: await this.handling.execute({ stream, command, id, said, ...barring(command, bounds) }),
    };
  }
}

/**
 * A campaign's stream is named by the campaign alone, so a bound caller could ask by its facts about those of others. Once
 * the campaign is known as somebody's, that somebody must be within the bounds; until then, the fact must say whose it is.
 */
function barring({ data }: CampaignEvent, bounds: Bounds | undefined) {
  if (!bounds || !isBound(bounds)) return {};
  const names = 'advertiserId' in data;
  return { isBarred: ({ owner }: CampaignState) => (owner ? !isWithin(bounds, owner) : !names) };
}
