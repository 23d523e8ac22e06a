import { Body, Controller, Get, HttpCode, Param, Post, Query } from '@nestjs/common';
import { ApiOperation, ApiTags } from '@nestjs/swagger';
import { CalledBy, type Caller } from '../../http/caller.js';
import { AdvertiserId, InstantField, MarketplaceCode, PromotionId } from '../../http/fields.js';
import { Answers, Refuses } from '../../http/openapi.js';
import { answered, Checked, MomentQuery, Nothing, PageQuery, performed } from '../../http/questions.js';
import { Needs } from '../../http/scopes.js';
import type { Instant } from '../../kernel/instant.js';
import { Queries } from '../../read-models/queries.js';
import { ExpiryRuns } from '../expiry.js';
import * as examples from './examples.js';

class AccountsQuery extends PageQuery {
  @AdvertiserId({ optional: true }) advertiserId?: string;
  @MarketplaceCode({ optional: true }) marketplace?: string;
}

class StatementQuery extends PageQuery {
  @InstantField('Lines from this instant on.', { optional: true }) from?: Instant;
  @InstantField('Lines before this instant.', { optional: true }) to?: Instant;
}

class QualificationQuery extends MomentQuery {
  @PromotionId() promotionId!: string;
}

class ExpiryRunBody {
  @InstantField('Sweep what is due by then; not later than now, which is the default.', { optional: true })
  asOf?: Instant;
}

/** The segments that name an account, as they came: a name that cannot be one is no bad request but unknown. */
class AccountPath {
  @AdvertiserId() advertiserId!: string;
  @MarketplaceCode() marketplace!: string;
}

const ACCOUNT = 'accounts/:advertiserId/:marketplace';

@ApiTags('accounts')
@Controller('v1')
export class AccountsController {
  constructor(
    private readonly queries: Queries,
    private readonly expiryRuns: ExpiryRuns,
  ) {}

  @Get('accounts')
  @Needs('ledger:read', 'own')
  @ApiOperation({ summary: 'The accounts open at asOf.' })
  @Answers('A page of accounts, by advertiserId and marketplace.', examples.accounts)
  @Refuses('invalid-command', 'not-caught-up')
  accounts(@Query(Checked) query: AccountsQuery, @CalledBy() caller: Caller): Promise<object> {
    return answered(this.queries, query, (moment, own) => this.queries.accounts(moment, own, caller));
  }

  @Get(`${ACCOUNT}/balance`)
  @Needs('ledger:read', 'path')
  @ApiOperation({ summary: 'What an account has, credit by credit.' })
  @Answers('The balance.', examples.balance)
  @Refuses('invalid-command', 'unknown-account', 'not-caught-up')
  balance(@Param() { advertiserId, marketplace }: AccountPath, @Query(Checked) query: MomentQuery): Promise<object> {
    return answered(this.queries, query, (moment) => this.queries.balance(moment, advertiserId, marketplace));
  }

  @Get(`${ACCOUNT}/statement`)
  @Needs('ledger:read', 'path')
  @ApiOperation({ summary: 'What changed the balance, in effective order.' })
  @Answers('A page of lines.', examples.statement)
  @Refuses('invalid-command', 'unknown-account', 'not-caught-up')
  statement(
    @Param() { advertiserId, marketplace }: AccountPath,
    @Query(Checked) query: StatementQuery,
  ): Promise<object> {
    return answered(this.queries, query, (moment, own) =>
      this.queries.statement(moment, advertiserId, marketplace, own),
    );
  }

  @Get(`${ACCOUNT}/clicks/:clickId`)
  @Needs('ledger:read', 'path')
  @ApiOperation({ summary: 'How a click was paid, and why each credit did or did not pay.' })
  @Answers('The click.', examples.click)
  @Refuses('invalid-command', 'unknown-account', 'unknown-click', 'not-caught-up')
  click(
    @Param() { advertiserId, marketplace }: AccountPath,
    @Param('clickId') clickId: string,
    @Query(Checked) query: MomentQuery,
  ): Promise<object> {
    return answered(this.queries, query, (moment) => this.queries.click(moment, advertiserId, marketplace, clickId));
  }

  @Get(`${ACCOUNT}/qualification`)
  @Needs('ledger:read', 'path')
  @ApiOperation({ summary: 'How far an advertiser is in a marketplace, product by product of the terms.' })
  @Answers('An item for every product.', examples.qualification)
  @Refuses('invalid-command', 'unknown-promotion', 'not-caught-up')
  qualification(@Param() path: AccountPath, @Query(Checked) query: QualificationQuery): Promise<object> {
    return answered(this.queries, query, (moment, { promotionId }) =>
      this.queries.qualification(moment, path.advertiserId, path.marketplace, promotionId),
    );
  }

  @Post('expiry-runs')
  @Needs('runs:execute', 'unbound')
  @HttpCode(200)
  @ApiOperation({ summary: 'Sweeps the credits that have ended and whose grace is over.' })
  @Answers('What was swept.', examples.expiryRun)
  @Refuses('invalid-command', 'malformed-json', 'store-unavailable')
  expire(@Query(Checked) _: Nothing, @Body(Checked) { asOf }: ExpiryRunBody): Promise<object> {
    return performed(this.queries, () => this.expiryRuns.perform(asOf), asOf);
  }
}
