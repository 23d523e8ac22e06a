import { collectDefaultMetrics, Counter, Gauge, Histogram, Registry } from 'prom-client';

export const PREFIX = 'promoledger_';

const SECONDS = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5];
const EVENTS = [1, 2, 5, 10, 20, 50, 100, 200, 500, 1000];

/**
 * Every metric there is, in a registry of its own. Labels are bounded: types of facts and events, outcomes, codes, route
 * templates, currencies. No id ever is one.
 */
export class Metrics {
  readonly registry = new Registry();

  readonly commands = this.counter('commands_total', 'Commands of clients, by what became of them.', [
    'type',
    'outcome',
    'code',
  ]);
  readonly events = this.counter('events_appended_total', 'Events appended by this process.', ['type']);
  readonly conflicts = this.counter(
    'append_conflicts_total',
    'Appends decided anew, since others wrote to the stream.',
  );
  readonly appendFailures = this.counter('append_failures_total', 'Appends that the store did not take.');
  readonly snapshots = this.counter('snapshots_total', 'Snapshots of streams written.');

  readonly commitEvents = this.histogram('commit_events', 'Events made durable together.', [], EVENTS);
  readonly commitSeconds = this.histogram('commit_seconds', 'Time of a commit, in a file or on a server.', [], SECONDS);
  readonly reconnects = this.counter('store_reconnects_total', 'Times a server answered again after it did not.');
  readonly storeUp = this.gauge('store_up', '1 when the store told its end within a second, else 0.');

  readonly projected = this.counter('projection_events_total', 'Events included in the read models.');
  readonly projectionSeconds = this.histogram('projection_seconds', 'Time of a transaction of them.', [], SECONDS);
  readonly projectionStopped = this.gauge(
    'projection_stopped',
    '1 when the read models stand still and do not go on by themselves, else 0.',
  );
  readonly projectionHeld = this.gauge(
    'projection_held',
    '1 while the read models cannot be written, as when a disk is full, and it is tried again each second; else 0.',
  );
  readonly projectionRebuilding = this.gauge(
    'projection_rebuilding',
    '1 while the read models are built anew in the background and the former ones answer, else 0.',
  );
  readonly lagEvents = this.gauge(
    'projection_lag_events',
    'Events recorded and not included; on a server 1000 at most.',
  );
  readonly lagSeconds = this.gauge('projection_lag_seconds', 'Age of the first event that is not included, else 0.');

  readonly requests = this.counter('http_requests_total', 'Requests answered.', ['method', 'route', 'status']);
  readonly requestSeconds = this.histogram(
    'http_request_seconds',
    'Time from the head of a request to the end of its answer; live feeds are left out.',
    ['method', 'route'],
    SECONDS,
  );
  readonly followers = this.gauge('live_followers', 'Clients that follow a live feed.', ['route']);

  readonly runs = this.gauge('disbursement_runs', 'Runs of all calendars: planned, due, late by an hour, completed.', [
    'state',
  ]);
  readonly expiring = this.gauge('credits_expiring', 'Credits with something left that end within 7 days.', [
    'currency',
  ]);
  readonly expiringAmount = this.gauge(
    'credits_expiring_amount',
    'What they hold, in units of the currency: for a graph, not for books.',
    ['currency'],
  );
  readonly turns = this.counter('scheduler_turns_total', 'Turns of the scheduler.');
  readonly turnFailures = this.counter('scheduler_failures_total', 'Things that failed in turns of the scheduler.');
  readonly turnSeconds = this.histogram('scheduler_turn_seconds', 'Time of a turn.', [], [...SECONDS, 30, 120, 600]);
  readonly diskFree = this.gauge('disk_free_bytes', 'What is left on the file systems that are written to.', ['place']);

  constructor() {
    this.projectionStopped.set(0);
    this.projectionHeld.set(0);
  }

  /** The process: CPU, memory, garbage collection, delay of the event loop. */
  collectProcess(): void {
    collectDefaultMetrics({ register: this.registry, prefix: PREFIX });
  }

  private counter<Label extends string>(name: string, help: string, labelNames: readonly Label[] = []) {
    return new Counter({ name: PREFIX + name, help, labelNames, registers: [this.registry] });
  }

  private gauge<Label extends string>(name: string, help: string, labelNames: readonly Label[] = []) {
    return new Gauge({ name: PREFIX + name, help, labelNames, registers: [this.registry] });
  }

  private histogram<Label extends string>(
    name: string,
    help: string,
    labelNames: readonly Label[],
    buckets: readonly number[],
  ) {
    return new Histogram({ name: PREFIX + name, help, labelNames, buckets: [...buckets], registers: [this.registry] });
  }
}
