import { Body, Controller, Get, Post, Query } from '@nestjs/common';
import { ApiOperation, ApiTags } from '@nestjs/swagger';
import { field, rule } from '../../http/fields.js';
import { Answers, Refuses } from '../../http/openapi.js';
import { ProblemError } from '../../http/problem.js';
import { Checked, Limit, Nothing } from '../../http/questions.js';
import { Needs } from '../../http/scopes.js';
import { BACKUP_NAME, Backups, type NoBackup } from '../backups.js';

const BACKUP = {
  file: 'ledger-20221005T120000000Z-42.db',
  position: '42',
  events: 42,
  sha256: 'ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad',
  bytes: 49152,
  madeAt: '2022-10-05T12:00:00.100Z',
};

class BackupsQuery {
  @Limit() limit!: number;
  @field(
    {
      docs: {
        type: String,
        pattern: BACKUP_NAME.source,
        description: 'The `next` of the page before.',
        example: BACKUP.file,
      },
      rules: [rule('cursor', 'is not one of this list', (name) => typeof name === 'string' && BACKUP_NAME.test(name))],
    },
    { optional: true },
  )
  cursor?: string;
}

/** Copies of the ledger's file. Where they lie and how they are named is the service's: a client gives no path. */
@ApiTags('backups')
@Controller('v1/admin/backups')
export class BackupsController {
  constructor(private readonly backups: Backups) {}

  @Post()
  @Needs('admin', 'unbound')
  @ApiOperation({
    summary: 'Makes and verifies a backup of the ledger, while it is written to; answers when it is done.',
  })
  @Answers('The backup. It holds all that was acknowledged before it was asked for.', BACKUP, 201)
  @Refuses('no-backups', 'backup-under-way', 'backup-failed', 'store-unavailable')
  async make(@Query(Checked) _query: Nothing, @Body(Checked) _body: Nothing): Promise<object> {
    const made = await this.backups.make().catch((error: Error) => {
      if (error.name === 'BackupFailedError') throw new ProblemError('backup-failed', error.message);
      throw error;
    });
    if (typeof made !== 'string') return made;
    throw new ProblemError(made === 'under-way' ? 'backup-under-way' : 'no-backups', WHY_NOT[made]);
  }

  @Get()
  @Needs('admin', 'unbound')
  @ApiOperation({ summary: 'The backups in the directory of the service, the latest first.' })
  @Answers('A page of backups.', { items: [BACKUP], next: null })
  @Refuses('invalid-command')
  list(@Query(Checked) { limit, cursor }: BackupsQuery): object {
    const found = this.backups.list(limit + 1, cursor ?? null);
    const items = found.slice(0, limit);
    return { items, next: found.length > limit ? items.at(-1)!.file : null };
  }
}

const WHY_NOT: Readonly<Record<NoBackup, string>> = {
  'not-configured': 'The setting PROMOLEDGER_BACKUPS names no directory for them.',
  'not-a-file': 'The ledger is not in a file: use the backup of the server that it is on.',
  'under-way': 'One is being made; ask for another when it is done.',
};
