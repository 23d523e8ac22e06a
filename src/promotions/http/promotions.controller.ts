import { Body, Controller, Get, HttpCode, Param, Post, Query } from '@nestjs/common';
import { ApiOperation, ApiTags } from '@nestjs/swagger';
import { CalledBy, type Caller } from '../../http/caller.js';
import { Answers, Refuses } from '../../http/openapi.js';
import { ProblemError } from '../../http/problem.js';
import { answered, Checked, MomentQuery, Nothing, PageQuery, performed } from '../../http/questions.js';
import { Needs } from '../../http/scopes.js';
import { isBound } from '../../kernel/bounds.js';
import { DOTLESS_IDENTIFIER } from '../../kernel/identifiers.js';
import { pagingOf } from '../../read-models/cursors.js';
import { Queries } from '../../read-models/queries.js';
import { Disbursements } from '../disbursements.js';
import { Previews } from '../preview.js';
import * as examples from './examples.js';
import { PreviewBody } from './terms.js';

@ApiTags('promotions')
@Controller('v1/promotions')
export class PromotionsController {
  constructor(
    private readonly queries: Queries,
    private readonly disbursements: Disbursements,
    private readonly previews: Previews,
  ) {}

  @Get()
  @Needs('ledger:read', 'anybody')
  @ApiOperation({ summary: 'The promotions that were published.' })
  @Answers('A page of promotions.', examples.promotions)
  @Refuses('invalid-command', 'not-caught-up')
  promotions(@Query(Checked) query: PageQuery, @CalledBy() caller: Caller): Promise<object> {
    return answered(this.queries, query, (moment, own) => shownTo(caller, this.queries.promotions(moment, own)));
  }

  @Post('preview')
  @Needs('audit:read', 'unbound')
  @HttpCode(200)
  @ApiOperation({
    summary: 'What terms would have given, had their runs been performed on what is known. Nothing is recorded.',
  })
  @Answers('The runs, the credits and what they cost; and the difference to a published promotion.', examples.preview)
  @Refuses('invalid-command', 'unknown-promotion', 'not-caught-up')
  preview(@Query(Checked) query: PageQuery, @Body(Checked) asked: PreviewBody): Promise<object> {
    return answered(this.queries, query, (moment, own) => this.previews.preview(moment, asked, pagingOf(own)));
  }

  @Get(':promotionId')
  @Needs('ledger:read', 'anybody')
  @ApiOperation({ summary: 'Terms, calendar, revision and state of a promotion.' })
  @Answers('The promotion.', examples.promotion)
  @Refuses('invalid-command', 'unknown-promotion', 'not-caught-up')
  promotion(
    @Param('promotionId') promotionId: string,
    @Query(Checked) query: MomentQuery,
    @CalledBy() caller: Caller,
  ): Promise<object> {
    return answered(this.queries, query, (moment) =>
      shownTo(caller, this.queries.promotion(moment, possible(promotionId))),
    );
  }

  @Get(':promotionId/disbursements')
  @Needs('ledger:read', 'own')
  @ApiOperation({ summary: 'The runs of the calendar and what came of them.' })
  @Answers('An item for each run.', examples.disbursements)
  @Refuses('invalid-command', 'unknown-promotion', 'not-caught-up')
  runs(
    @Param('promotionId') promotionId: string,
    @Query(Checked) query: MomentQuery,
    @CalledBy() caller: Caller,
  ): Promise<object> {
    return answered(this.queries, query, (moment) => this.queries.disbursements(moment, possible(promotionId), caller));
  }

  @Post(':promotionId/disbursements/:date')
  @Needs('runs:execute', 'unbound')
  @HttpCode(200)
  @ApiOperation({ summary: 'Performs a run, or answers with the result of one that was performed.' })
  @Answers('The run.', examples.run)
  @Refuses(
    'invalid-command',
    'unknown-promotion',
    'unknown-run',
    'run-not-due',
    'run-out-of-order',
    'store-unavailable',
  )
  perform(
    @Param('promotionId') promotionId: string,
    @Param('date') date: string,
    @Query(Checked) _query: Nothing,
    @Body(Checked) _body: Nothing,
  ): Promise<object> {
    return performed(this.queries, () => this.disbursements.perform(possible(promotionId), date));
  }
}

/** Codes are for those to whom they were given: whoever is bound is told how many there are. */
const shownTo = <T extends object>(caller: Caller, answer: T): T =>
  isBound(caller) ? (withoutCodes(answer) as T) : answer;

function withoutCodes(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(withoutCodes);
  if (typeof value !== 'object' || value === null) return value;
  const fields = Object.entries(value).map(([name, inner]) =>
    name === 'codes' && Array.isArray(inner) ? [name, inner.length] : [name, withoutCodes(inner)],
  );
  return Object.fromEntries(fields) as object;
}

/** No promotion has a name that cannot be one. */
function possible(promotionId: string): string {
  if (DOTLESS_IDENTIFIER.test(promotionId)) return promotionId;
  throw new ProblemError('unknown-promotion', 'There is no such promotion.');
}
