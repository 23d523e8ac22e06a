import { Controller, Get, Query } from '@nestjs/common';
import { ApiOperation, ApiTags } from '@nestjs/swagger';
import { Amount, CurrencyCode, PromotionId } from '../../http/fields.js';
import { Answers, Refuses } from '../../http/openapi.js';
import { answered, Checked, MomentQuery } from '../../http/questions.js';
import { Needs } from '../../http/scopes.js';
import { Queries } from '../../read-models/queries.js';

class ConvertQuery extends MomentQuery {
  @CurrencyCode({ description: 'The currency of the amount.', example: 'USD' }) from!: string;
  @CurrencyCode({ description: 'The currency to convert it into.' }) to!: string;
  @Amount('from') amount!: string;
  @PromotionId({ optional: true, description: 'The promotion whose terms say how old a rate may be.' })
  promotionId?: string;
}

const RATE = { base: 'EUR', quote: 'USD', rate: '0.9764', source: 'ECB', effectiveAt: '2022-10-03T14:00:00.000Z' };

@ApiTags('fx')
@Controller('v1/convert')
export class FxController {
  constructor(private readonly queries: Queries) {}

  @Get()
  @Needs('ledger:read', 'anybody')
  @ApiOperation({ summary: 'Converts an amount at the rates of a moment.' })
  @Answers('The amount in `to`, and the rates used.', {
    amount: '204.83',
    rates: [RATE],
    asOf: '2022-10-04T07:00:00.000Z',
    knownAt: null,
    position: '42',
  })
  @Refuses('invalid-command', 'precision', 'unknown-promotion', 'no-fx-rate', 'stale-fx-rate', 'not-caught-up')
  convert(@Query(Checked) query: ConvertQuery): Promise<object> {
    return answered(this.queries, query, (moment, { amount, from, ...own }) =>
      this.queries.convert(moment, { ...own, amount: { amount, currency: from } }),
    );
  }
}
