import { describe, expect, it } from '@jest/globals';
import type { Handled } from '../../src/commands/facts.js';
import { CommandGateway } from '../../src/commands/gateway.js';
import { CommandHandling } from '../../src/commands/handling.js';
import { BatchTooLargeError, StoreUnavailableError, type NewEvent } from '../../src/event-store/event-store.js';
import { MemoryEventStore } from '../../src/event-store/memory/memory-event-store.js';
import type { Decider } from '../../src/kernel/decider.js';
import { refuse } from '../../src/kernel/refusal.js';

interface Taken {
  readonly type: 'Taken';
  readonly data: { readonly ticket: string; readonly left: number };
}

/** Ten tickets, each taken once: the smallest thing that two writers can get wrong. */
const tickets: Decider<number, { readonly ticket: string }, Taken> = {
  initial: 10,
  decide({ ticket }, left) {
    if (ticket === 'broken') throw new Error('a fault of ours');
    return left === 0 ? refuse('cap-exceeded', 'none left') : [{ type: 'Taken', data: { ticket, left: left - 1 } }];
  },
  evolve: (left) => left - 1,
  idOf: ({ type, data }) => `${type}:${data.ticket}`,
};

const take = (ticket: string, said: object = { ticket }) => ({
  stream: 'tickets-1',
  command: { ticket },
  id: `Taken:${ticket}`,
  said,
});

describe('the shell around every decider', () => {
  it('decides right beside another writer of the same stream', async () => {
    const store = new MemoryEventStore();
    const [here, there] = [new CommandHandling(store, tickets), new CommandHandling(store, tickets)];
    const outcomes = await Promise.all(
      Array.from({ length: 40 }, (_, i) => (i % 2 ? here : there).execute(take(`t-${i}`))),
    );
    expect(outcomes.filter(({ status }) => status === 'appended')).toHaveLength(10);
    expect(outcomes.filter(({ status }) => status === 'rejected')).toHaveLength(30);
    const left: number[] = [];
    for await (const { data } of store.read('tickets-1')) left.push((data as Taken['data']).left);
    expect(left).toEqual([9, 8, 7, 6, 5, 4, 3, 2, 1, 0]);
  });

  it('answers the same fact with the place of the first, within one batch and after a restart', async () => {
    const store = new MemoryEventStore();
    const handling = new CommandHandling(store, tickets);
    const [first, again] = await Promise.all([handling.execute(take('a')), handling.execute(take('a'))]);
    expect([first, again]).toMatchObject([
      { status: 'appended', revision: 0, position: 1n },
      { status: 'duplicate', revision: 0, position: 1n },
    ]);
    expect(await new CommandHandling(store, tickets).execute(take('a'))).toMatchObject({
      status: 'duplicate',
      revision: 0,
      position: 1n,
    });
    expect(await handling.execute(take('a', { ticket: 'a', left: 3 }))).toMatchObject({
      status: 'rejected',
      refusal: { refused: 'conflicting-duplicate' },
    });
    expect(await store.head()).toBe(1n);
  });

  it("keeps one command's failure from its neighbours", async () => {
    const handling = new CommandHandling(new MemoryEventStore(), tickets);
    const outcomes = await Promise.allSettled(['a', 'broken', 'b'].map((ticket) => handling.execute(take(ticket))));
    expect(outcomes).toMatchObject([
      { status: 'fulfilled', value: { status: 'appended', revision: 0 } },
      { status: 'rejected', reason: { message: 'a fault of ours' } },
      { status: 'fulfilled', value: { status: 'appended', revision: 1 } },
    ]);
  });

  it('forgets what could not be appended', async () => {
    const store = new (class extends MemoryEventStore {
      away = false;
      override append(...args: Parameters<MemoryEventStore['append']>) {
        if (this.away) return Promise.reject(new StoreUnavailableError('away'));
        return super.append(...args);
      }
    })();
    const handling = new CommandHandling(store, tickets);
    await handling.execute(take('a'));
    store.away = true;
    await expect(handling.execute(take('b'))).rejects.toThrow(StoreUnavailableError);
    store.away = false;
    expect(await handling.execute(take('c'))).toMatchObject({ event: { data: { left: 8 } }, revision: 1 });
  });
});

describe('a batch that is larger than the store takes', () => {
  /** Takes so many bytes of data in one append. */
  class SmallStore extends MemoryEventStore {
    readonly batches: number[] = [];

    override append(stream: string, expected: Parameters<MemoryEventStore['append']>[1], events: readonly NewEvent[]) {
      if (JSON.stringify(events).length > 700) return Promise.reject(new BatchTooLargeError('too large'));
      this.batches.push(events.length);
      return super.append(stream, expected, events);
    }
  }

  it('is decided again in halves, in the order sent', async () => {
    const store = new SmallStore();
    const handling = new CommandHandling(store, tickets);
    const outcomes = await Promise.all(Array.from({ length: 12 }, (_, n) => handling.execute(take(`t-${n}`))));
    expect(outcomes.map(({ status }) => status)).toEqual([
      ...Array<string>(10).fill('appended'),
      ...Array<string>(2).fill('rejected'),
    ]);
    expect(outcomes.slice(0, 10)).toMatchObject(Array.from({ length: 10 }, (_, revision) => ({ revision })));
    expect(store.batches.length).toBeGreaterThan(1);
  });

  it('fails only what is too large by itself', async () => {
    const handling = new CommandHandling(new SmallStore(), tickets);
    const sent = ['a', 'b'.repeat(800), 'c'].map((ticket) => handling.execute(take(ticket)));
    expect(await Promise.allSettled(sent)).toMatchObject([
      { status: 'fulfilled', value: { status: 'appended', revision: 0 } },
      { status: 'rejected', reason: { name: 'BatchTooLargeError' } },
      { status: 'fulfilled', value: { status: 'appended', revision: 1, event: { data: { left: 8 } } } },
    ]);
  });
});

describe('the gateway', () => {
  const handled = (clickId: string): Handled => ({
    stream: 's',
    id: `ClickSpent:${clickId}`,
    outcome: {
      status: 'appended',
      event: { type: 'ClickSpent', data: { clickId } },
      revision: 0,
      position: 1n,
    },
  });
  const gateway = new CommandGateway(
    [
      {
        facts: new Map([['ClickSpent', {}]]),
        handle: (_type, data) => {
          const { clickId } = data as { clickId: string };
          if (clickId === 'away') return Promise.reject(new StoreUnavailableError('disk full'));
          if (clickId === 'large') return Promise.reject(new BatchTooLargeError('2 MiB'));
          return Promise.resolve(handled(clickId));
        },
      },
    ],
    (type, data) => (type === 'ClickSpent' ? { value: data as object } : undefined),
  );
  const click = (clickId: string) => ({ type: 'ClickSpent', data: { clickId } });

  it('lets an item that the store failed stand alone', async () => {
    expect(await gateway.submit([click('a'), click('away'), click('large'), { type: 'Unheard' }])).toMatchObject([
      { status: 'appended', key: 'a', position: '1' },
      { status: 'rejected', error: { code: 'store-unavailable' } },
      { status: 'rejected', error: { code: 'batch-too-large', detail: expect.stringContaining('larger') } },
      { status: 'rejected', error: { code: 'invalid-command', errors: [{ path: '/type' }] } },
    ]);
  });

  it('throws when nothing could be taken', async () => {
    await expect(gateway.submit([click('away')])).rejects.toThrow(StoreUnavailableError);
  });
});
