import { Body, Controller, Get, Param, Post, Query, Res } from '@nestjs/common';
import { ApiOperation, ApiTags } from '@nestjs/swagger';
import type { FastifyReply } from 'fastify';
import { CurrencyCode, field, rule } from '../../http/fields.js';
import { Answers, Refuses } from '../../http/openapi.js';
import { answered, Checked, Cursor, KnownQuery, Limit, Nothing, PageQuery, performed } from '../../http/questions.js';
import { Needs } from '../../http/scopes.js';
import { never } from '../../kernel/decider.js';
import { isRefusal, type Refusal } from '../../kernel/refusal.js';
import { type Paging, pagingOf } from '../../read-models/cursors.js';
import type { Moment } from '../../read-models/moment.js';
import { Queries } from '../../read-models/queries.js';
import { LateFacts } from '../late-facts.js';
import { Periods, type ClosedPeriod } from '../periods.js';
import { LedgerAccountField } from './books.controller.js';
import * as examples from './periods-examples.js';

const VIEWS = ['reported', 'restated', 'difference'] as const;
type View = (typeof VIEWS)[number];

const ViewField = () =>
  field(
    {
      docs: {
        type: String,
        enum: [...VIEWS],
        default: 'reported',
        description: 'What was reported, what is known of it now, or how these differ and by which late facts.',
        example: 'difference',
      },
      rules: [rule('view', `must be one of ${VIEWS.join(', ')}`, (text) => VIEWS.includes(text as View))],
      fallback: 'reported',
    },
    { optional: true },
  );

/** A period is of its own time: it takes no `asOf`. */
class PeriodQuery extends KnownQuery {
  @ViewField() view!: View;
  @Limit() limit!: number;
  @Cursor() cursor?: string;
}

class LateFactsQuery extends KnownQuery {
  @LedgerAccountField() account?: string;
  @CurrencyCode({ optional: true, description: 'Of the posting.' }) currency?: string;
  @Limit() limit!: number;
  @Cursor() cursor?: string;
}

@ApiTags('periods')
@Controller('v1/periods')
export class PeriodsController {
  constructor(
    private readonly queries: Queries,
    private readonly periods: Periods,
    private readonly lateFacts: LateFacts,
  ) {}

  @Get()
  @Needs('audit:read', 'unbound')
  @ApiOperation({ summary: 'The months that are closed, in their order.' })
  @Answers('A page of periods.', examples.periods)
  @Refuses('invalid-command', 'not-caught-up', 'store-unavailable')
  closedPeriods(@Query(Checked) query: PageQuery): Promise<object> {
    return answered(this.queries, query, (moment, own) => this.periods.list(moment, pagingOf(own)));
  }

  @Post(':period/close')
  @Needs('admin', 'unbound')
  @ApiOperation({
    summary: 'Closes a month: its trial balance is recorded as it is known now.',
    description:
      'Any month of UTC that is over may be the first, with all that was before as its `opening` balance; from then on months ' +
      'are closed one after the other. What is recorded later changes nothing of what was reported. `lapsed` and `warnings` ' +
      'tell of credits that had ended and were not swept. A month that is closed is answered as it was.',
  })
  @Answers('The month was closed before.', { ...examples.closing, status: 'duplicate' })
  @Answers('The month is closed.', examples.closing, 201)
  @Refuses(
    'invalid-command',
    'period-out-of-order',
    'period-not-over',
    'period-runs-open',
    'not-caught-up',
    'store-unavailable',
  )
  async close(
    @Param('period') period: string,
    @Query(Checked) _query: Nothing,
    @Body(Checked) _body: Nothing,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<object> {
    reply.code(200);
    return performed(this.queries, async () => {
      const closing = await this.periods.close(period);
      if (!isRefusal(closing) && closing.status === 'appended') reply.code(201);
      return closing;
    });
  }

  @Get(':period')
  @Needs('audit:read', 'unbound')
  @ApiOperation({
    summary: 'The trial balance of a closed month: as it was reported, as it is known now, or the difference.',
    description:
      '`closed.position` is what was known when it was closed. `verified`, of what was reported, says whether its books ' +
      'still have the SHA-256 that was recorded. A line of the difference names the first of its late facts; all of them ' +
      'are at `late-facts`, and what they posted adds up to the difference.',
  })
  @Answers('A page of ledger accounts.', examples.difference)
  @Refuses('invalid-command', 'unknown-period', 'not-caught-up', 'store-unavailable')
  view(@Param('period') period: string, @Query(Checked) query: PeriodQuery): Promise<object> {
    return answered(this.queries, query, (moment, { view, ...own }) =>
      this.ofClosed(period, moment, async (closed) => {
        const page = await this.viewed(view, closed, moment, pagingOf(own));
        return isRefusal(page) ? page : { period, view, closed, ...page };
      }),
    );
  }

  @Get(':period/late-facts')
  @Needs('audit:read', 'unbound')
  @ApiOperation({
    summary: 'What of a closed month was recorded after it was closed, in the order recorded, with its postings.',
  })
  @Answers('A page of transactions.', examples.lateFacts)
  @Refuses('invalid-command', 'unknown-period', 'not-caught-up', 'store-unavailable')
  late(@Param('period') period: string, @Query(Checked) query: LateFactsQuery): Promise<object> {
    return answered(this.queries, query, (moment, { limit, cursor, ...filter }) =>
      this.ofClosed(period, moment, async (closed) => {
        const page = await this.lateFacts.list(closed, moment, filter, pagingOf({ limit, cursor }));
        return isRefusal(page) ? page : { period, closed, ...page };
      }),
    );
  }

  private async ofClosed<T extends object>(
    period: string,
    { known }: Moment,
    answer: (closed: ClosedPeriod) => Promise<T | Refusal>,
  ): Promise<T | Refusal> {
    const closed = await this.periods.closed(period, known);
    return isRefusal(closed) ? closed : answer(closed);
  }

  private viewed(view: View, closed: ClosedPeriod, moment: Moment, paging: Paging) {
    switch (view) {
      case 'reported':
        return this.periods.reported(closed, moment, paging);
      case 'restated':
        return this.periods.restated(closed, moment, paging);
      case 'difference':
        return this.lateFacts.difference(closed, moment, paging);
      default:
        return never(view);
    }
  }
}
