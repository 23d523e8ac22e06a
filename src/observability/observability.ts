import type { Tracer } from '@opentelemetry/api';
import type { CommandObserver, Deciding } from '../commands/observer.js';
import type { NewEvent } from '../event-store/event-store.js';
import type { StoreObserver } from '../event-store/observer.js';
import type { ProjectionObserver } from '../read-models/observer.js';
import type { SchedulerObserver } from '../scheduler.js';
import type { ObservabilitySettings } from '../settings/observability.js';
import { Log, type LogSink } from './logging.js';
import { Metrics } from './metrics.js';
import { currentScope } from './scope.js';
import { Tracing } from './tracing.js';

/** What a test may put in the place of the streams and the collector. */
export interface Outlets {
  readonly sink?: LogSink;
  readonly tracer?: Tracer;
}

/**
 * What an operator sees of this process: its log, its metrics and, when a collector is named, its traces. The core tells
 * the observers below and knows none of these.
 */
export class Observability {
  readonly metrics = new Metrics();
  private areModelsHeld = false;

  constructor(
    readonly log: Log,
    readonly tracing: Tracing | undefined,
    private readonly flush: () => Promise<void>,
  ) {}

  static async open(settings: ObservabilitySettings, outlets: Outlets = {}): Promise<Observability> {
    const { logLevel, logFormat, tracesTo } = settings;
    const format = logFormat !== 'auto' ? logFormat : process.stdout.isTTY ? 'text' : 'json';
    const log = new Log({ level: logLevel, format, sink: outlets.sink });
    if (outlets.tracer) return new Observability(log, new Tracing(outlets.tracer), async () => undefined);
    if (tracesTo === null) return new Observability(log, undefined, async () => undefined);
    const { exportTo } = await import('./otlp.js');
    const { tracer, close } = exportTo(tracesTo, (message) => log.write('warn', 'traces', message));
    return new Observability(log, new Tracing(tracer), close);
  }

  readonly commands: CommandObserver = {
    answered: (type, outcome, code) =>
      this.metrics.commands.inc({ type: type ?? 'unknown', outcome, code: code ?? 'none' }),
    context: () => (this.tracing ? currentScope()?.span : undefined),
    deciding: (stream, contexts) => this.deciding(stream, contexts),
  };

  readonly store: StoreObserver = {
    committed: (events, seconds) => {
      this.metrics.commitEvents.observe(events);
      this.metrics.commitSeconds.observe(seconds);
    },
    reconnected: () => this.metrics.reconnects.inc(),
  };

  readonly projections: ProjectionObserver = {
    projected: (through, events, startedMs) => {
      this.metrics.projected.inc(events);
      this.metrics.projectionSeconds.observe((performance.now() - startedMs) / 1000);
      this.metrics.projectionStopped.set(0);
      this.modelsAreHeld(false);
      this.tracing?.projected(through, events, startedMs);
    },
    held: (error) => {
      // It is tried each second: a line for the first time is enough.
      if (this.areModelsHeld) return;
      this.modelsAreHeld(true);
      this.log.failure('error', 'read-models', 'the read models cannot be written; it is tried again', error);
    },
    rebuilt: (error) => {
      if (error) this.log.failure('error', 'read-models', 'the read models could not be built anew', error);
      else this.log.write('info', 'read-models', 'the read models were built anew');
    },
    stopped: (error) => {
      this.metrics.projectionStopped.set(1);
      this.modelsAreHeld(false);
      this.log.failure('error', 'read-models', 'the read models stand still', error);
    },
  };

  readonly scheduler: SchedulerObserver = {
    failed: (what, error) => {
      this.metrics.turnFailures.inc();
      this.log.failure('warn', 'scheduler', `${what} failed`, error);
    },
    turned: (seconds) => {
      this.metrics.turns.inc();
      this.metrics.turnSeconds.observe(seconds);
    },
  };

  /** Sends what traces there are still. */
  close(): Promise<void> {
    return this.flush();
  }

  private modelsAreHeld(are: boolean): void {
    this.areModelsHeld = are;
    this.metrics.projectionHeld.set(are ? 1 : 0);
  }

  private deciding(stream: string, contexts: readonly unknown[]): Deciding {
    const traced = this.tracing?.deciding(stream, contexts);
    return {
      appending: (events) => {
        const end = traced?.appending(events);
        return (outcome) => {
          end?.(outcome);
          if (outcome === 'conflict') this.metrics.conflicts.inc();
          else if (outcome === 'failed') this.metrics.appendFailures.inc();
          else this.countEvents(events);
        };
      },
      ended: (error) => traced?.ended(error),
    };
  }

  /** Most batches are of one type. */
  private countEvents(events: readonly NewEvent[]): void {
    for (const [type, { length }] of Map.groupBy(events, (event) => event.type)) {
      this.metrics.events.inc({ type }, length);
    }
  }
}
