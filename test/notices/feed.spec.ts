import { afterEach, describe, expect, it } from '@jest/globals';
import { MemoryEventStore } from '../../src/event-store/memory/memory-event-store.js';
import {
  type NewEvent,
  type Position,
  type Recorded,
  StoreUnavailableError,
} from '../../src/event-store/event-store.js';
import { DAY_MS, instantOf, plusMs, type Instant } from '../../src/kernel/instant.js';
import { BEGINNING, NoticeFeed, parsePlace, placeText } from '../../src/notices/feed.js';
import type { Placed } from '../../src/notices/notices-model.js';
import { ReadModelDatabase } from '../../src/read-models/database.js';
import { ReadModels } from '../../src/read-models/read-models.js';
import { AccountHistory } from '../read-models/account-history.js';

/** A store that can be away. */
class Store extends MemoryEventStore {
  isAway = false;

  override head(): Promise<Position> {
    return this.isAway ? Promise.reject(new StoreUnavailableError('away')) : super.head();
  }
}

const NOW = instantOf(Date.now());
let models: ReadModels | undefined;
afterEach(async () => {
  await models?.close();
  models = undefined;
});

/** A feed on a store, with an account whose credit is about to end in seven days and a moment. */
async function feedOf(clock: () => Instant) {
  const store = new Store();
  models = new ReadModels(store, new ReadModelDatabase(':memory:'), undefined, clock);
  await models.start();
  const history = new AccountHistory(plusMs(NOW, -DAY_MS));
  const credit = { creditId: 'c', appliedMinor: 100, appliedAt: plusMs(NOW, -DAY_MS) };
  history.give({ ...credit, expiresAt: plusMs(NOW, 7 * DAY_MS + 60_000) });
  const stream = history.events[0]!.stream;
  await store.append(stream, 'none', history.events.map(facts));
  await models.caughtUp();
  return { store, feed: new NoticeFeed(models, clock), history, stream };
}

const facts = ({ id, type, data, metadata }: Recorded): NewEvent => ({ id, type, data, metadata });

const kinds = ({ value }: IteratorResult<readonly Placed[], unknown>) =>
  (value as readonly Placed[]).map(({ notice }) => notice.kind);

describe('the feed', () => {
  it('wakes a follower for an event, and for what the clock tells without one', async () => {
    let late = 0;
    const { store, feed, history, stream } = await feedOf(() => plusMs(NOW, 59_990 + late));
    const gone = new AbortController();
    const followed = feed.follow(BEGINNING, gone.signal);
    expect(kinds(await followed.next())).toEqual(['credit-applied']);
    history.click('1', 80, NOW);
    const told = followed.next();
    await store.append(stream, 'any', history.events.slice(-1).map(facts));
    expect(kinds(await told)).toEqual(['credit-80-percent-used']);
    const clocked = followed.next();
    late = 10;
    expect(kinds(await clocked)).toEqual(['credit-expiring']);
    const over = followed.next();
    gone.abort();
    expect(await over).toEqual({ done: true, value: undefined });
  });

  it('does not ask the clock while the store is away: there may be more to know', async () => {
    const { store, feed } = await feedOf(() => plusMs(NOW, 60_000));
    store.isAway = true;
    await expect(feed.now(BEGINNING, 10)).rejects.toThrow(StoreUnavailableError);
    const gone = new AbortController();
    const followed = feed.follow(BEGINNING, gone.signal);
    const first = followed.next();
    store.isAway = false;
    expect(kinds(await first)).toEqual(['credit-applied', 'credit-expiring']);
    gone.abort();
  });

  it('tells a follower once what the clock tells, though events that do not settle it follow', async () => {
    const { store, feed, history, stream } = await feedOf(() => plusMs(NOW, 60_000));
    const gone = new AbortController();
    const followed = feed.follow(BEGINNING, gone.signal);
    expect(kinds(await followed.next())).toEqual(['credit-applied', 'credit-expiring']);
    history.click('1', 80, NOW);
    const told = followed.next();
    await store.append(stream, 'any', history.events.slice(-1).map(facts));
    expect(kinds(await told)).toEqual(['credit-80-percent-used']);
    gone.abort();
  });

  it('ends after what the clock has told', async () => {
    const { feed } = await feedOf(() => plusMs(NOW, 60_000));
    const end = await feed.end();
    expect(end).toEqual({ position: 2n, due: expect.any(Number), ordinal: 1 });
    expect(await feed.now(end, 10)).toEqual([]);
  });

  it('writes places down and reads them again', () => {
    for (const place of [
      { position: 42n, due: 0, ordinal: 7 },
      { position: 42n, due: 1_666_854_000_000, ordinal: 7 },
    ]) {
      expect(parsePlace(placeText(place))).toEqual(place);
    }
    for (const none of [
      '',
      '42',
      '42-',
      '-1',
      '042-1',
      '1-01',
      '1-0-1',
      '1-2-3-4',
      'x',
      42,
      undefined,
      `${'9'.repeat(19)}-0`,
    ]) {
      expect(parsePlace(none)).toBeUndefined();
    }
  });
});
