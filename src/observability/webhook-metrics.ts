import { Counter, Gauge, type Registry } from 'prom-client';
import { PREFIX } from './metrics.js';

/** How an endpoint stands. */
interface Standing {
  readonly id: string;
  readonly state: 'active' | 'disabled';
  readonly queued: number;
  readonly deadLetters: number;
  readonly lagSeconds: number;
}

/** Counts attempts, and tells how the endpoints stand when it is asked. Their ids are the operator's, and few. */
export function webhookMetrics(registry: Registry, endpoints: () => readonly Standing[]) {
  const registers = [registry];
  const attempts = new Counter({
    name: `${PREFIX}webhook_attempts_total`,
    help: 'Attempts to send a notice: delivered, failed, dead (the last one failed), gone (410).',
    labelNames: ['endpoint', 'outcome'],
    registers,
  });
  const forgotten = new Counter({
    name: `${PREFIX}webhook_forgotten_total`,
    help: 'Dead letters that were dropped, since they were older than they are kept for.',
    labelNames: ['endpoint'],
    registers,
  });
  const gauge = (name: string, help: string, of: (standing: Standing) => number) =>
    new Gauge({
      name: PREFIX + name,
      help,
      labelNames: ['endpoint'],
      registers,
      collect() {
        for (const standing of endpoints()) this.set({ endpoint: standing.id }, of(standing));
      },
    });
  gauge('webhook_queued', 'Notices on their way to an endpoint.', ({ queued }) => queued);
  gauge('webhook_dead_letters', 'Notices that could not be sent and are not tried again.', (each) => each.deadLetters);
  gauge(
    'webhook_lag_seconds',
    'For how long the oldest that is on its way has waited.',
    ({ lagSeconds }) => lagSeconds,
  );
  gauge('webhook_disabled', '1 when an endpoint has said that it is gone (410): nothing is sent to it.', ({ state }) =>
    state === 'disabled' ? 1 : 0,
  );
  return {
    attempted: (endpoint: string, outcome: string): void => attempts.inc({ endpoint, outcome }),
    forgotten: (endpoint: string, letters: number): void => forgotten.inc({ endpoint }, letters),
  };
}
