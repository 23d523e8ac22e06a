import { once } from 'node:events';
import { Readable } from 'node:stream';
import { Controller, Get, type OnModuleDestroy, Param, Query, Res } from '@nestjs/common';
import { ApiOperation, ApiParam, ApiTags } from '@nestjs/swagger';
import type { FastifyReply } from 'fastify';
import { AdvertiserId, CurrencyCode, InstantField, MarketplaceCode, PromotionId } from '../../http/fields.js';
import { Answers, Refuses } from '../../http/openapi.js';
import { ProblemError } from '../../http/problem.js';
import { Checked, KnownQuery, MomentQuery, momentOf } from '../../http/questions.js';
import { Needs } from '../../http/scopes.js';
import type { Instant } from '../../kernel/instant.js';
import type { EntryKind } from '../../read-models/books-model.js';
import { Queries } from '../../read-models/queries.js';
import { JOURNAL_FORMATS, type Exported, Exports } from '../exports/exports.js';
import { Kinds, LedgerAccountField, refuseBackwards } from './books.controller.js';

class ExportQuery extends MomentQuery {
  @AdvertiserId({ optional: true }) advertiserId?: string;
  @MarketplaceCode({ optional: true }) marketplace?: string;
  @PromotionId({ optional: true }) promotionId?: string;
  @CurrencyCode({ optional: true, description: 'Of a posting.' }) currency?: string;
  @LedgerAccountField() account?: string;
  @Kinds() kind?: readonly EntryKind[];
  @InstantField('Effective from this instant on.', { optional: true }) from?: Instant;
  @InstantField('Effective before this instant.', { optional: true }) to?: Instant;
}

const JOURNAL = `decimal-mark .

commodity 1000.00 USD
account expenses:promotions:amazon-ads-api-click-credit-2022
`;

const LOG = `{"index":0,"position":"1","stream":"promotion-p","revision":0,"id":"PromotionPublished:1",…,"hash":"5f1c…"}\n`;

@ApiTags('books')
@Controller('v1/exports')
export class ExportsController implements OnModuleDestroy {
  private readonly running = new Set<Readable>();

  constructor(
    private readonly queries: Queries,
    private readonly exports: Exports,
  ) {}

  @Get('log')
  @Needs('audit:read', 'unbound')
  @ApiOperation({
    summary: 'Every event up to what is known, one a line with its hash, streamed: what `promoledger verify` reads.',
    description: 'The header `promoledger-position` says up to where.',
  })
  @Answers('The log.', LOG, 200, 'application/x-ndjson')
  @Refuses('invalid-command', 'not-caught-up', 'store-unavailable')
  async log(@Query(Checked) query: KnownQuery, @Res() reply: FastifyReply): Promise<void> {
    const { known } = await momentOf(this.queries, query);
    reply.header('promoledger-position', String(known));
    await this.send(this.exports.log(known), reply);
  }

  @Get(':format')
  @Needs('audit:read', 'unbound')
  @ApiParam({ name: 'format', enum: JOURNAL_FORMATS })
  @ApiOperation({
    summary: 'The journal as a file for another program, in the order of the log, streamed.',
    description:
      'With filters, whole transactions that have a posting of the account, promotion and currency named. The headers ' +
      '`promoledger-as-of` and `promoledger-position` say of which moment it is. What fails on the way cuts the ' +
      'connection, so that a part is never taken for the whole.',
  })
  @Answers('The file.', JOURNAL, 200, 'text/plain')
  @Refuses('invalid-command', 'not-found', 'not-caught-up', 'store-unavailable')
  async export(
    @Param('format') format: string,
    @Query(Checked) query: ExportQuery,
    @Res() reply: FastifyReply,
  ): Promise<void> {
    if (!JOURNAL_FORMATS.includes(format)) {
      throw new ProblemError('not-found', `There is no such export; there are ${JOURNAL_FORMATS.join(', ')} and log.`);
    }
    refuseBackwards(query);
    const { asOf: _asOf, knownAt: _knownAt, minPosition: _minPosition, kind, ...filter } = query;
    const moment = await momentOf(this.queries, query);
    reply.headers({ 'promoledger-as-of': moment.asOf, 'promoledger-position': String(moment.known) });
    const kept = kind === undefined ? filter : { ...filter, kinds: kind };
    await this.send(this.exports.journal(format, moment, kept), reply);
  }

  /** At the pace of the client: what it does not take is not read either. */
  private async send({ fileName, mediaType, chunks }: Exported, reply: FastifyReply): Promise<void> {
    const file = Readable.from(chunks, { objectMode: false });
    this.running.add(file);
    file.once('close', () => this.running.delete(file));
    // Before the first bytes there still is a status to answer with.
    await once(file, 'readable');
    reply.headers({ 'content-type': mediaType, 'content-disposition': `attachment; filename="${fileName}"` });
    if (reply.request.method !== 'HEAD') return void reply.send(file);
    // What nobody gets is not made.
    file.destroy();
    void reply.send();
  }

  /** Cuts what is still being sent, or the server would wait for its clients to take it all. */
  onModuleDestroy(): void {
    for (const file of this.running) file.destroy(new Error('the service stops'));
  }
}
