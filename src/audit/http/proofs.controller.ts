import { Body, Controller, Get, Header, HttpCode, Post, Query } from '@nestjs/common';
import { ApiOperation, ApiTags } from '@nestjs/swagger';
import { field, rule } from '../../http/fields.js';
import { Answers, Refuses } from '../../http/openapi.js';
import { orThrow, ProblemError } from '../../http/problem.js';
import { Checked, Cursor, KnownQuery, Limit, momentOf, Nothing, PositionField } from '../../http/questions.js';
import { Needs } from '../../http/scopes.js';
import { Queries } from '../../read-models/queries.js';
import { Checkpoints } from '../seals/checkpoints.js';
import { Proofs, type EventPlace } from '../seals/proofs.js';
import { SigningKey } from '../seals/signing-key.js';
import * as examples from './proof-examples.js';

const parseCount = (text: unknown): number | undefined =>
  typeof text === 'string' && /^(0|[1-9][0-9]{0,14})$/.test(text) ? Number(text) : undefined;

const Count = (name: string, description: string, optional = true) =>
  field(
    {
      docs: { type: 'integer', minimum: 0, description, example: 1000 },
      rules: [rule(name, 'must be a whole number, given once', (text) => parseCount(text) !== undefined)],
      normalize: parseCount,
    },
    optional ? { optional } : {},
  );

class CheckpointsQuery extends KnownQuery {
  @Limit() limit!: number;
  @Cursor() cursor?: string;
}

class InclusionQuery {
  @PositionField('The event at this position; or say `stream` and `revision`.') position?: bigint;
  @field(
    {
      docs: { type: String, description: 'The stream of the event.', example: 'account-advertiser-1.DE' },
      rules: [rule('stream', 'must be the name of a stream', (text) => typeof text === 'string' && text !== '')],
    },
    { optional: true },
  )
  stream?: string;
  @Count('revision', 'Its place in the stream, from 0.') revision?: number;
  @Count('treeSize', 'In the tree of so many events; by default that of the last checkpoint.') treeSize?: number;
}

class ConsistencyQuery {
  @Count('from', 'The size of the smaller tree, from 1.', false) from!: number;
  @Count('to', 'The size of the larger tree; by default that of the last checkpoint.') to?: number;
}

@ApiTags('audit')
@Controller('v1/audit')
export class ProofsController {
  constructor(
    private readonly queries: Queries,
    private readonly proofs: Proofs,
    private readonly checkpoints: Checkpoints,
    private readonly key: SigningKey,
  ) {}

  @Get('status')
  @Needs('audit:read', 'unbound')
  @ApiOperation({ summary: 'How far the log is sealed, by how much sealing lags, and the last checkpoint.' })
  @Answers('The state of the seals.', examples.status)
  @Refuses('store-unavailable')
  async status(@Query(Checked) _query: Nothing): Promise<object> {
    return { ...(await this.proofs.status()), verifierKey: this.key.knownVerifierKey() };
  }

  @Get('key')
  @Needs('audit:read', 'anybody')
  @ApiOperation({ summary: 'The verifier key of the checkpoints, as c2sp.org/signed-note writes it.' })
  @Answers('The key.', examples.key)
  @Refuses('not-found')
  verifierKey(@Query(Checked) _query: Nothing): object {
    const verifierKey = this.key.knownVerifierKey();
    if (verifierKey !== null) return { algorithm: 'Ed25519', name: this.key.name, verifierKey };
    throw new ProblemError('not-found', 'No signing key is here yet: one is made when the first checkpoint is signed.');
  }

  @Get('checkpoints')
  @Needs('audit:read', 'unbound')
  @ApiOperation({ summary: 'The signed checkpoints, the smallest tree first.' })
  @Answers('A page of checkpoints.', { items: [examples.checkpoint], next: '1000', knownAt: null, position: '1001' })
  @Refuses('invalid-command', 'not-caught-up', 'store-unavailable')
  async signedCheckpoints(@Query(Checked) query: CheckpointsQuery): Promise<object> {
    const { known } = await momentOf(this.queries, query);
    const after = query.cursor === undefined ? 0 : parseCount(query.cursor);
    if (after === undefined) throw fault('cursor', 'is not the `next` of a page of checkpoints');
    const position = await this.proofs.sealedTo(query.minPosition ?? 0n);
    const { items, next } = await this.proofs.checkpoints(after, query.limit, known);
    return {
      items,
      next: next === null ? null : String(next),
      knownAt: query.knownAt?.asked ?? null,
      position: String(position < known ? position : known),
    };
  }

  @Post('checkpoints')
  @HttpCode(200)
  @Needs('admin', 'unbound')
  @ApiOperation({
    summary: 'Signs what is recorded and sealed by now; without news it answers with the last checkpoint.',
  })
  @Answers('The checkpoint.', examples.checkpoint)
  @Refuses('invalid-command', 'no-checkpoint', 'seal-broken', 'not-caught-up', 'store-unavailable')
  async sign(@Query(Checked) _query: Nothing, @Body(Checked) _body: Nothing): Promise<object> {
    return orThrow(await this.checkpoints.sign());
  }

  @Get('checkpoints/latest')
  @Needs('audit:read', 'unbound')
  @Header('content-type', 'text/plain; charset=utf-8')
  @ApiOperation({ summary: 'The last checkpoint as a signed note, for witnesses.' })
  @Answers('The note.', examples.checkpoint.note, 200, 'text/plain')
  @Refuses('no-checkpoint')
  async latest(@Query(Checked) _query: Nothing): Promise<string> {
    return orThrow(await this.proofs.latest()).note;
  }

  @Get('proofs/inclusion')
  @Needs('audit:read', 'unbound')
  @ApiOperation({ summary: 'That an event is in the log: a Merkle path (RFC 9162) from it to the root of a tree.' })
  @Answers('The proof.', examples.inclusion)
  @Refuses('invalid-command', 'unknown-event', 'no-checkpoint', 'seal-broken', 'not-caught-up', 'store-unavailable')
  async inclusion(@Query(Checked) query: InclusionQuery): Promise<object> {
    return orThrow(await this.proofs.inclusion(placeIn(query), query.treeSize));
  }

  @Get('proofs/consistency')
  @Needs('audit:read', 'unbound')
  @ApiOperation({ summary: 'That one tree is the beginning of another: nothing before it was changed.' })
  @Answers('The proof.', examples.consistency)
  @Refuses('invalid-command', 'no-checkpoint')
  async consistency(@Query(Checked) { from, to }: ConsistencyQuery): Promise<object> {
    return orThrow(await this.proofs.consistency(from, to));
  }
}

function placeIn({ position, stream, revision }: InclusionQuery): EventPlace {
  if (position !== undefined && stream === undefined && revision === undefined) return { position };
  if (position === undefined && stream !== undefined && revision !== undefined) return { stream, revision };
  throw fault('position', 'must be given, or else both stream and revision');
}

const fault = (name: string, message: string): ProblemError =>
  new ProblemError('invalid-command', 'The query has a fault.', [{ path: `/${name}`, message }]);
