import type { Tracer } from '@opentelemetry/api';
import { OTLPTraceExporter } from '@opentelemetry/exporter-trace-otlp-http';
import { defaultResource, detectResources, envDetector, resourceFromAttributes } from '@opentelemetry/resources';
import { BatchSpanProcessor, NodeTracerProvider } from '@opentelemetry/sdk-trace-node';
import { inTime } from './sampled.js';

/** A collector that is away costs spans, and keeps no service from stopping for longer. */
const CLOSING_MS = 2000;

/**
 * A tracer whose spans go to an OTLP collector at a base address, in batches. Headers, sampling, limits and the
 * service's name are taken from the variables that OpenTelemetry has for them (`OTEL_…`). Loaded only when it is asked for.
 */
export function exportTo(address: string): { readonly tracer: Tracer; readonly close: () => Promise<void> } {
  const named = resourceFromAttributes({ 'service.name': 'promoledger' });
  const provider = new NodeTracerProvider({
    resource: defaultResource()
      .merge(named)
      .merge(detectResources({ detectors: [envDetector] })),
    spanProcessors: [new BatchSpanProcessor(new OTLPTraceExporter({ url: `${address}/v1/traces` }))],
  });
  return {
    tracer: provider.getTracer('promoledger'),
    close: async () => void (await inTime(provider.shutdown(), CLOSING_MS).catch(() => undefined)),
  };
}
