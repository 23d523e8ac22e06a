import { Controller, Get } from '@nestjs/common';
import { ApiOperation, ApiTags } from '@nestjs/swagger';
import { Answers, Refuses } from './openapi.js';
import { ProblemError } from './problem.js';
import { NeedsNothing } from './scopes.js';

/** Whether the service can answer: the store is reached and the read models have caught up once. */
export abstract class Readiness {
  /** Undefined when it can, else why not, in words for an operator. */
  abstract missing(): Promise<
    { readonly code: 'store-unavailable' | 'not-caught-up'; readonly detail: string } | undefined
  >;
}

@ApiTags('health')
@Controller('health')
export class HealthController {
  constructor(private readonly readiness: Readiness) {}

  @Get('live')
  @NeedsNothing()
  @ApiOperation({ summary: 'Whether the process runs.' })
  @Answers('It does.', { status: 'live' })
  alive(): object {
    return { status: 'live' };
  }

  @Get('ready')
  @NeedsNothing()
  @ApiOperation({ summary: 'Whether the service can answer.' })
  @Answers('It can.', { status: 'ready' })
  @Refuses('store-unavailable', 'not-caught-up')
  async ready(): Promise<object> {
    const missing = await this.readiness.missing();
    if (missing) throw new ProblemError(missing.code, missing.detail);
    return { status: 'ready' };
  }
}
