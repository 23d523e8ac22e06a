import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from '@jest/globals';
import { map, type Observable } from 'rxjs';
import { LateFacts } from '../../src/audit/late-facts.js';
import { Periods } from '../../src/audit/periods.js';
import { copyLedger } from '../../src/event-store/copy.js';
import { EventStore, type Position, type Recorded } from '../../src/event-store/event-store.js';
import { MemoryEventStore } from '../../src/event-store/memory/memory-event-store.js';
import { SqliteEventStore } from '../../src/event-store/sqlite/sqlite-event-store.js';
import { isRefusal, type Refusal } from '../../src/kernel/refusal.js';
import { Queries } from '../../src/read-models/queries.js';
import { ReadModels } from '../../src/read-models/read-models.js';
import { InProcessLedger } from '../model/ledger-under-test.js';
import type { Command } from '../support/auditor/facts.js';
import * as history from '../support/history.js';

const NO_PROGRESS = { start: () => undefined, advance: () => undefined, stop: () => undefined };
const GAP = 1000n;

/** Its positions have gaps, as those of a server have. */
class GappedStore extends EventStore {
  private readonly inner = new MemoryEventStore();

  override async append(...asked: Parameters<EventStore['append']>) {
    const appended = await this.inner.append(...asked);
    if ('conflict' in appended) return appended;
    const { position, positions } = appended;
    return { ...appended, position: position * GAP, positions: positions.map((each) => each * GAP) };
  }

  override async *read(...asked: Parameters<EventStore['read']>) {
    for await (const event of this.inner.read(...asked)) yield spread(event);
  }

  override async find(stream: string, ids: readonly string[]) {
    const found = await this.inner.find(stream, ids);
    return new Map([...found].map(([id, event]) => [id, spread(event)]));
  }

  override async *readAll({ after = 0n, ...rest }: Parameters<EventStore['readAll']>[0] = {}) {
    for await (const event of this.inner.readAll({ after: after / GAP, ...rest })) yield spread(event);
  }

  override subscribe({ after = 0n, filter }: Parameters<EventStore['subscribe']>[0] = {}): Observable<Recorded> {
    return this.inner.subscribe({ after: after / GAP, ...(filter ? { filter } : {}) }).pipe(map(spread));
  }

  override async head(): Promise<Position> {
    return (await this.inner.head()) * GAP;
  }

  override close(): Promise<void> {
    return this.inner.close();
  }
}

const spread = (event: Recorded): Recorded => ({ ...event, position: event.position * GAP });

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'promoledger-'));
});
afterEach(() => rmSync(folder, { recursive: true }));

const click = (clickId: string, amount: string, occurredAt: string): Command => ({
  type: 'ClickSpent',
  data: {
    advertiserId: 'acme',
    marketplace: 'DE',
    clickId,
    campaignId: 'k',
    product: 'SP',
    cost: { amount, currency: 'EUR' },
    occurredAt,
  },
});

function answerOf<T extends object>(answer: T | Refusal): T {
  if (isRefusal(answer)) throw new Error(answer.detail);
  return answer;
}

/** The three views of both months, and the positions that they are told with. */
async function told(ledger: InProcessLedger) {
  const [periods, lateFacts] = [ledger.app.get(Periods), ledger.app.get(LateFacts)];
  const moment = await ledger.app
    .get(Queries)
    .moment({ knownAt: { position: await ledger.app.get(ReadModels).caughtUp() } });
  const { items } = answerOf(await periods.list(moment, { limit: 100 }));
  const views = [];
  for (const closed of items) {
    const { verified, items: reported } = answerOf(await periods.reported(closed, moment, { limit: 100 }));
    const { items: restated } = answerOf(await periods.restated(closed, moment, { limit: 100 }));
    const { items: lines } = answerOf(await lateFacts.difference(closed, moment, { limit: 100 }));
    const difference = lines.map(({ facts, ...line }) => ({ ...line, facts: facts.map(({ event }) => event.id) }));
    views.push({ period: closed.period, verified, reported, restated, difference });
  }
  return { views, positions: items.map(({ position }) => position) };
}

it('closed months are told the same when the ledger was copied to where positions are others', async () => {
  const source = new GappedStore();
  const ledger = await InProcessLedger.start({ store: source });
  const record = async (...commands: readonly Command[]) => {
    for (const command of commands) expect((await ledger.submit(command)).status).toBe('appended');
  };
  const periods = ledger.app.get(Periods);
  await record(history.opened('acme', 'DE', 'EUR') as Command, click('october', '2.00', '2022-10-02T00:00:00Z'));
  expect(await periods.close('2022-10')).toMatchObject({ status: 'appended', event: { position: '2000' } });
  await record(click('late', '3.00', '2022-10-03T00:00:00Z'), click('november', '4.00', '2022-11-03T00:00:00Z'));
  expect(await periods.close('2022-11')).toMatchObject({ status: 'appended', event: { position: '5000' } });
  await record(click('later', '5.00', '2022-10-03T00:00:00Z'));
  const before = await told(ledger);
  expect(before.positions).toEqual(['2000', '5000']);
  expect(before.views).toMatchObject([
    { verified: true, difference: [{ difference: '8.00', facts: ['ClickSpent:late', 'ClickSpent:later'] }, {}] },
    { verified: true, difference: [{ difference: '5.00', facts: ['ClickSpent:later'] }, {}] },
  ]);

  const path = join(folder, 'copy.db');
  const target = SqliteEventStore.open(path);
  expect(await copyLedger(source, target, NO_PROGRESS)).toMatchObject({ difference: null });
  await target.close();
  await ledger.stop();
  const copied = await InProcessLedger.start({}, { PROMOLEDGER_STORE: `sqlite:${path}` });
  try {
    const after = await told(copied);
    expect(after).toEqual({ views: before.views, positions: ['2', '5'] });
    // A month that is closed there goes on from those that were closed before the move.
    expect(await copied.app.get(Periods).close('2022-12')).toMatchObject({
      status: 'appended',
      event: { position: '7' },
    });
  } finally {
    await copied.stop();
  }
});
