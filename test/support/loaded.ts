import type { Client, Command, CommandResult } from './client.js';
import { opened } from './history.js';

export const BATCH = 100;

/** So many clicks on accounts of their own, as batches: the account first. */
export function clicksOf(lane: string, count: number): Command[] {
  const commands: Command[] = [opened(lane, 'US', 'USD')];
  for (let n = 1; n < count; n += 1) {
    commands.push({
      type: 'ClickSpent',
      data: {
        advertiserId: lane,
        marketplace: 'US',
        clickId: `click-${n}`,
        campaignId: 'campaign-1',
        product: 'SP',
        cost: { amount: '0.25', currency: 'USD' },
        occurredAt: new Date(Date.UTC(2022, 9, 1) + n * 1000).toISOString(),
      },
    });
  }
  return commands;
}

export interface Acknowledged {
  readonly command: Command;
  readonly position: string;
}

/** Everything the service said it has. What it did not take is kept apart, with its code. */
export class Load {
  readonly acknowledged: Acknowledged[] = [];
  readonly refused: string[] = [];
  /** Requests that ended without an answer. */
  cutOff = 0;

  /** Sends a lane's commands in batches, until they are sent, `enough` says stop, or the service is gone. */
  async send(client: Client, commands: readonly Command[], enough: () => boolean = () => false): Promise<void> {
    for (let from = 0; from < commands.length && !enough(); from += BATCH) {
      const batch = commands.slice(from, from + BATCH);
      let results: readonly CommandResult[];
      try {
        const { status, body } = await client.post<{ results: CommandResult[]; code?: string }>('/v1/commands', batch);
        if (status === 503) {
          // So it is answered when none of them was taken.
          this.refused.push(...batch.map(() => String(body.code)));
          continue;
        }
        if (status !== 200) throw new Error(`a batch was answered with ${status} ${JSON.stringify(body)}`);
        results = body.results;
      } catch (error) {
        if ((error as Error).name !== 'TypeError') throw error;
        // That is how fetch tells of a connection that is refused or cut.
        this.cutOff += 1;
        return;
      }
      results.forEach(({ status, position, error }, index) => {
        if (status === 'rejected' || position === null) this.refused.push(error?.code ?? 'none');
        else this.acknowledged.push({ command: batch[index]!, position });
      });
    }
  }

  /** What of the acknowledged does not stand in the log at the place that was told. */
  lost(log: readonly { readonly position: string; readonly type: string; readonly data: object }[]): Acknowledged[] {
    const places = new Map(log.map((event) => [event.position, event]));
    return this.acknowledged.filter(({ command, position }) => {
      const event = places.get(position);
      const { clickId, advertiserId } = { ...event?.data } as Record<string, unknown>;
      return (
        event?.type !== command.type ||
        clickId !== command.data['clickId'] ||
        advertiserId !== command.data['advertiserId']
      );
    });
  }
}
