import type { Tracer } from '@opentelemetry/api';
import { OTLPTraceExporter } from '@opentelemetry/exporter-trace-otlp-http';
import { defaultResource, detectResources, envDetector, resourceFromAttributes } from '@opentelemetry/resources';
import { BatchSpanProcessor, NodeTracerProvider, type SpanExporter } from '@opentelemetry/sdk-trace-node';
import { inTime } from './sampled.js';

/** A collector that is away costs spans, and keeps no service from stopping for longer. */
const CLOSING_MS = 2000;

/**
 * A tracer whose spans go to an OTLP collector at a base address, in batches. Headers, sampling, limits and the
 * service's name are taken from the variables that OpenTelemetry has for them (`OTEL_…`). Loaded only when it is asked for.
 * `report` is told when the collector stops taking spans, and when it takes them again.
 */
export function exportTo(
  address: string,
  report: (message: string) => void,
): { readonly tracer: Tracer; readonly close: () => Promise<void> } {
  const named = resourceFromAttributes({ 'service.name': 'promoledger' });
  const provider = new NodeTracerProvider({
    resource: defaultResource()
      .merge(named)
      .merge(detectResources({ detectors: [envDetector] })),
    spanProcessors: [new BatchSpanProcessor(reporting(new OTLPTraceExporter({ url: `${address}/v1/traces` }), report))],
  });
  return {
    tracer: provider.getTracer('promoledger'),
    close: async () => void (await inTime(provider.shutdown(), CLOSING_MS).catch(() => undefined)),
  };
}

function reporting(exporter: SpanExporter, report: (message: string) => void): SpanExporter {
  let isAway = false;
  return {
    export: (spans, done) =>
      exporter.export(spans, (result) => {
        const failed = Number(result.code) !== TAKEN;
        if (failed && !isAway) report('the collector does not take the traces: they are dropped');
        if (!failed && isAway) report('the collector takes the traces again');
        isAway = failed;
        done(result);
      }),
    shutdown: () => exporter.shutdown(),
  };
}

/** `ExportResultCode.SUCCESS`, of a package that is not ours to import. */
const TAKEN = 0;
