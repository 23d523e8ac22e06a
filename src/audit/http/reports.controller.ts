import { Controller, Get, Param, Query } from '@nestjs/common';
import { ApiOperation, ApiTags } from '@nestjs/swagger';
import { AdvertiserId, InstantField, MarketplaceCode, PromotionId } from '../../http/fields.js';
import { Answers, Refuses } from '../../http/openapi.js';
import {
  answered,
  Checked,
  Cursor,
  type KnownAt,
  KnownAtField,
  Limit,
  PageQuery,
  PositionField,
} from '../../http/questions.js';
import { Needs } from '../../http/scopes.js';
import type { Position } from '../../event-store/event-store.js';
import type { Instant } from '../../kernel/instant.js';
import { isRefusal, type Refusal } from '../../kernel/refusal.js';
import { type Page, type Paging, pagingOf } from '../../read-models/cursors.js';
import type { Moment } from '../../read-models/moment.js';
import { Queries } from '../../read-models/queries.js';
import { Diff } from '../diff.js';
import { GapReport } from '../gap.js';
import * as examples from './periods-examples.js';

/** Two moments of knowledge, the later of which is `knownAt` elsewhere. */
class DiffQuery {
  @KnownAtField('What was known at this recorded instant, or at `position:N`, …', {}) from!: KnownAt;
  @KnownAtField('… against what is known at this one. By default all of it.') to?: KnownAt;
  @InstantField('What both say had happened by then. By default now.', { optional: true }) asOf?: Instant;
  @PositionField('Wait, at most 5 s, until the answer includes this position.') minPosition?: bigint;
  @Limit() limit!: number;
  @Cursor() cursor?: string;
}

class GapQuery extends PageQuery {
  @PromotionId() promotionId!: string;
  @MarketplaceCode({ optional: true }) marketplace?: string;
  @AdvertiserId({ optional: true }) advertiserId?: string;
}

@ApiTags('reports')
@Controller('v1')
export class ReportsController {
  constructor(
    private readonly queries: Queries,
    private readonly diff: Diff,
    private readonly report: GapReport,
  ) {}

  @Get('diff')
  @Needs('audit:read', 'unbound')
  @ApiOperation({
    summary: 'Which accounts two moments of knowledge tell differently of, and the events that made the difference.',
    description:
      'Of each account its figures before and after, its credits of which a figure changed, changes of the lapse of a ' +
      'credit, how many events there are, and the first 20 of them with the line that each added to the statement: ' +
      '`/v1/diff/{advertiserId}/{marketplace}` lists all. A page may be short or empty and not be the last: it is when ' +
      '`next` is null.',
  })
  @Answers('A page of accounts, in the order in which something became known of them.', examples.diff)
  @Refuses('invalid-command', 'not-caught-up', 'store-unavailable')
  changedAccounts(@Query(Checked) query: DiffQuery): Promise<object> {
    return this.compared(query, (from, moment, paging) => this.diff.accounts(from, moment, paging));
  }

  @Get('diff/:advertiserId/:marketplace')
  @Needs('audit:read', 'path')
  @ApiOperation({ summary: 'Every event of an account that became known between two moments, with the line it added.' })
  @Answers('A page of events, in the order recorded.', examples.changes)
  @Refuses('invalid-command', 'unknown-account', 'not-caught-up', 'store-unavailable')
  account(
    @Param('advertiserId') advertiserId: string,
    @Param('marketplace') marketplace: string,
    @Query(Checked) query: DiffQuery,
  ): Promise<object> {
    const key = { advertiserId, marketplace };
    return this.compared(query, (from, moment, paging) => this.diff.changes(key, from, moment, paging));
  }

  @Get('reports/gap')
  @Needs('audit:read', 'unbound')
  @ApiOperation({
    summary: 'What advertisers were billed for between qualifying and their credit.',
    description:
      'An item for everybody who waited for a credit of the promotion, or still waits; by advertiser and marketplace. ' +
      '`coverable` is what of the billed amount the credit would have paid. The first page tells the totals of all pages ' +
      'by currency, each click once; other pages tell null.',
  })
  @Answers('A page of waits.', examples.gap)
  @Refuses('invalid-command', 'unknown-promotion', 'not-caught-up')
  gap(@Query(Checked) query: GapQuery): Promise<object> {
    return answered(this.queries, query, (moment, { limit, cursor, ...asked }) =>
      this.report.gaps(moment, asked, pagingOf({ limit, cursor })),
    );
  }

  private async compared<Item>(
    { from, to, ...rest }: DiffQuery,
    ask: (from: Position, moment: Moment, paging: Paging) => Promise<Page<Item> | Refusal>,
  ): Promise<object> {
    const query = { ...rest, ...(to === undefined ? {} : { knownAt: to }) };
    return answered(this.queries, query, async (moment, own) => {
      const earlier = await this.queries.moment({ knownAt: from.at });
      const page = await ask(earlier.known, moment, pagingOf(own));
      if (isRefusal(page)) return page;
      return { from: String(earlier.known), to: String(page.moment.known), ...page };
    });
  }
}
