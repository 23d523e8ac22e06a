import { Controller, Get, Headers, Logger, type OnModuleDestroy, Query, Res } from '@nestjs/common';
import { ApiHeader, ApiOperation, ApiTags } from '@nestjs/swagger';
import type { FastifyReply } from 'fastify';
import { firstValueFrom, fromEvent, takeUntil } from 'rxjs';
import { EventStore, type Position } from '../event-store/event-store.js';
import { eventView, Queries } from '../read-models/queries.js';
import { LiveClients, type SendEvent } from './live-clients.js';
import { Answers, EVENT_EXAMPLE, Refuses } from './openapi.js';
import { orThrow, ProblemError } from './problem.js';
import { Checked, KnownQuery, Limit, momentOf, parsePosition, PositionField } from './questions.js';
import { Needs } from './scopes.js';

class EventsQuery extends KnownQuery {
  @PositionField('Begin after this position. By default at the beginning.') after?: bigint;
  @Limit() limit!: number;
}

class LiveQuery {
  @PositionField('Begin after this position. By default at the beginning.') after?: bigint;
}

@ApiTags('events')
@Controller('v1/events')
export class EventsController implements OnModuleDestroy {
  private readonly clients = new LiveClients((message) => new Logger('events').warn(message));

  constructor(
    private readonly queries: Queries,
    private readonly store: EventStore,
  ) {}

  @Get()
  @Needs('audit:read', 'unbound')
  @ApiOperation({ summary: 'The log as it is stored, in the order of positions.' })
  @Answers('A page of events.', { items: [EVENT_EXAMPLE], next: '42', knownAt: null, position: '42' })
  @Refuses('invalid-command', 'not-caught-up', 'store-unavailable')
  async events(@Query(Checked) query: EventsQuery): Promise<object> {
    const { known } = await momentOf(this.queries, query);
    const { limit, after } = query;
    const page = orThrow(await this.queries.events({ limit, known, ...(after === undefined ? {} : { after }) }));
    return { ...page, knownAt: query.knownAt?.asked ?? null, position: String(known) };
  }

  @Get('live')
  @Needs('audit:read', 'unbound')
  @ApiOperation({ summary: 'The log and what is appended from now on, as server-sent events; `id` is the position.' })
  @ApiHeader({
    name: 'Last-Event-ID',
    required: false,
    description: 'Resume after this position; it goes before `after`.',
  })
  @Answers('Server-sent events.', `id: 42\ndata: ${JSON.stringify(EVENT_EXAMPLE)}\n\n`, 200, 'text/event-stream')
  @Refuses('invalid-command', 'store-unavailable')
  async live(
    @Query(Checked) query: LiveQuery,
    @Headers('last-event-id') lastEventId: string | undefined,
    @Res() reply: FastifyReply,
  ): Promise<void> {
    const after = resumeFrom(lastEventId) ?? query.after ?? 0n;
    await this.clients.serve(reply, (send, gone) => this.follow(send, after, gone));
  }

  /**
   * The subscription only rings: the log is read at the pace of the client, so that nothing piles up in between.
   * Rejects when the client has gone or does not read.
   */
  private async follow(send: SendEvent, after: Position, gone: AbortSignal): Promise<void> {
    let last = after;
    while (!gone.aborted) {
      for await (const event of this.store.readAll({ after: last })) {
        await send(String(event.position), eventView(event));
        last = event.position;
      }
      const bell = this.store.subscribe({ after: last }).pipe(takeUntil(fromEvent(gone, 'abort')));
      await firstValueFrom(bell, { defaultValue: undefined });
    }
  }

  onModuleDestroy(): void {
    this.clients.close();
  }
}

function resumeFrom(lastEventId: string | undefined): Position | undefined {
  if (lastEventId === undefined) return undefined;
  const position = parsePosition(lastEventId);
  if (position !== undefined) return position;
  const errors = [{ path: '/Last-Event-ID', message: 'must be a position: a decimal' }];
  throw new ProblemError('invalid-command', 'The header Last-Event-ID has a fault.', errors);
}
