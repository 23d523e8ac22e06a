import {
  createTraceState,
  INVALID_SPAN_CONTEXT,
  isSpanContextValid,
  ROOT_CONTEXT,
  type Span,
  type SpanContext,
  SpanKind,
  SpanStatusCode,
  trace,
  TraceFlags,
  type Tracer,
} from '@opentelemetry/api';
import type { Deciding } from '../commands/observer.js';
import type { NewEvent, Position } from '../event-store/event-store.js';

/** So many appends at most are remembered until their events are projected, and so many projections. */
const REMEMBERED = 10_000;
const RECENT = 64;

/**
 * Traces from request to commit to projection. Batches join what comes from several: their span is a child of the first
 * that is sampled, and linked to the others. From an append to its projection the context goes by position, in memory:
 * events of other instances are projected without a link, and the log is not written for the sake of traces.
 */
export class Tracing {
  private readonly appended = new Map<Position, SpanContext>();
  /** The latest projections, since a server may deliver an event before it acknowledges it. */
  private readonly projections: { readonly through: Position; readonly span: SpanContext }[] = [];

  constructor(private readonly tracer: Tracer) {}

  /** Of a request, whose caller may have sent `traceparent`. */
  request(method: string, route: string, { traceparent, tracestate }: Headers, correlationId: string): Span {
    const attributes = {
      'http.request.method': method,
      'http.route': route,
      'promoledger.correlation_id': correlationId,
    };
    const options = { kind: SpanKind.SERVER, attributes };
    return this.tracer.startSpan(`${method} ${route}`, options, under(callerOf(traceparent, tracestate)));
  }

  /** Of a batch of commands, and of the appends that it comes to. */
  deciding(stream: string, contexts: readonly unknown[]): Deciding {
    const category = stream.slice(0, stream.indexOf('-'));
    const span = this.join(`decide ${category}`, contexts.filter(isContext), {
      'promoledger.stream.category': category,
      'promoledger.commands': contexts.length,
    });
    return {
      appending: (events) => this.appending(span, category, events),
      ended: (error) => finish(span, error !== undefined),
    };
  }

  /** Of a transaction of the read models. */
  projected(through: Position, events: number, startedMs: number): void {
    const commits = [...this.appended].filter(([position]) => position <= through);
    for (const [position] of commits) this.appended.delete(position);
    const attributes = { 'promoledger.events': events, 'promoledger.position': String(through) };
    const startTime = performance.timeOrigin + startedMs;
    const span = this.join(
      'project',
      commits.map(([, context]) => context),
      attributes,
      startTime,
    );
    span.end();
    this.projections.push({ through, span: span.spanContext() });
    if (this.projections.length > RECENT) this.projections.shift();
  }

  private appending(parent: Span, category: string, events: readonly NewEvent[]) {
    const attributes = { 'promoledger.events': events.length };
    const options = { kind: SpanKind.CLIENT, attributes };
    const span = this.tracer.startSpan(`append ${category}`, options, under(parent.spanContext()));
    return (end: Position | 'conflict' | 'failed'): void => {
      if (typeof end === 'bigint') this.remember(end, span);
      else span.setAttribute('promoledger.append', end);
      finish(span, end === 'failed');
    };
  }

  private remember(position: Position, span: Span): void {
    span.setAttribute('promoledger.position', String(position));
    const projection = this.projections.find(({ through }) => position <= through);
    if (projection) span.addLink({ context: projection.span });
    else this.appended.set(position, span.spanContext());
    if (this.appended.size > REMEMBERED) this.appended.delete(this.appended.keys().next().value!);
  }

  private join(
    name: string,
    contexts: readonly SpanContext[],
    attributes: Record<string, string | number>,
    startTime?: number,
  ): Span {
    const origins = [...new Map(contexts.map((context) => [context.spanId, context])).values()];
    const parent = origins.find(({ traceFlags }) => (traceFlags & TraceFlags.SAMPLED) !== 0) ?? origins[0];
    const links = origins.filter((context) => context !== parent).map((context) => ({ context }));
    return this.tracer.startSpan(name, { attributes, links, ...(startTime ? { startTime } : {}) }, under(parent));
  }
}

type Headers = Readonly<Record<string, string | string[] | undefined>>;

export function finish(span: Span, failed: boolean): void {
  if (failed) span.setStatus({ code: SpanStatusCode.ERROR });
  span.end();
}

const isContext = (context: unknown): context is SpanContext => context !== undefined;

const under = (parent: SpanContext | undefined) => (parent ? trace.setSpanContext(ROOT_CONTEXT, parent) : ROOT_CONTEXT);

/** W3C Trace Context, version 00 and what later ones have of it; undefined when there is none that is valid. */
function callerOf(traceparent: Headers[string], tracestate: Headers[string]): SpanContext | undefined {
  const parts = /^(?!ff)[0-9a-f]{2}-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(-.*)?$/.exec(String(traceparent));
  const { traceId, spanId } = INVALID_SPAN_CONTEXT;
  const context: SpanContext = {
    traceId: parts?.[1] ?? traceId,
    spanId: parts?.[2] ?? spanId,
    traceFlags: Number.parseInt(parts?.[3] ?? '0', 16) & TraceFlags.SAMPLED,
    isRemote: true,
    ...(typeof tracestate === 'string' ? { traceState: createTraceState(tracestate) } : {}),
  };
  return isSpanContextValid(context) ? context : undefined;
}
