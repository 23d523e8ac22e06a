import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import type { Attempt } from '../../src/notices/sending.js';
import { endpoint, ManualTime, notice, settle, WebhookWorld } from './webhook-world.js';

const failed = (retryAfterMs: number | null = null): Attempt => ({
  outcome: 'failed',
  why: 'answered 503',
  retryAfterMs,
});

let directory: string;
beforeEach(() => void (directory = mkdtempSync(join(tmpdir(), 'notices-'))));
afterEach(() => rmSync(directory, { recursive: true, force: true }));

describe('webhooks', () => {
  it('begin at the head, and send what is told from then on', async () => {
    const world = await new WebhookWorld([endpoint('crm')], {}, [notice(1), notice(2)]).start();
    expect(world.sent).toEqual([]);
    await world.tell(notice(3));
    expect(world.sent).toEqual([
      {
        endpoint: 'crm',
        atMs: world.time.nowMs,
        message: {
          id: 'credit-used-up~adv~DE~c3',
          body: JSON.stringify({
            type: 'credit-used-up',
            timestamp: '2022-10-05T00:00:00.000Z',
            data: {
              id: 'credit-used-up~adv~DE~c3',
              position: '3',
              advertiserId: 'adv',
              marketplace: 'DE',
              creditId: 'c3',
            },
          }),
        },
      },
    ]);
    await world.webhooks.stop();
  });

  it('begin at a position that the settings say', async () => {
    const told = [notice(1), notice(2), notice(3)];
    const world = await new WebhookWorld([endpoint('crm')], { from: 1n }, told).start();
    expect(world.ids).toEqual(['c2', 'c3']);
    await world.webhooks.stop();
  });

  it('go to each endpoint that wants them', async () => {
    const world = await new WebhookWorld([
      endpoint('all'),
      endpoint('expiring', { kinds: new Set(['credit-expiring']) }),
      endpoint('fr', { marketplaces: new Set(['FR']) }),
      endpoint('adv', { advertisers: new Set(['adv']) }),
    ]).start();
    await world.tell(
      notice(1),
      notice(2, { marketplace: 'FR', advertiserId: 'other' }),
      notice(3, { kind: 'credit-expiring' }),
    );
    expect(world.sent.map(({ endpoint: to, message }) => `${to} ${message.id.slice(-2)}`).sort()).toEqual([
      'adv c1',
      'adv c3',
      'all c1',
      'all c2',
      'all c3',
      'expiring c3',
      'fr c2',
    ]);
    await world.webhooks.stop();
  });

  it('are tried again with back-off and jitter, under the same id, until they are accepted', async () => {
    const world = await new WebhookWorld([endpoint('crm')]).start();
    const began = world.time.nowMs;
    world.answer = () => failed();
    await world.tell(notice(1));
    await world.time.pass(1099);
    expect(world.sent).toHaveLength(1);
    await world.time.pass(1);
    expect(world.sent).toHaveLength(2);
    world.answer = () => ({ outcome: 'delivered' });
    await world.time.pass(3_600_000);
    // 1000 ms and 60,000 ms, each a tenth later by the chance of this test.
    expect(world.sent.map(({ atMs }) => atMs - began)).toEqual([0, 1100, 1100 + 66_000]);
    expect(new Set(world.sent.map(({ message }) => message.id)).size).toBe(1);
    expect(world.outcomes).toEqual(['crm failed', 'crm failed', 'crm delivered']);
    expect(world.webhooks.endpoints()).toMatchObject([{ queued: 0, deadLetters: 0, lagSeconds: 0, state: 'active' }]);
    await world.webhooks.stop();
  });

  it('wait for as long as the receiver asks', async () => {
    const world = await new WebhookWorld([endpoint('crm')]).start();
    world.answer = () => failed(30_000);
    await world.tell(notice(1));
    await world.time.pass(29_999);
    expect(world.sent).toHaveLength(1);
    expect(world.webhooks.endpoints()).toMatchObject([{ queued: 1, lagSeconds: 29 }]);
    await world.time.pass(1);
    expect(world.sent).toHaveLength(2);
    await world.webhooks.stop();
  });

  it('become dead letters after the last try, which are listed and sent again when asked', async () => {
    const world = await new WebhookWorld([endpoint('crm')]).start();
    world.answer = () => failed();
    await world.tell(notice(1), notice(2));
    await world.time.pass(3_600_000);
    expect(world.sent).toHaveLength(6);
    expect(world.outcomes.slice(-2)).toEqual(['crm dead', 'crm dead']);
    const letters = world.webhooks.deadLetters(0, 10, 'crm');
    expect(letters).toMatchObject([
      { id: '1', endpoint: 'crm', noticeId: notice(1).id, kind: 'credit-used-up', attempts: 3, why: 'answered 503' },
      { noticeId: notice(2).id },
    ]);
    expect(world.webhooks.deadLetters(1, 10, null)).toHaveLength(1);
    expect(world.webhooks.deadLetters(0, 10, 'other')).toEqual([]);
    world.answer = () => ({ outcome: 'delivered' });
    expect(world.webhooks.resend(Number(letters[0]!.id))).toEqual({ resent: 1 });
    expect(world.webhooks.resend(Number(letters[0]!.id))).toMatchObject({ refused: 'not-found' });
    expect(world.webhooks.resendAll('crm')).toEqual({ resent: 1 });
    expect(world.webhooks.resendAll('nobody')).toMatchObject({ refused: 'not-found' });
    await settle();
    expect(world.ids.slice(6)).toEqual(['c1', 'c2']);
    expect(world.webhooks.deadLetters(0, 10, null)).toEqual([]);
    await world.webhooks.stop();
  });

  it('are not sent any more to an endpoint that says it is gone, until somebody asks for it', async () => {
    const world = await new WebhookWorld([endpoint('crm'), endpoint('other')]).start();
    world.answer = () => ({ outcome: 'gone', why: 'answered 410' });
    await world.tell(notice(1));
    await world.tell(notice(2));
    expect(world.ids).toEqual(['c1', 'c1']);
    expect(world.webhooks.endpoints()).toMatchObject([
      { id: 'crm', state: 'disabled', disabledAt: '2022-10-05T00:00:00.000Z', deadLetters: 2, queued: 0 },
      { id: 'other', state: 'disabled' },
    ]);
    world.answer = () => ({ outcome: 'delivered' });
    expect(world.webhooks.resendAll('crm')).toEqual({ resent: 2 });
    await world.tell(notice(3));
    expect(world.ids.slice(2)).toEqual(['c1', 'c2', 'c3']);
    expect(world.webhooks.endpoints()).toMatchObject([{ state: 'active', disabledAt: null }, { state: 'disabled' }]);
    await world.webhooks.stop();
  });

  it('are sent again to an endpoint that was gone when it is configured at another URL', async () => {
    const path = join(directory, 'notices');
    const before = await new WebhookWorld([endpoint('crm')], { path }).start();
    before.answer = () => ({ outcome: 'gone', why: 'answered 410' });
    await before.tell(notice(1));
    await before.webhooks.stop();
    const moved = endpoint('crm', { url: new URL('https://new.example.com/') });
    expect(new WebhookWorld([moved], { path }).webhooks.endpoints()).toMatchObject([{ state: 'active' }]);
  });

  it('go to an endpoint four at a time at most, and a slow one holds up no other', async () => {
    const world = await new WebhookWorld([endpoint('slow'), endpoint('quick')]).start();
    const answers: ((attempt: Attempt) => void)[] = [];
    world.answer = () => new Promise((resolve) => answers.push(resolve));
    const underWay = (id: string) => world.sent.filter(({ endpoint: to }) => to === id).length;
    await world.tell(...Array.from({ length: 10 }, (_, n) => notice(n)));
    expect([underWay('slow'), underWay('quick')]).toEqual([4, 4]);
    answers[4]!({ outcome: 'delivered' });
    await settle();
    expect([underWay('slow'), underWay('quick')]).toEqual([4, 5]);
    answers.forEach((answer) => answer({ outcome: 'delivered' }));
    world.answer = () => ({ outcome: 'delivered' });
    await settle();
    expect([underWay('slow'), underWay('quick')]).toEqual([10, 10]);
    await world.webhooks.stop();
  });

  it('are queued once, though the feed tells of them at another place again', async () => {
    const world = await new WebhookWorld([endpoint('crm')]).start();
    await world.tell(notice(1));
    await world.tell(notice(1), notice(2));
    expect(world.ids).toEqual(['c1', 'c2']);
    await world.webhooks.stop();
  });
});

describe('what was delivered', () => {
  it('is remembered for seven days, and not for ever', async () => {
    const world = await new WebhookWorld([endpoint('crm')]).start();
    await world.tell(notice(1));
    await world.time.pass(7 * 86_400_000);
    await world.tell(notice(1));
    expect(world.ids).toEqual(['c1']);
    await world.time.pass(1);
    await world.tell(notice(1));
    expect(world.ids).toEqual(['c1', 'c1']);
    await world.webhooks.stop();
  });
});

describe('dead letters', () => {
  const DAY_MS = 86_400_000;
  const dying = async (world: WebhookWorld): Promise<WebhookWorld> => {
    world.answer = () => failed();
    return world.start();
  };

  it('are dropped when they are older than the settings say, counted and told', async () => {
    const world = await dying(new WebhookWorld([endpoint('crm'), endpoint('other')], { deadLetterMs: 2 * DAY_MS }));
    await world.tell(notice(1), notice(2));
    await world.time.pass(DAY_MS);
    await world.tell(notice(3));
    await world.time.pass(DAY_MS);
    const left = () => world.webhooks.deadLetters(0, 10, null).map(({ noticeId }) => noticeId.slice(-2));
    expect(left()).toHaveLength(6);
    await world.time.pass(3_600_000);
    expect(left()).toEqual(['c3', 'c3']);
    expect(world.outcomes.filter((each) => each.includes('forgot'))).toEqual(['crm forgot 2', 'other forgot 2']);
    expect(world.reports.at(-1)).toBe('2 dead letters of the webhook endpoint other are too old and were dropped');
    await world.webhooks.stop();
  });

  it('are dropped when somebody says so, one or all of an endpoint', async () => {
    const world = await dying(new WebhookWorld([endpoint('crm'), endpoint('other')]));
    await world.tell(notice(1), notice(2));
    await world.time.pass(DAY_MS);
    const [first] = world.webhooks.deadLetters(0, 10, 'crm');
    expect(world.webhooks.discard(Number(first!.id))).toEqual({ discarded: 1 });
    expect(world.webhooks.discard(Number(first!.id))).toMatchObject({ refused: 'not-found' });
    expect(world.webhooks.endpoints()).toMatchObject([{ deadLetters: 1 }, { deadLetters: 2 }]);
    expect(world.webhooks.discardAll('crm')).toEqual({ discarded: 1 });
    expect(world.webhooks.discardAll('crm')).toEqual({ discarded: 0 });
    expect(world.webhooks.discardAll('nobody')).toMatchObject({ refused: 'not-found' });
    expect(world.webhooks.endpoints()).toMatchObject([{ deadLetters: 0 }, { deadLetters: 2 }]);
    await world.webhooks.stop();
  });

  it('are what was queued for an endpoint that is taken out of the settings, and can be dropped', async () => {
    const path = join(directory, 'notices');
    const before = await dying(new WebhookWorld([endpoint('crm'), endpoint('left')], { path }));
    await before.tell(notice(1), notice(2));
    await before.webhooks.stop();
    const after = await new WebhookWorld([endpoint('crm')], { path }, [notice(1), notice(2)]).start();
    expect(after.reports).toEqual(['the webhook endpoint left was taken out: what was queued is 2 dead letters']);
    expect(after.webhooks.deadLetters(0, 10, 'left')).toMatchObject([
      { noticeId: notice(1).id, why: 'the endpoint was taken out' },
      { noticeId: notice(2).id },
    ]);
    expect(after.webhooks.endpoints()).toMatchObject([{ id: 'crm', deadLetters: 0 }]);
    expect(after.webhooks.discardAll('left')).toEqual({ discarded: 2 });
    await after.webhooks.stop();
  });
});

describe('a clock that ran ahead and is put right', () => {
  const YEAR_MS = 365 * 86_400_000;

  it('leaves nothing waiting for longer than the longest delay, after a start or without one', async () => {
    for (const isRestarted of [true, false]) {
      const path = join(directory, `notices-${isRestarted}`);
      const time = new ManualTime();
      let world = await new WebhookWorld([endpoint('crm')], { path, time }).start();
      time.nowMs += YEAR_MS;
      world.answer = () => failed();
      await world.tell(notice(1));
      expect(world.ids).toEqual(['c1']);
      if (isRestarted) await world.webhooks.stop();
      time.nowMs -= YEAR_MS;
      if (isRestarted) world = new WebhookWorld([endpoint('crm')], { path, time }, [notice(1)]);
      const sentBefore = world.sent.length;
      world.answer = () => ({ outcome: 'delivered' });
      if (isRestarted) await world.start();
      // Something is told, or an hour has passed: either wakes who sends.
      else await world.tell(notice(2));
      await time.pass(24 * 3_600_000);
      expect(world.ids.slice(sentBefore)).toContain('c1');
      expect(world.webhooks.endpoints()).toMatchObject([{ queued: 0 }]);
      await world.webhooks.stop();
    }
  });
});

describe('a process that ends', () => {
  it('is waited for a little; what it leaves is sent after the next start, and nothing is left out', async () => {
    const path = join(directory, 'notices');
    const time = new ManualTime();
    const before = await new WebhookWorld([endpoint('crm')], { path, time }).start();
    before.answer = (message, gone) =>
      message.id.endsWith('c1')
        ? { outcome: 'delivered' }
        : new Promise((resolve) => gone.addEventListener('abort', () => resolve(failed())));
    await before.tell(notice(1), notice(2));
    const stopped = before.webhooks.stop();
    await settle();
    await time.pass(5000);
    await stopped;
    expect(before.outcomes).toEqual(['crm delivered']);

    const told = [notice(1), notice(2), notice(3)];
    const after = await new WebhookWorld([endpoint('crm')], { path, time }, told).start();
    expect(after.ids.sort()).toEqual(['c2', 'c3']);
    await after.webhooks.stop();
  });

  it('begins at the end of a log that is shorter than what it has queued: it is another one', async () => {
    const path = join(directory, 'notices');
    const before = await new WebhookWorld([endpoint('crm')], { path }).start();
    await before.tell(notice(1), notice(2), notice(3));
    await before.webhooks.stop();
    const after = await new WebhookWorld([endpoint('crm')], { path }, [notice(8)]).start();
    expect(after.reports).toEqual([expect.stringContaining('beyond the log')]);
    await after.tell(notice(9));
    expect(after.ids).toEqual(['c9']);
    await after.webhooks.stop();
  });

  it('tells what it cannot keep, and goes on when it can', async () => {
    const world = await new WebhookWorld([endpoint('crm')]).start();
    const queue = world.deliveries.queue.bind(world.deliveries);
    world.deliveries.queue = () => {
      throw new Error('database or disk is full');
    };
    await world.tell(notice(1));
    expect(world.reports).toEqual([expect.stringContaining('disk is full')]);
    world.deliveries.queue = queue;
    await world.time.pass(5000);
    await settle();
    expect(world.ids).toEqual(['c1']);
    await world.webhooks.stop();
  });
});
