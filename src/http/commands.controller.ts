import { once } from 'node:events';
import { PassThrough, type Readable } from 'node:stream';
import { Body, Controller, HttpCode, Post, Query, Req, Res } from '@nestjs/common';
import { ApiBody, ApiConsumes, ApiOperation, ApiTags } from '@nestjs/swagger';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { CommandGateway, type ItemResult } from '../commands/gateway.js';
import { importLines, type Line, lineBatches, MAX_BATCH } from '../commands/import.js';
import type { Warrant } from '../commands/warrant.js';
import { warrantOf } from './auth/warrant.js';
import { CalledBy, type Caller, callerOf } from './caller.js';
import { metered, refuseRate, type Stopped } from './limits/metering.js';
import { ruleOf } from './limits/operations.js';
import { Answers, ITEM_EXAMPLE, Refuses, refTo } from './openapi.js';
import { ProblemError, problemFor } from './problem.js';
import { Checked, Nothing } from './questions.js';
import { Needs } from './scopes.js';
import { type StoppedAt, untilStopped } from './stopping.js';

/** What may become of a command, in the order of statuses. */
const COMMAND_CODES = [
  'invalid-command',
  'precision',
  'malformed-json',
  'unknown-account',
  'unknown-promotion',
  'unknown-click',
  'unknown-credit',
  'conflicting-duplicate',
  'batch-too-large',
  'unsupported-media-type',
  'partner-not-listed',
  'unknown-code',
  'not-invited',
  'campaign-mismatch',
  'revocation-too-early',
  'currency-mismatch',
  'already-granted',
  'cap-exceeded',
  'no-fx-rate',
  'stale-fx-rate',
  'store-unavailable',
] as const;

@ApiTags('commands')
@Controller('v1')
export class CommandsController {
  constructor(private readonly gateway: CommandGateway) {}

  @Post('commands')
  @Needs(['facts:write', 'grants:write'], 'own')
  @HttpCode(200)
  @ApiOperation({ summary: 'Records one fact, or up to 500, each standing alone.' })
  @ApiBody({
    schema: { oneOf: [refTo('Command'), { type: 'array', minItems: 1, maxItems: 500, items: refTo('Command') }] },
  })
  @Answers('One command that was recorded before, with what was answered then; or the results of an array.', {
    results: [{ index: 0, ...ITEM_EXAMPLE }],
  })
  @Answers('One command, appended.', ITEM_EXAMPLE, 201)
  @Refuses(...COMMAND_CODES)
  async commands(
    @Query(Checked) _: Nothing,
    @Body() body: unknown,
    @CalledBy() caller: Caller,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<object> {
    if (Array.isArray(body)) return { results: await this.batch(body, caller) };
    if (body === undefined) throw new ProblemError('malformed-json', 'The body is empty.');
    if (typeof body !== 'object' || body === null) throw invalid('The body is neither a command nor an array of them.');
    const [result] = await this.gateway.submit([body], warrantOf(caller));
    if (!result) throw new Error('the gateway answered with no result');
    if (result.error) throw new ProblemError(result.error.code, result.error.detail, result.error.errors);
    reply.code(result.status === 'appended' ? 201 : 200);
    return result;
  }

  private async batch(commands: readonly unknown[], caller: Caller): Promise<(ItemResult & { index: number })[]> {
    if (commands.length === 0) throw invalid('The array is empty.');
    if (commands.length > MAX_BATCH) {
      throw new ProblemError(
        'batch-too-large',
        `An array takes ${MAX_BATCH} commands at most; there are ${commands.length}.`,
      );
    }
    const results = await this.gateway.submit(commands, warrantOf(caller));
    return results.map((result, index) => ({ index, ...result }));
  }

  @Post('import')
  @Needs(['facts:write', 'grants:write'], 'own')
  @HttpCode(200)
  @ApiOperation({
    summary: 'Records a stream of commands, one a line; answers with a line for each not appended and a summary.',
  })
  @ApiConsumes('application/x-ndjson')
  @ApiBody({ schema: { type: 'string', description: 'Newline-delimited JSON, of any length.' } })
  @Answers(
    'Lines like these as the import goes on, the summary last. A last line `{ error }` instead says why it stopped.',
    { summary: { read: 3, appended: 1, duplicate: 1, rejected: 1, lastPosition: '42' } },
    200,
    'application/x-ndjson',
  )
  @Refuses('invalid-command', 'unsupported-media-type', 'store-unavailable')
  async import(@Query(Checked) _: Nothing, @Req() request: FastifyRequest, @Res() reply: FastifyReply): Promise<void> {
    const source = request.body as Readable | undefined;
    if (!source) throw new ProblemError('unsupported-media-type', 'The body must be application/x-ndjson.');
    const sender = new LongCaller(callerOf(request));
    const gateway = { submit: (commands: readonly unknown[]) => this.gateway.submit(commands, sender.warrant) };
    const out = new PassThrough();
    void reply.type('application/x-ndjson').send(out);
    let answered = false;
    const write = async (line: object): Promise<void> => {
      answered = true;
      if (out.destroyed) throw new Error('the client has gone');
      if (!out.write(`${JSON.stringify(line)}\n`)) await Promise.race([once(out, 'drain'), once(out, 'close')]);
    };
    try {
      // Destroying the request on an early end would destroy the connection, and the answer with it.
      const chunks = source.iterator({ destroyOnReturn: false }) as AsyncIterable<Uint8Array>;
      let stopped: Stopped | undefined;
      let ended: StoppedAt | undefined;
      const stop = (where: Stopped) => (stopped = where);
      const batches = untilStopped(request, lineBatches(chunks), (where) => (ended = where));
      const lines = metered(request, sender.admitted(batches, stop), stop);
      const summary = await importLines(gateway, lines, write);
      if (stopped && summary.read === 0) refuseWhole(reply, stopped);
      const error = stopped ? stopOf(stopped) : ended && endOf(ended);
      await write(error ? { summary, error } : { summary });
      out.end();
      if (error) source.resume();
    } catch (error) {
      if (out.destroyed || source.readableAborted) return void out.destroy();
      // Before the first line there still is a status to answer with: the stream's error becomes a problem.
      if (!answered) out.destroy(error as Error);
      else out.end(`${JSON.stringify({ error: lastWord(error) })}\n`);
      source.resume();
    }
  }
}

const invalid = (detail: string): ProblemError =>
  new ProblemError('invalid-command', detail, [{ path: '', message: 'must be a command or an array of 1 to 500' }]);

/**
 * Whoever sends lines for as long as it likes. It is looked at again before each batch: a key that was struck out, or a
 * token that is over, states nothing more, and a key that was changed states what it may now.
 */
class LongCaller {
  warrant: Warrant;

  constructor(private readonly caller: Caller) {
    this.warrant = warrantOf(caller);
  }

  async *admitted(
    batches: AsyncIterable<readonly Line[]>,
    stop: (stopped: Stopped) => void,
  ): AsyncGenerator<readonly Line[]> {
    for await (const batch of batches) {
      try {
        this.warrant = warrantOf(this.caller.asOfNow?.() ?? this.caller);
      } catch (problem) {
        if (!(problem instanceof ProblemError)) throw problem;
        return stop({ line: batch[0]!.line, why: { problem } });
      }
      yield batch;
    }
  }
}

/** Nothing was taken, and there still is a status to answer with. */
function refuseWhole(reply: FastifyReply, { why }: Stopped): never {
  if ('problem' in why) throw why.problem;
  return refuseRate(reply, why.short, 1);
}

/** Why an import stopped at a line, and when it may go on from there. */
function stopOf({ line, why }: Stopped): object {
  const where = `Everything before line ${line} was taken; send the rest from that line on.`;
  if ('problem' in why) return { code: why.problem.code, detail: `${why.problem.detail} ${where}`, line };
  const retryAfterSeconds = why.short.resetSeconds;
  return { code: 'rate-limited', detail: `${ruleOf(why.short, 1)} ${where}`, line, retryAfterSeconds };
}

const endOf = ({ line }: StoppedAt): object => ({
  code: 'stopping',
  detail: `The service is stopping. Everything before line ${line} was taken; send the rest from that line on.`,
  line,
});

/** The fault that ends an import whose answer has begun, in the form of an item's. */
function lastWord(error: unknown): { code: string; detail: string } {
  const { code, detail } = problemFor(error);
  return { code, detail };
}
