import { Body, Controller, Get, HttpCode, Post, Query } from '@nestjs/common';
import { ApiOperation, ApiTags } from '@nestjs/swagger';
import { Answers, Refuses } from '../../http/openapi.js';
import { Checked, Nothing } from '../../http/questions.js';
import { Needs } from '../../http/scopes.js';
import { ReadModels } from '../read-models.js';

const STATUS = { position: '42', head: '42', isRebuilding: false };

/** The tables that questions are answered from. */
@ApiTags('read-models')
@Controller('v1/admin/read-models')
export class ReadModelsController {
  constructor(private readonly readModels: ReadModels) {}

  @Get()
  @Needs('admin', 'unbound')
  @ApiOperation({ summary: 'How far the read models are, and whether they are being built anew.' })
  @Answers('What they include, what the log has, and whether a rebuild is under way.', STATUS)
  @Refuses('invalid-command', 'store-unavailable')
  async state(@Query(Checked) _query: Nothing): Promise<object> {
    const { runner, isRebuilding } = this.readModels;
    return { position: String(runner.position), head: String(await this.readModels.head()), isRebuilding };
  }

  @Post('rebuild')
  @HttpCode(202)
  @Needs('admin', 'unbound')
  @ApiOperation({
    summary: 'Builds the read models anew from the log, in the background; the present ones answer until then.',
  })
  @Answers('It is under way. How it ends is in the log.', { ...STATUS, isRebuilding: true }, 202)
  @Refuses('invalid-command', 'store-unavailable')
  async rebuild(@Query(Checked) query: Nothing, @Body(Checked) _body: Nothing): Promise<object> {
    // Whoever watches over the service is told by the log.
    this.readModels.rebuild().catch(() => undefined);
    return this.state(query);
  }
}
