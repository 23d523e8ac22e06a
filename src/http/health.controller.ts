import { Controller, Get } from '@nestjs/common';
import { ApiOperation, ApiTags } from '@nestjs/swagger';
import { Answers, Refuses } from './openapi.js';
import { ProblemError } from './problem.js';
import { NeedsNothing } from './scopes.js';

/** One thing that the service needs. `detail` is in words, for an operator, and holds nothing that is secret. */
export interface Check {
  readonly name: 'store' | 'readModels' | 'disk';
  readonly ok: boolean;
  /** Of the problem that it is when it is not well. */
  readonly code: 'store-unavailable' | 'not-caught-up';
  readonly detail: string;
}

/**
 * Whether the service can answer: the store is reached, the read models have caught up once and follow closely, and the
 * disks have room. It answers within a moment, whatever hangs.
 */
export abstract class Readiness {
  abstract checks(): Promise<readonly Check[]>;
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
  @Answers('It can.', {
    status: 'ready',
    checks: {
      store: { ok: true, detail: 'It answers.' },
      readModels: { ok: true, detail: 'They are 0 events and 0.0 s behind.' },
      disk: { ok: true, detail: '18000 MiB are free for the ledger. 18000 MiB are free for the cache.' },
    },
  })
  @Refuses('store-unavailable', 'not-caught-up', 'stopping')
  async ready(): Promise<object> {
    const checks = await this.readiness.checks();
    const faults = checks.filter(({ ok }) => !ok);
    const [first] = faults;
    if (!first) return { status: 'ready', checks: Object.fromEntries(checks.map(shown)) };
    const errors = faults.map(({ name, detail }) => ({ path: `/checks/${name}`, message: detail }));
    throw new ProblemError(
      first.code,
      `Not ready: ${faults.map(({ name, detail }) => `${name}: ${detail}`).join(' ')}`,
      errors,
    );
  }
}

const shown = ({ name, ok, detail }: Check) => [name, { ok, detail }] as const;
