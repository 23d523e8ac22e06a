import type { Deliveries, Delivery } from './deliveries.js';
import type { Endpoint } from './endpoint.js';
import { type Attempt, LONGEST_RETRY_AFTER_MS, type Send } from './sending.js';
import type { Timing } from './timing.js';

/** So many attempts at most are under way at an endpoint at once. No order is promised. */
const CONCURRENCY = 4;
/** An attempt comes up to so much later than its time, so that not all come back at once when a receiver does. */
const JITTER = 0.2;
/** When the file cannot be read or written it is tried again after so long. */
const TROUBLE_MS = 5000;
/** A timer cannot be set for longer than 24 days, and a clock may be put right meanwhile. */
const LONGEST_TIMER_MS = 3_600_000;

export type Outcome = 'delivered' | 'failed' | 'dead' | 'gone';

/** What is told of sending, to be counted. It never throws. */
export interface WebhookObserver {
  /** An attempt ended: `dead` when it was the last of its message. */
  attempted(endpoint: string, outcome: Outcome): void;
  /** Dead letters were dropped for their age. */
  forgotten(endpoint: string, letters: number): void;
}

/** What dispatching needs besides its endpoint. */
export interface Dispatch {
  readonly deliveries: Deliveries;
  readonly send: Send;
  /** How long after each failed attempt the next is made, in ms; after the last there is none. */
  readonly retriesMs: readonly number[];
  readonly timing: Timing;
  readonly observer: WebhookObserver;
  readonly report: (message: string) => void;
}

/** Sends what is queued for one endpoint, each when it is due. */
export class Dispatcher {
  private readonly underWay = new Map<number, Promise<void>>();
  private readonly abandoned = new AbortController();
  private isStopped = false;
  private cancelTimer = (): void => undefined;

  constructor(
    readonly endpoint: Endpoint,
    private readonly by: Dispatch,
  ) {}

  /** Begins as many attempts as may be under way, and sets the timer for those that are due later. */
  sendDue(): void {
    this.cancelTimer();
    if (this.isStopped) return;
    try {
      const { deliveries, timing } = this.by;
      const nowMs = timing.now();
      // Instants are of a clock that may have been put right since.
      deliveries.bringForward(this.endpoint.id, nowMs, nowMs + this.longestDelayMs());
      const due = deliveries.due(this.endpoint.id, nowMs, CONCURRENCY + this.underWay.size);
      const waiting = due.filter(({ id }) => !this.underWay.has(id));
      for (const delivery of waiting.slice(0, CONCURRENCY - this.underWay.size)) {
        this.underWay.set(delivery.id, this.attempt(delivery));
      }
      const nextMs = deliveries.nextDueMs(this.endpoint.id, nowMs);
      if (nextMs !== null) this.wakeAfter(Math.min(nextMs - nowMs, LONGEST_TIMER_MS));
    } catch (error) {
      this.trouble(error);
    }
  }

  /** Begins nothing more and waits for what is under way, until `patience` ends: what is left is sent after the next start. */
  async stop(patience: Promise<void>): Promise<void> {
    this.isStopped = true;
    this.cancelTimer();
    await Promise.race([this.settled(), patience]);
    this.abandoned.abort();
    await this.settled();
  }

  private longestDelayMs(): number {
    return Math.max(LONGEST_RETRY_AFTER_MS, Math.ceil(Math.max(...this.by.retriesMs) * (1 + JITTER)));
  }

  private async settled(): Promise<void> {
    await Promise.all(this.underWay.values());
  }

  /** Never rejects. */
  private async attempt(delivery: Delivery): Promise<void> {
    const { send, timing } = this.by;
    const message = { id: delivery.noticeId, body: delivery.body };
    const attempt = await send(this.endpoint, message, timing.now(), this.abandoned.signal);
    this.underWay.delete(delivery.id);
    // An attempt that a stop has cut says nothing of the receiver.
    if (this.abandoned.signal.aborted && attempt.outcome === 'failed') return;
    try {
      this.by.observer.attempted(this.endpoint.id, this.settle(delivery, attempt));
    } catch (error) {
      return this.trouble(error);
    }
    this.sendDue();
  }

  private settle(delivery: Delivery, attempt: Attempt): Outcome {
    const { deliveries, retriesMs, timing, report } = this.by;
    const nowMs = timing.now();
    if (attempt.outcome === 'delivered') {
      deliveries.delivered(delivery, nowMs);
      return 'delivered';
    }
    if (attempt.outcome === 'gone') {
      deliveries.disable(this.endpoint.id, attempt.why, nowMs);
      report(`the webhook endpoint ${this.endpoint.id} says that it is gone (410): nothing more is sent to it`);
      return 'gone';
    }
    const delayMs = retriesMs[delivery.attempts];
    if (delayMs === undefined) {
      deliveries.died(delivery, attempt.why, nowMs);
      report(`a notice could not be sent to the webhook endpoint ${this.endpoint.id} and is a dead letter`);
      return 'dead';
    }
    const jitteredMs = Math.ceil(delayMs * (1 + JITTER * timing.random()));
    deliveries.failed(delivery, attempt.why, nowMs + Math.max(jitteredMs, attempt.retryAfterMs ?? 0));
    return 'failed';
  }

  private trouble(error: unknown): void {
    this.by.report(`what is to be sent to the endpoint ${this.endpoint.id} cannot be kept: ${String(error)}`);
    if (!this.isStopped) this.wakeAfter(TROUBLE_MS);
  }

  private wakeAfter(ms: number): void {
    this.cancelTimer();
    this.cancelTimer = this.by.timing.after(ms, () => this.sendDue());
  }
}
