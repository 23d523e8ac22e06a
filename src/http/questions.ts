import { Injectable, type PipeTransform, type ArgumentMetadata } from '@nestjs/common';
import type { Instant } from '../kernel/instant.js';
import { parseInstant } from '../kernel/instant.js';
import { faultsTold, type Refusal } from '../kernel/refusal.js';
import type { Moment } from '../read-models/moment.js';
import type { Queries } from '../read-models/queries.js';
import { type DtoClass, field, type FieldOptions, InstantField, rule } from './fields.js';
import { orThrow, ProblemError } from './problem.js';
import { validateCommand } from './validation.js';

/**
 * Turns a query or a small body into the DTO that the parameter declares: checked, normalised, unknown names refused.
 * An absent body counts as an empty one.
 */
@Injectable()
export class Checked implements PipeTransform {
  transform(value: unknown, { metatype, type }: ArgumentMetadata): unknown {
    const result = validateCommand(metatype as DtoClass, value === undefined ? {} : value, '');
    if ('value' in result) return result.value;
    const what = type === 'query' ? 'query' : 'body';
    const { code, faults, more = 0 } = result;
    throw new ProblemError(code, `The ${what} has ${counted(faults.length + more)}.`, faultsTold(faults, more));
  }
}

export const counted = (faults: number): string => (faults === 1 ? 'a fault' : `${faults} faults`);

const LAST_POSITION = 2n ** 63n - 1n;

/** A decimal string, as commands and queries answer with it. */
export const parsePosition = (text: unknown): bigint | undefined => {
  if (typeof text !== 'string' || !/^(0|[1-9][0-9]{0,18})$/.test(text)) return undefined;
  const position = BigInt(text);
  return position <= LAST_POSITION ? position : undefined;
};

export const PositionField = (description: string, options: FieldOptions = { optional: true }) =>
  field(
    {
      docs: { type: String, pattern: '^(0|[1-9][0-9]{0,18})$', description, example: '42' },
      rules: [rule('position', 'must be a position: a decimal', (text) => parsePosition(text) !== undefined)],
      normalize: parsePosition,
    },
    options,
  );

export interface KnownAt {
  readonly asked: string;
  readonly at: { readonly instant: Instant } | { readonly position: bigint };
}

function parseKnownAt(text: unknown): KnownAt | undefined {
  if (typeof text !== 'string') return undefined;
  const position = text.startsWith('position:') ? parsePosition(text.slice('position:'.length)) : undefined;
  if (position !== undefined) return { asked: text, at: { position } };
  const instant = parseInstant(text);
  return instant && { asked: text, at: { instant } };
}

export const KnownAtField = (
  description = 'Answer as the log said it at this recorded instant, or `position:N`. By default all of it.',
  options: FieldOptions = { optional: true },
) =>
  field(
    {
      docs: { type: String, description, example: 'position:42' },
      rules: [rule('knownAt', 'must be an RFC 3339 instant or position:N', (text) => parseKnownAt(text) !== undefined)],
      normalize: parseKnownAt,
    },
    options,
  );

export class KnownQuery {
  @KnownAtField() knownAt?: KnownAt;
  @PositionField('Wait, at most 5 s, until the answer includes this position.') minPosition?: bigint;
}

/** What every question takes: the moment it is asked of. */
export class MomentQuery extends KnownQuery {
  @InstantField('What had happened by then. By default now.', { optional: true }) asOf?: Instant;
}

const parseLimit = (text: unknown): number | undefined =>
  typeof text === 'string' && /^[1-9][0-9]{0,2}$/.test(text) && Number(text) <= 500 ? Number(text) : undefined;

export const Limit = () =>
  field(
    {
      docs: { type: 'integer', minimum: 1, maximum: 500, default: 100, description: 'So many at most.', example: 100 },
      rules: [rule('limit', 'must be a whole number from 1 to 500', (text) => parseLimit(text) !== undefined)],
      normalize: parseLimit,
      fallback: 100,
    },
    { optional: true },
  );

export const Cursor = () =>
  field(
    {
      docs: { type: String, description: 'The `next` of the page before.' },
      rules: [rule('cursor', 'must be given once', (text) => typeof text === 'string')],
    },
    { optional: true },
  );

/** What every question for a list takes. */
export class PageQuery extends MomentQuery {
  @Limit() limit!: number;
  @Cursor() cursor?: string;
}

/** For endpoints that take no query or an empty body. */
export class Nothing {}

/** An answer's own fields. The page of a list may be of an earlier moment than was asked: its cursor's. */
export type Answer = object & { readonly moment?: Moment };

/**
 * Asks at the moment the query names and adds to the answer what it is an answer of: `asOf`, `knownAt` as it was asked,
 * and the last position it includes.
 */
export async function answered<Q extends MomentQuery>(
  queries: Queries,
  query: Q,
  ask: (moment: Moment, own: Omit<Q, keyof MomentQuery>) => Answer | Refusal | Promise<Answer | Refusal>,
): Promise<object> {
  const { asOf: _asOf, knownAt, minPosition: _minPosition, ...own } = query;
  const asked = await momentOf(queries, query);
  const { moment = asked, ...answer } = orThrow(await ask(asked, own));
  refuseOtherMoment(query, asked, moment);
  return { ...answer, asOf: moment.asOf, knownAt: knownAt?.asked ?? null, position: String(moment.known) };
}

/** A page is of its first page's moment: what is asked with a cursor may name that moment, but no other. */
function refuseOtherMoment({ asOf, knownAt, minPosition }: MomentQuery, asked: Moment, paged: Moment): void {
  const isOther =
    (asOf !== undefined && asOf !== paged.asOf) ||
    (knownAt !== undefined && paged.known > asked.known) ||
    (minPosition !== undefined && minPosition > paged.known);
  if (!isOther) return;
  const errors = [{ path: '/cursor', message: 'is of a list that was asked for another moment' }];
  throw new ProblemError('invalid-command', 'The query has a fault.', errors);
}

/** Performs a run and adds to its answer the instant it was asked at; of a run all is known, so `knownAt` is null. */
export async function performed(
  queries: Queries,
  run: () => Promise<object | Refusal>,
  asked?: Instant,
): Promise<object> {
  const { asOf } = await queries.moment(asked === undefined ? {} : { asOf: asked });
  return { asOf, knownAt: null, ...orThrow(await run()) };
}

/** Waits until the position asked for is included. Throws a problem when it lies above what is to be known. */
export async function momentOf(queries: Queries, query: MomentQuery): Promise<Moment> {
  const { asOf, knownAt, minPosition } = query;
  const at = knownAt?.at;
  if (at && 'position' in at) refuseAbove(minPosition, at.position);
  const moment = await queries.moment({
    ...(asOf === undefined ? {} : { asOf }),
    ...(at === undefined ? {} : { knownAt: at }),
    ...(minPosition === undefined ? {} : { minPosition }),
  });
  refuseAbove(minPosition, moment.known);
  return moment;
}

function refuseAbove(minPosition: bigint | undefined, known: bigint): void {
  if (minPosition === undefined || minPosition <= known) return;
  const message = `is above ${known}, the last position known at knownAt`;
  throw new ProblemError('invalid-command', 'The query has a fault.', [{ path: '/minPosition', message }]);
}
