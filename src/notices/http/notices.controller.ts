import { Controller, Get, Headers, Logger, type OnModuleDestroy, Query, Res } from '@nestjs/common';
import { ApiHeader, ApiOperation, ApiTags } from '@nestjs/swagger';
import type { FastifyReply } from 'fastify';
import { type Caller, CalledBy } from '../../http/caller.js';
import { field, type FieldOptions, rule } from '../../http/fields.js';
import { LiveClients } from '../../http/live-clients.js';
import { Answers, Refuses } from '../../http/openapi.js';
import { ProblemError } from '../../http/problem.js';
import { Checked, KnownQuery, Limit, momentOf } from '../../http/questions.js';
import { Needs } from '../../http/scopes.js';
import { Queries } from '../../read-models/queries.js';
import { BEGINNING, NoticeFeed, noticeView, parsePlace, PLACE, placeText } from '../feed.js';
import type { Place } from '../notices-model.js';
import { NOTICE } from './examples.js';

const PLACE_FAULT = 'must be the place of a notice, such as 42-0';

const PlaceField = (options: FieldOptions = { optional: true }) =>
  field(
    {
      docs: {
        type: String,
        pattern: PLACE.source,
        description: 'Begin after the notice at this `place`. By default at the beginning.',
        example: '42-0',
      },
      rules: [rule('place', PLACE_FAULT, (text) => parsePlace(text) !== undefined)],
      normalize: parsePlace,
    },
    options,
  );

class NoticesQuery extends KnownQuery {
  @PlaceField() after?: Place;
  @Limit() limit!: number;
}

class LiveQuery {
  @PlaceField() after?: Place;
}

/** A caller that is bound sees the notices of its own advertisers and marketplaces, and no trace of others. */
@ApiTags('notices')
@Controller('v1/notices')
export class NoticesController implements OnModuleDestroy {
  private readonly clients = new LiveClients((message) => new Logger('notices').warn(message));

  constructor(
    private readonly queries: Queries,
    private readonly feed: NoticeFeed,
  ) {}

  @Get()
  @Needs('ledger:read', 'own')
  @ApiOperation({
    summary:
      'Notices: a credit was applied, 80 % used, used up or is about to expire, a run put somebody off. In the order of telling.',
  })
  @Answers('A page of notices.', { items: [NOTICE], next: '42-0', knownAt: null, position: '42' })
  @Refuses('invalid-command', 'not-caught-up', 'store-unavailable')
  async notices(@CalledBy() caller: Caller, @Query(Checked) query: NoticesQuery): Promise<object> {
    const { known } = await momentOf(this.queries, query);
    const { after = BEGINNING, limit } = query;
    // What the clock tells now is not known at a moment in the past.
    const found = query.knownAt
      ? this.feed.known(after, known, limit + 1, caller)
      : await this.feed.now(after, limit + 1, caller);
    const items = found.slice(0, limit);
    const next = found.length > limit ? placeText(items.at(-1)!.place) : null;
    // Meanwhile more may have been told than the moment asked for.
    const last = items.at(-1)?.place.position ?? known;
    const position = String(last > known ? last : known);
    return { items: items.map(noticeView), next, knownAt: query.knownAt?.asked ?? null, position };
  }

  @Get('live')
  @Needs('ledger:read', 'own')
  @ApiOperation({ summary: 'The notices and those to come, as server-sent events; `id` is the place of a notice.' })
  @ApiHeader({
    name: 'Last-Event-ID',
    required: false,
    description: 'Resume after this place; it goes before `after`.',
  })
  @Answers('Server-sent events.', `id: 42-0\ndata: ${JSON.stringify(NOTICE)}\n\n`, 200, 'text/event-stream')
  @Refuses('invalid-command', 'store-unavailable')
  async live(
    @CalledBy() caller: Caller,
    @Query(Checked) query: LiveQuery,
    @Headers('last-event-id') lastEventId: string | undefined,
    @Res() reply: FastifyReply,
  ): Promise<void> {
    const after = resumeFrom(lastEventId) ?? query.after ?? BEGINNING;
    await this.clients.serve(reply, async (send, gone) => {
      for await (const some of this.feed.follow(after, gone, caller)) {
        for (const placed of some) await send(placeText(placed.place), noticeView(placed));
      }
    });
  }

  onModuleDestroy(): void {
    this.clients.close();
  }
}

function resumeFrom(lastEventId: string | undefined): Place | undefined {
  if (lastEventId === undefined) return undefined;
  const place = parsePlace(lastEventId);
  if (place !== undefined) return place;
  const errors = [{ path: '/Last-Event-ID', message: PLACE_FAULT }];
  throw new ProblemError('invalid-command', 'The header Last-Event-ID has a fault.', errors);
}
