import { Body, Controller, Delete, Get, HttpCode, Param, Post, Query } from '@nestjs/common';
import { ApiOperation, ApiTags } from '@nestjs/swagger';
import { field, rule } from '../../http/fields.js';
import { Answers, Refuses } from '../../http/openapi.js';
import { orThrow } from '../../http/problem.js';
import { Checked, Limit, Nothing } from '../../http/questions.js';
import { Needs } from '../../http/scopes.js';
import { refuse } from '../../kernel/refusal.js';
import { Webhooks } from '../webhooks.js';
import { DEAD_LETTER, ENDPOINT } from './examples.js';

const ENDPOINT_ID = /^[a-z0-9][a-z0-9_-]{0,63}$/;
const LETTER_ID = /^[1-9][0-9]{0,14}$/;

class DeadLettersQuery {
  @field(
    {
      docs: { type: String, pattern: ENDPOINT_ID.source, description: 'Those of one endpoint alone.', example: 'crm' },
      rules: [
        rule('endpoint', 'must be the id of an endpoint', (id) => typeof id === 'string' && ENDPOINT_ID.test(id)),
      ],
    },
    { optional: true },
  )
  endpoint?: string;
  @Limit() limit!: number;
  @field(
    {
      docs: { type: String, pattern: LETTER_ID.source, description: 'The `next` of the page before.', example: '7' },
      rules: [rule('cursor', 'is not one of this list', (id) => typeof id === 'string' && LETTER_ID.test(id))],
    },
    { optional: true },
  )
  cursor?: string;
}

/** What is sent to the endpoints that the operator has configured. It is of this process, and of no moment of the ledger. */
@ApiTags('webhooks')
@Controller('v1/webhooks')
export class WebhooksController {
  constructor(private readonly webhooks: Webhooks) {}

  @Get()
  @Needs('admin', 'unbound')
  @ApiOperation({ summary: 'The endpoints that notices are sent to, and how they stand. No secrets.' })
  @Answers('All endpoints.', { items: [ENDPOINT], next: null })
  endpoints(@Query(Checked) _query: Nothing): object {
    return { items: this.webhooks.endpoints(), next: null };
  }

  @Get('dead-letters')
  @Needs('admin', 'unbound')
  @ApiOperation({ summary: 'Notices that could not be sent, and are not tried any more.' })
  @Answers('A page of dead letters.', { items: [DEAD_LETTER], next: '7' })
  @Refuses('invalid-command')
  deadLetters(@Query(Checked) { endpoint, limit, cursor = '0' }: DeadLettersQuery): object {
    const found = this.webhooks.deadLetters(Number(cursor), limit + 1, endpoint ?? null);
    const items = found.slice(0, limit);
    return { items, next: found.length > limit ? items.at(-1)!.id : null };
  }

  @Post('dead-letters/:id/resend')
  @HttpCode(200)
  @Needs('admin', 'unbound')
  @ApiOperation({ summary: 'Sends a dead letter again, under the same id; a disabled endpoint is taken up again.' })
  @Answers('How many are sent again.', { resent: 1 })
  @Refuses('not-found', 'store-unavailable')
  resend(@Param('id') id: string, @Query(Checked) _query: Nothing, @Body(Checked) _body: Nothing): object {
    return orThrow(LETTER_ID.test(id) ? this.webhooks.resend(Number(id)) : noSuchLetter);
  }

  @Delete('dead-letters/:id')
  @Needs('admin', 'unbound')
  @ApiOperation({ summary: 'Drops a dead letter: it cannot be sent again. The notice itself stays in the list.' })
  @Answers('How many were dropped.', { discarded: 1 })
  @Refuses('not-found')
  discard(@Param('id') id: string, @Query(Checked) _query: Nothing): object {
    return orThrow(LETTER_ID.test(id) ? this.webhooks.discard(Number(id)) : noSuchLetter);
  }

  @Delete(':endpoint/dead-letters')
  @Needs('admin', 'unbound')
  @ApiOperation({
    summary: 'Drops all dead letters of an endpoint, also of one that is not configured any more.',
  })
  @Answers('How many were dropped.', { discarded: 12 })
  @Refuses('not-found')
  discardAll(@Param('endpoint') endpoint: string, @Query(Checked) _query: Nothing): object {
    return orThrow(this.webhooks.discardAll(endpoint));
  }

  @Post(':endpoint/resend')
  @HttpCode(200)
  @Needs('admin', 'unbound')
  @ApiOperation({ summary: 'Sends all dead letters of an endpoint again; one that is disabled is taken up again.' })
  @Answers('How many are sent again.', { resent: 12 })
  @Refuses('not-found', 'store-unavailable')
  resendAll(
    @Param('endpoint') endpoint: string,
    @Query(Checked) _query: Nothing,
    @Body(Checked) _body: Nothing,
  ): object {
    return orThrow(this.webhooks.resendAll(endpoint));
  }
}

const noSuchLetter = refuse('not-found', 'There is no such dead letter.');
