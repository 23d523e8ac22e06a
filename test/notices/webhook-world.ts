import type { Notice } from '../../src/notices/domain/notices.js';
import { Deliveries } from '../../src/notices/deliveries.js';
import type { Endpoint, WebhookSettings } from '../../src/notices/endpoint.js';
import type { NoticeFeed } from '../../src/notices/feed.js';
import type { Placed } from '../../src/notices/notices-model.js';
import type { Attempt, Message } from '../../src/notices/sending.js';
import type { Timing } from '../../src/notices/timing.js';
import { Webhooks } from '../../src/notices/webhooks.js';
import { at } from './told.js';

export const SECRET = `whsec_${Buffer.alloc(32, 7).toString('base64')}`;
export const OTHER_SECRET = `whsec_${Buffer.alloc(32, 9).toString('base64')}`;

export const endpoint = (id: string, said: Partial<Endpoint> = {}): Endpoint => ({
  id,
  url: new URL(`https://${id}.example.com/hook?token=secret`),
  secrets: [SECRET],
  kinds: null,
  advertisers: null,
  marketplaces: null,
  allowPrivate: false,
  ...said,
});

export const notice = (n: number, said: Partial<Notice> = {}): Notice => ({
  id: `credit-used-up~adv~DE~c${n}`,
  kind: 'credit-used-up',
  advertiserId: 'adv',
  marketplace: 'DE',
  position: String(n),
  occurredAt: at('10-05T00:00'),
  data: { creditId: `c${n}` },
  ...said,
});

/** Lets everything that needs no time happen. */
export const settle = async (): Promise<void> => {
  for (let turn = 0; turn < 20; turn += 1) await new Promise(setImmediate);
};

/** Time that passes when it is told to. */
export class ManualTime implements Timing {
  nowMs = Date.parse('2022-10-05T00:00:00Z');
  private timers: { atMs: number; callback: () => void }[] = [];

  now = (): number => this.nowMs;
  random = (): number => 0.5;
  after = (ms: number, callback: () => void): (() => void) => {
    const timer = { atMs: this.nowMs + ms, callback };
    this.timers.push(timer);
    return () => void (this.timers = this.timers.filter((each) => each !== timer));
  };

  async pass(ms: number): Promise<void> {
    const untilMs = this.nowMs + ms;
    for (;;) {
      const [next] = this.timers.filter(({ atMs }) => atMs <= untilMs).sort((a, b) => a.atMs - b.atMs);
      if (!next) break;
      this.timers = this.timers.filter((each) => each !== next);
      this.nowMs = Math.max(this.nowMs, next.atMs);
      next.callback();
      await settle();
    }
    this.nowMs = untilMs;
  }
}

/** Webhooks on a file, or in memory, with a feed, a receiver and a time that the test says. */
export class WebhookWorld {
  readonly time: ManualTime;
  readonly sent: { endpoint: string; message: Message; atMs: number }[] = [];
  readonly reports: string[] = [];
  readonly outcomes: string[] = [];
  readonly webhooks: Webhooks;
  readonly deliveries: Deliveries;
  /** What the receiver answers; a promise keeps the attempt under way. */
  answer: (message: Message, gone: AbortSignal) => Attempt | Promise<Attempt> = () => ({ outcome: 'delivered' });
  /** Told already, in order; those to come are given to `tell`. */
  head = 0n;
  private bell = Promise.withResolvers<void>();
  private readonly placed: Placed[] = [];

  constructor(
    readonly endpoints: readonly Endpoint[],
    {
      path = ':memory:',
      time = new ManualTime(),
      ...settings
    }: Partial<WebhookSettings> & { path?: string; time?: ManualTime } = {},
    told: readonly Notice[] = [],
  ) {
    this.time = time;
    this.deliveries = new Deliveries(path);
    this.place(told);
    const all = { endpoints, retriesMs: [1000, 60_000], deadLetterMs: 30 * 86_400_000, from: null, ...settings };
    this.webhooks = new Webhooks(this.feed(), this.deliveries, all, (message) => this.reports.push(message), {
      timing: time,
      observer: {
        attempted: (id, outcome) => this.outcomes.push(`${id} ${outcome}`),
        forgotten: (id, letters) => this.outcomes.push(`${id} forgot ${letters}`),
      },
      send: async (to, message, nowMs, gone) => {
        this.sent.push({ endpoint: to.id, message, atMs: nowMs });
        return this.answer(message, gone);
      },
    });
  }

  async start(): Promise<this> {
    this.webhooks.start();
    await settle();
    return this;
  }

  async tell(...notices: readonly Notice[]): Promise<void> {
    this.place(notices);
    this.bell.resolve();
    this.bell = Promise.withResolvers();
    await settle();
  }

  get ids(): string[] {
    return this.sent.map(({ message }) => message.id.replace(/.*~/, ''));
  }

  private place(notices: readonly Notice[]): void {
    for (const each of notices) {
      this.head += 1n;
      this.placed.push({ place: { position: this.head, due: 0, ordinal: 0 }, notice: each });
    }
  }

  private feed(): NoticeFeed {
    const end = async () => ({ position: this.head, due: 0, ordinal: 0 });
    const feed: Pick<NoticeFeed, 'head' | 'end' | 'follow'> = {
      head: async () => this.head,
      end,
      follow: (after, gone) => this.follow(after.position, gone),
    };
    return feed as NoticeFeed;
  }

  private async *follow(after: bigint, gone: AbortSignal): AsyncGenerator<readonly Placed[]> {
    const left = new Promise<void>((resolve) => gone.addEventListener('abort', () => resolve(), { once: true }));
    for (let last = after; !gone.aborted;) {
      const some = this.placed.filter(({ place }) => place.position > last);
      if (some.length > 0) yield some;
      last = some.at(-1)?.place.position ?? last;
      if (some.length === 0) await Promise.race([this.bell.promise, left]);
    }
  }
}
