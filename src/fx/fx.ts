import type { FactHandler, Handled } from '../commands/facts.js';
import { CommandHandling } from '../commands/handling.js';
import type { CommandObserver } from '../commands/observer.js';
import type { Snapshots } from '../commands/snapshots.js';
import type { EventStore } from '../event-store/event-store.js';
import { fxStream } from '../kernel/identifiers.js';
import type { FxEvent, FxRateRecorded } from './domain/events.js';
import { fxDecider } from './domain/rates.js';

export class Fx implements FactHandler {
  readonly facts = new Map([['FxRateRecorded', { isOfAll: true }]]);
  private readonly handling: CommandHandling<null, FxRateRecorded, FxEvent>;

  constructor(store: EventStore, snapshots: Snapshots, observer?: CommandObserver) {
    this.handling = new CommandHandling(store, fxDecider, snapshots, observer);
  }

  async handle(_type: string, data: object, said: object): Promise<Handled> {
    const command: FxRateRecorded = { type: 'FxRateRecorded', data: data as FxRateRecorded['data'] };
    const stream = fxStream(command.data.base, command.data.quote);
    const id = fxDecider.idOf(command);
    return { stream, id, outcome: await this.handling.execute({ stream, command, id, said }) };
  }
}
