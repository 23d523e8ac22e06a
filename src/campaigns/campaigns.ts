import type { FactHandler, Handled } from '../commands/facts.js';
import { CommandHandling } from '../commands/handling.js';
import type { Snapshots } from '../commands/snapshots.js';
import type { EventStore } from '../event-store/event-store.js';
import { campaignStream } from '../kernel/identifiers.js';
import { campaignDecider, type CampaignState } from './domain/campaign.js';
import type { CampaignEvent } from './domain/events.js';

export class Campaigns implements FactHandler {
  readonly facts = new Map([
    ['CampaignActivated', { optional: ['plannedEnd'] }],
    ['CampaignPaused', {}],
    ['CampaignEnded', {}],
    ['ApiChangeRecorded', {}],
  ]);
  private readonly handling: CommandHandling<CampaignState, CampaignEvent, CampaignEvent>;

  constructor(store: EventStore, snapshots: Snapshots) {
    this.handling = new CommandHandling(store, campaignDecider, snapshots);
  }

  async handle(type: string, data: object, said: object): Promise<Handled> {
    const command = { type, data } as CampaignEvent;
    const stream = campaignStream(command.data.campaignId);
    const id = campaignDecider.idOf(command);
    return { stream, id, outcome: await this.handling.execute({ stream, command, id, said }) };
  }
}
