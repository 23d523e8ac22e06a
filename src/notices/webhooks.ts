import { StoreUnavailableError } from '../event-store/event-store.js';
import { instantOf, type Instant } from '../kernel/instant.js';
import { refuse, type Refusal } from '../kernel/refusal.js';
import type { Deliveries, Delivery, Outgoing } from './deliveries.js';
import { Dispatcher, type WebhookObserver } from './dispatcher.js';
import { wants, type WebhookSettings } from './endpoint.js';
import type { NoticeFeed } from './feed.js';
import type { Place, Placed } from './notices-model.js';
import { sendOverHttp, type Send } from './sending.js';
import { pause, REAL_TIMING, type Timing } from './timing.js';

/** When the read models have stopped, or the file cannot be written, it is tried again after so long. */
const TROUBLE_MS = 5000;
/** How long a stop waits for attempts that are under way. */
const GRACE_MS = 5000;

/** How often dead letters are looked through for those that are too old. */
const FORGET_EVERY_MS = 3_600_000;

const UNOBSERVED: WebhookObserver = { attempted: () => undefined, forgotten: () => undefined };

export interface EndpointListed {
  readonly id: string;
  /** The origin alone: some receivers have a secret in the path. */
  readonly url: string;
  readonly kinds: readonly string[] | null;
  readonly advertisers: readonly string[] | null;
  readonly marketplaces: readonly string[] | null;
  readonly state: 'active' | 'disabled';
  readonly disabledAt: Instant | null;
  readonly lastDeliveredAt: Instant | null;
  readonly queued: number;
  readonly deadLetters: number;
  /** For how long the oldest that is queued has waited. */
  readonly lagSeconds: number;
}

export interface DeadLetter {
  readonly id: string;
  readonly endpoint: string;
  readonly noticeId: string;
  readonly kind: string;
  /** Of those that failed. */
  readonly attempts: number;
  readonly queuedAt: Instant;
  readonly deadAt: Instant | null;
  /** What came of the last attempt. */
  readonly why: string | null;
}

/** What may be put in the place of real time and real HTTP. */
export interface WebhookMeans {
  readonly send?: Send;
  readonly timing?: Timing;
  readonly observer?: WebhookObserver;
}

/**
 * Sends the notices to the configured endpoints, each at least once: they are queued in the order of the feed, together with
 * the place that was reached, and sent until they are accepted or have become dead letters.
 */
export class Webhooks {
  private readonly gone = new AbortController();
  private readonly dispatchers: readonly Dispatcher[];
  private readonly timing: Timing;
  private readonly observer: WebhookObserver;
  private following: Promise<void> = Promise.resolve();
  private cancelForgetting = (): void => undefined;

  /** `deliveries` is null when no endpoint is configured. */
  constructor(
    private readonly feed: NoticeFeed,
    private readonly deliveries: Deliveries | null,
    private readonly settings: WebhookSettings,
    private readonly report: (message: string) => void,
    { send = sendOverHttp(), timing = REAL_TIMING, observer = UNOBSERVED }: WebhookMeans = {},
  ) {
    this.timing = timing;
    this.observer = observer;
    const { endpoints, retriesMs } = settings;
    this.dispatchers =
      deliveries === null
        ? []
        : endpoints.map((endpoint) => {
            deliveries.configure(endpoint.id, endpoint.url.href);
            return new Dispatcher(endpoint, { deliveries, send, retriesMs, timing, observer, report });
          });
  }

  /** Begins to queue and to send, in the background. */
  start(): void {
    if (this.deliveries) {
      this.settleOthers(this.deliveries);
      this.forgetOld(this.deliveries);
      this.following = this.follow(this.deliveries);
    }
    this.sendDue();
  }

  /** Begins nothing more and waits a little for what is under way. */
  async stop(): Promise<void> {
    this.gone.abort();
    this.cancelForgetting();
    await this.following;
    const { promise: patience, resolve } = Promise.withResolvers<void>();
    const cancel = this.timing.after(GRACE_MS, resolve);
    await Promise.all(this.dispatchers.map((dispatcher) => dispatcher.stop(patience)));
    cancel();
    this.deliveries?.close();
  }

  endpoints(): readonly EndpointListed[] {
    const { deliveries } = this;
    if (!deliveries) return [];
    const nowMs = this.timing.now();
    return this.settings.endpoints.map(({ id, url, kinds, advertisers, marketplaces }) => {
      const { disabledAtMs, deliveredAtMs, queued, dead, oldestMs } = deliveries.stateOf(id);
      return {
        id,
        url: url.origin,
        kinds: kinds && [...kinds],
        advertisers: advertisers && [...advertisers],
        marketplaces: marketplaces && [...marketplaces],
        state: disabledAtMs === null ? 'active' : 'disabled',
        disabledAt: instantOrNull(disabledAtMs),
        lastDeliveredAt: instantOrNull(deliveredAtMs),
        queued,
        deadLetters: dead,
        lagSeconds: oldestMs === null ? 0 : Math.max(0, Math.floor((nowMs - oldestMs) / 1000)),
      };
    });
  }

  /** Dead letters with an id above `after`, in the order in which they were first queued. */
  deadLetters(after: number, limit: number, endpoint: string | null): readonly DeadLetter[] {
    return (this.deliveries?.deadLetters(after, limit, endpoint) ?? []).map(letterOf);
  }

  /** Queues a dead letter anew, with all its attempts before it, and takes up its endpoint should it be disabled. */
  resend(id: number): { readonly resent: number } | Refusal {
    const letter = this.deliveries?.deadLetter(id);
    return letter ? this.resendOf(letter.endpoint, id) : refuse('not-found', 'There is no such dead letter.');
  }

  /** Queues all dead letters of an endpoint anew, and takes it up should it be disabled. */
  resendAll(endpoint: string): { readonly resent: number } | Refusal {
    return this.resendOf(endpoint, null);
  }

  /** Drops a dead letter. */
  discard(id: number): { readonly discarded: number } | Refusal {
    return this.deliveries?.discard(id) ? { discarded: 1 } : refuse('not-found', 'There is no such dead letter.');
  }

  /** Drops all dead letters of an endpoint, which need not be configured any more. */
  discardAll(endpoint: string): { readonly discarded: number } | Refusal {
    const discarded = this.deliveries?.discardAll(endpoint) ?? 0;
    const isKnown = discarded > 0 || this.dispatchers.some((each) => each.endpoint.id === endpoint);
    return isKnown ? { discarded } : refuse('not-found', 'No such endpoint is configured.');
  }

  private resendOf(id: string, letter: number | null): { readonly resent: number } | Refusal {
    const dispatcher = this.dispatchers.find(({ endpoint }) => endpoint.id === id);
    if (!dispatcher || !this.deliveries) return refuse('not-found', 'No such endpoint is configured.');
    const resent = keeping(() => this.deliveries!.resend(id, letter, this.timing.now()));
    dispatcher.sendDue();
    return { resent };
  }

  /** Never rejects. */
  private async follow(deliveries: Deliveries): Promise<void> {
    const { signal } = this.gone;
    while (!signal.aborted) {
      try {
        const begin = await this.begin(deliveries);
        for await (const placed of this.feed.follow(begin, signal)) this.queue(deliveries, placed);
      } catch (error) {
        if (signal.aborted) return;
        this.report(`notices are not being queued, and are tried again: ${String(error)}`);
        await pause(this.timing, TROUBLE_MS, signal);
      }
    }
  }

  /** After the cursor. A fresh file begins where the settings say; a cursor of another log is worth nothing. */
  private async begin(deliveries: Deliveries): Promise<Place> {
    const cursor = deliveries.cursor();
    if (cursor && cursor.position <= (await this.feed.head())) return cursor;
    if (cursor) this.report('the cursor of the webhooks lies beyond the log: they begin anew at its end');
    const { from } = this.settings;
    const begin = !cursor && from !== null ? allOf(from) : await this.feed.end();
    deliveries.queue([], begin, this.timing.now());
    return begin;
  }

  private queue(deliveries: Deliveries, placed: readonly Placed[]): void {
    const outgoing = this.dispatchers.flatMap(({ endpoint }): Outgoing[] => {
      const isDisabled = deliveries.isDisabled(endpoint.id);
      return placed
        .filter(({ notice }) => wants(endpoint, notice))
        .map(({ notice }) => ({
          endpoint: endpoint.id,
          noticeId: notice.id,
          kind: notice.kind,
          body: bodyOf(notice),
          ...(isDisabled ? { dead: 'the endpoint was disabled' } : {}),
        }));
    });
    deliveries.queue(outgoing, placed.at(-1)!.place, this.timing.now());
    this.sendDue();
  }

  /** Nobody sends what is queued for an endpoint that was taken out of the settings. */
  private settleOthers(deliveries: Deliveries): void {
    const known = new Set(this.dispatchers.map(({ endpoint }) => endpoint.id));
    this.trying('what is queued for endpoints that were taken out cannot be settled', () => {
      const nowMs = this.timing.now();
      for (const { endpoint, letters } of deliveries.settleOthers(known, 'the endpoint was taken out', nowMs)) {
        this.report(`the webhook endpoint ${endpoint} was taken out: what was queued is ${letters} dead letters`);
      }
    });
  }

  /** Drops dead letters that are too old, now and every so often. */
  private forgetOld(deliveries: Deliveries): void {
    const { deadLetterMs } = this.settings;
    this.trying('dead letters that are too old cannot be dropped', () => {
      for (const { endpoint, letters } of deliveries.forgetDead(this.timing.now() - deadLetterMs)) {
        this.observer.forgotten(endpoint, letters);
        this.report(`${letters} dead letters of the webhook endpoint ${endpoint} are too old and were dropped`);
      }
    });
    this.cancelForgetting = this.timing.after(FORGET_EVERY_MS, () => this.forgetOld(deliveries));
  }

  private trying(otherwise: string, work: () => void): void {
    try {
      work();
    } catch (error) {
      this.report(`${otherwise}: ${String(error)}`);
    }
  }

  private sendDue(): void {
    for (const dispatcher of this.dispatchers) dispatcher.sendDue();
  }
}

/** What a client asked to be kept: when it cannot be, nothing was changed, and it may ask again. */
function keeping<T>(keep: () => T): T {
  try {
    return keep();
  } catch (error) {
    throw new StoreUnavailableError('the file of the webhooks cannot be written', { cause: error });
  }
}

/** All that was told up to a position. */
const allOf = (position: bigint): Place => ({ position, due: 999_999_999_999_999, ordinal: 0 });

/** Type, time and data, as the Standard Webhooks specification recommends. */
const bodyOf = ({ id, kind, occurredAt, position, advertiserId, marketplace, data }: Placed['notice']): string =>
  JSON.stringify({ type: kind, timestamp: occurredAt, data: { id, position, advertiserId, marketplace, ...data } });

const instantOrNull = (ms: number | null): Instant | null => (ms === null ? null : instantOf(ms));

const letterOf = ({ id, endpoint, noticeId, kind, attempts, createdMs, endedMs, why }: Delivery): DeadLetter => ({
  id: String(id),
  endpoint,
  noticeId,
  kind,
  attempts,
  queuedAt: instantOf(createdMs),
  deadAt: instantOrNull(endedMs),
  why,
});
