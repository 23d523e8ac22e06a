import { describe, expect, it } from '@jest/globals';
import { type SpanContext, TraceFlags } from '@opentelemetry/api';
import {
  InMemorySpanExporter,
  NodeTracerProvider,
  type ReadableSpan,
  SimpleSpanProcessor,
} from '@opentelemetry/sdk-trace-node';
import type { NewEvent } from '../../src/event-store/event-store.js';
import { Tracing } from '../../src/observability/tracing.js';

const EVENT: NewEvent = { id: 'ClickSpent:1', type: 'ClickSpent', data: {}, metadata: { version: 1 } };

function traced() {
  const exporter = new InMemorySpanExporter();
  const provider = new NodeTracerProvider({ spanProcessors: [new SimpleSpanProcessor(exporter)] });
  const tracing = new Tracing(provider.getTracer('test'));
  const append = (position: bigint, ...contexts: SpanContext[]) => {
    const deciding = tracing.deciding('account-a.DE', contexts);
    const told = deciding.appending([EVENT]);
    return () => {
      told(position);
      deciding.ended();
    };
  };
  const spans = (name: string): ReadableSpan[] => exporter.getFinishedSpans().filter((span) => span.name === name);
  return { tracing, append, spans };
}

const context = (digit: string, traceFlags = TraceFlags.SAMPLED): SpanContext => ({
  traceId: digit.repeat(32),
  spanId: digit.repeat(16),
  traceFlags,
});
const idsOf = (span: ReadableSpan | undefined) => ({
  parent: span?.parentSpanContext?.spanId,
  links: span?.links.map((link) => link.context.spanId),
});

describe('the span of a batch', () => {
  it('is a child of the first request that is sampled, and linked to the others, each once', () => {
    const { append, spans } = traced();
    append(1n, context('a', TraceFlags.NONE), context('b'), context('b'), context('c'))();
    expect(idsOf(spans('decide account')[0])).toEqual({
      parent: 'b'.repeat(16),
      links: ['a'.repeat(16), 'c'.repeat(16)],
    });
  });

  it('begins a trace when nobody asked for it', () => {
    const { append, spans } = traced();
    append(1n)();
    expect(idsOf(spans('decide account')[0])).toEqual({ parent: undefined, links: [] });
  });
});

describe('the span of a projection', () => {
  it('is joined to the appends whose events it includes, and to no other', () => {
    const { tracing, append, spans } = traced();
    for (const position of [1n, 2n, 3n]) append(position)();
    tracing.projected(2n, 2, performance.now());
    tracing.projected(3n, 1, performance.now());
    const [first, second, third] = spans('append account').map((span) => span.spanContext().spanId);
    expect(spans('project').map(idsOf)).toEqual([
      { parent: first, links: [second] },
      { parent: third, links: [] },
    ]);
  });

  it('is linked from the append when the store delivers an event before it acknowledges it', () => {
    const { tracing, append, spans } = traced();
    const acknowledge = append(7n);
    tracing.projected(7n, 1, performance.now());
    acknowledge();
    tracing.projected(9n, 1, performance.now());
    const [early, later] = spans('project');
    expect(idsOf(spans('append account')[0]).links).toEqual([early!.spanContext().spanId]);
    expect(idsOf(later)).toEqual({ parent: undefined, links: [] });
  });

  it('joins nothing of an append that conflicted or failed', () => {
    const { tracing, spans } = traced();
    const deciding = tracing.deciding('account-a.DE', []);
    deciding.appending([EVENT])('conflict');
    deciding.appending([EVENT])('failed');
    deciding.ended(new Error('away'));
    tracing.projected(9n, 1, performance.now());
    expect(idsOf(spans('project')[0])).toEqual({ parent: undefined, links: [] });
    expect(spans('append account').map(({ attributes }) => attributes['promoledger.append'])).toEqual([
      'conflict',
      'failed',
    ]);
  });
});

describe('traceparent', () => {
  it.each([
    ['00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01', '00f067aa0ba902b7'],
    ['cc-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-later', '00f067aa0ba902b7'],
    ['ff-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01', undefined],
    ['00-00000000000000000000000000000000-00f067aa0ba902b7-01', undefined],
    ['00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01', undefined],
    ['00-4BF92F3577B34DA6A3CE929D0E0E4736-00f067aa0ba902b7-01', undefined],
    ['rubbish\n', undefined],
  ])('%j has the parent %j', (traceparent, parent) => {
    const { tracing, spans } = traced();
    tracing.request('GET', '/v1/accounts', { traceparent }, 'id').end();
    expect(idsOf(spans('GET /v1/accounts')[0]).parent).toBe(parent);
  });
});
