import type { Read } from './read.js';

export const LOG_LEVELS = ['debug', 'info', 'warn', 'error'] as const;
export type LogLevel = (typeof LOG_LEVELS)[number];

export interface ObservabilitySettings {
  /** What is less than this is not logged. */
  readonly logLevel: LogLevel;
  /** `auto`: text when a terminal reads it, else JSON. */
  readonly logFormat: 'json' | 'text' | 'auto';
  /** Whether `/metrics` asks for a token like the rest. */
  readonly metrics: 'guarded' | 'open';
  /** Base address of the OTLP collector that takes the traces; null when there are none. */
  readonly tracesTo: string | null;
  /** Of the read models behind the log, from which on the service is not ready. */
  readonly readyLagSeconds: number;
  /** On each file system that the service writes to; with less it is not ready. */
  readonly readyFreeMebibytes: number;
}

const COLLECTOR = 'http://127.0.0.1:4318';

export const readObservability = (read: Read): ObservabilitySettings => ({
  logLevel: read('PROMOLEDGER_LOG_LEVEL', 'info', oneOf(LOG_LEVELS)),
  logFormat: read('PROMOLEDGER_LOG_FORMAT', 'auto', oneOf(['json', 'text', 'auto'])),
  metrics: read('PROMOLEDGER_METRICS', 'guarded', oneOf(['guarded', 'open'])),
  tracesTo: tracesTo(
    read('PROMOLEDGER_TRACES', 'auto', oneOf(['on', 'off', 'auto'])),
    read('OTEL_EXPORTER_OTLP_ENDPOINT', '', parseEndpoint),
  ),
  readyLagSeconds: read('PROMOLEDGER_READY_LAG_SECONDS', '60', parseCount),
  readyFreeMebibytes: read('PROMOLEDGER_READY_FREE_MIB', '256', parseCount),
});

/** `auto`: when an endpoint is named. */
function tracesTo(traces: 'on' | 'off' | 'auto', endpoint: string): string | null {
  if (traces === 'off' || (traces === 'auto' && endpoint === '')) return null;
  return endpoint || COLLECTOR;
}

/** The value itself is never shown: an address may hold a password. */
const parseEndpoint = (text: string): string | string[] =>
  text === '' || (/^https?:\/\//.test(text) && URL.canParse(text))
    ? text.replace(/\/+$/, '')
    : ['must be the http address of an OTLP collector, such as http://127.0.0.1:4318'];

const oneOf =
  <const T extends string>(values: readonly T[]) =>
  (text: string): T | string[] =>
    values.find((value) => value === text) ?? [`must be one of ${values.join(', ')}, not ${JSON.stringify(text)}`];

const parseCount = (text: string): number | string[] =>
  /^[0-9]{1,9}$/.test(text) ? Number(text) : [`must be a whole number, not ${JSON.stringify(text)}`];
