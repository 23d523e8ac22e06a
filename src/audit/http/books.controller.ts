import { Controller, Get, Query } from '@nestjs/common';
import { ApiOperation, ApiTags } from '@nestjs/swagger';
import {
  AdvertiserId,
  CurrencyCode,
  field,
  InstantField,
  MarketplaceCode,
  PromotionId,
  rule,
} from '../../http/fields.js';
import { Answers, Refuses } from '../../http/openapi.js';
import { ProblemError } from '../../http/problem.js';
import { answered, Checked, PageQuery } from '../../http/questions.js';
import { Needs } from '../../http/scopes.js';
import type { Instant } from '../../kernel/instant.js';
import { isRefusal } from '../../kernel/refusal.js';
import { ENTRY_KINDS, type EntryKind } from '../../read-models/books-model.js';
import { pagingOf } from '../../read-models/cursors.js';
import { Queries } from '../../read-models/queries.js';
import { Books } from '../journal.js';
import { type Month, monthOf } from '../domain/periods.js';
import { balanceView, totalView, transactionView } from '../views.js';
import * as examples from './books-examples.js';

/** Whole levels, as the names of ledger accounts are written; the first is one of the chart of accounts. */
const ACCOUNT = /^(assets|expenses|income|liabilities)(:[^:\s]+)*$/;
export const isLedgerAccountName = (text: unknown): boolean =>
  typeof text === 'string' && text.length <= 2000 && ACCOUNT.test(text);

export const LedgerAccountField = () =>
  field(
    {
      docs: {
        type: String,
        description: 'A ledger account, or the first levels of its name.',
        example: 'liabilities:credits',
      },
      rules: [
        rule(
          'account',
          'must be the name of a ledger account or its first levels: assets, expenses, income or liabilities',
          isLedgerAccountName,
        ),
      ],
    },
    { optional: true },
  );

/** A period that ends before it begins has nothing in it: whoever asks for one meant another. */
export function refuseBackwards({ from, to }: { readonly from?: Instant; readonly to?: Instant }): void {
  if (from === undefined || to === undefined || from <= to) return;
  throw new ProblemError('invalid-command', 'The query has a fault.', [{ path: '/from', message: 'is later than to' }]);
}

const parseKinds = (text: unknown): readonly EntryKind[] | undefined => {
  const kinds = typeof text === 'string' ? text.split(',') : [];
  const known = ENTRY_KINDS.filter((kind) => kinds.includes(kind));
  return known.length > 0 && known.length === kinds.length ? known : undefined;
};

export const Kinds = () =>
  field(
    {
      docs: { type: String, description: 'Types of events, with commas between.', example: 'ClickSpent,ClickReversed' },
      rules: [rule('kind', `must be of ${ENTRY_KINDS.join(', ')}`, (text) => parseKinds(text) !== undefined)],
      normalize: parseKinds,
    },
    { optional: true },
  );

const MonthField = () =>
  field({
    docs: { type: String, description: 'A month of UTC.', example: '2022-10' },
    rules: [rule('month', 'must be a month such as 2022-10', (text) => parseMonth(text) !== undefined)],
    normalize: parseMonth,
  });
const parseMonth = (text: unknown): Month | undefined => (typeof text === 'string' ? monthOf(text) : undefined);

const OnlyTrue = (description: string) =>
  field(
    {
      docs: { type: Boolean, description, example: true },
      rules: [rule('flag', 'must be true or not be there', (text) => text === 'true')],
      normalize: () => true,
    },
    { optional: true },
  );

class LiabilityQuery extends PageQuery {
  @MonthField() month!: Month;
  @PromotionId({ optional: true }) promotionId?: string;
  @MarketplaceCode({ optional: true }) marketplace?: string;
  @CurrencyCode({ optional: true, description: 'The currency of the credits.' }) currency?: string;
}

/** Postings that have all of these. */
class BooksQuery extends PageQuery {
  @AdvertiserId({ optional: true }) advertiserId?: string;
  @MarketplaceCode({ optional: true }) marketplace?: string;
  @PromotionId({ optional: true }) promotionId?: string;
  @CurrencyCode({ optional: true, description: 'Of the posting.' }) currency?: string;
  @LedgerAccountField() account?: string;
}

class JournalQuery extends BooksQuery {
  @Kinds() kind?: readonly EntryKind[];
  @InstantField('Effective from this instant on.', { optional: true }) from?: Instant;
  @InstantField('Effective before this instant.', { optional: true }) to?: Instant;
}

class TrialBalanceQuery extends BooksQuery {
  @OnlyTrue('Only credits that have ended and are neither swept nor revoked.') lapsed?: boolean;
}

@ApiTags('books')
@Controller('v1')
export class BooksController {
  constructor(
    private readonly queries: Queries,
    private readonly books: Books,
  ) {}

  @Get('journal')
  @Needs('audit:read', 'unbound')
  @ApiOperation({
    summary: 'The double entry of every event that moves money, in effective order, ties by position.',
    description:
      'With filters, transactions that have a posting of the account, promotion and currency named. Looking for what is ' +
      'rare, a page may be short or empty and not be the last: it is when `next` is null.',
  })
  @Answers('A page of transactions.', examples.journal)
  @Refuses('invalid-command', 'not-caught-up', 'store-unavailable')
  journal(@Query(Checked) query: JournalQuery): Promise<object> {
    refuseBackwards(query);
    return answered(this.queries, query, async (moment, { limit, cursor, kind, ...filter }) => {
      const asked = kind === undefined ? filter : { ...filter, kinds: kind };
      const page = await this.books.journal(moment, asked, pagingOf({ limit, cursor }));
      return isRefusal(page) ? page : { ...page, items: page.items.map(transactionView) };
    });
  }

  @Get('trial-balance')
  @Needs('audit:read', 'unbound')
  @ApiOperation({
    summary: 'What every ledger account holds, but those that hold nothing, by name, then currency.',
    description:
      'The first page tells the `totals` of all that the filters keep, by currency, as they are and at cost; other pages ' +
      'tell null. Of whole books, and of those of an advertiser or a marketplace, they are zero at cost.',
  })
  @Answers('A page of ledger accounts.', examples.trialBalance)
  @Refuses('invalid-command', 'not-caught-up')
  trialBalance(@Query(Checked) query: TrialBalanceQuery): Promise<object> {
    return answered(this.queries, query, async (moment, { limit, cursor, ...filter }) => {
      const page = await this.books.trialBalance(moment, filter, pagingOf({ limit, cursor }));
      if (isRefusal(page)) return page;
      return { ...page, items: page.items.map(balanceView), totals: page.totals && page.totals.map(totalView) };
    });
  }

  @Get('liability')
  @Needs('audit:read', 'unbound')
  @ApiOperation({
    summary: 'How the liability for credits went through a month, by promotion, marketplace and currency.',
    description:
      'opening + granted - drawn - expired - revoked + restored = closing. A liability ends with the sweep of its credit, ' +
      'effective at its end; `lapsed` is what of the closing has ended and is not swept. `drill` lists what a figure is ' +
      'made of: its postings add up to the figure, a credit being negative.',
  })
  @Answers('A page of roll-forwards.', examples.liability2022)
  @Refuses('invalid-command', 'not-caught-up')
  liability(@Query(Checked) query: LiabilityQuery): Promise<object> {
    return answered(this.queries, query, async (moment, { month, limit, cursor, ...filter }) => {
      const page = await this.books.rollForward(moment, month, filter, pagingOf({ limit, cursor }));
      return isRefusal(page) ? page : { ...page, month: month.period, from: month.from, to: month.to };
    });
  }
}
