import { type ArgumentsHost, Catch, type ExceptionFilter, HttpException, Logger } from '@nestjs/common';
import type { FastifyReply } from 'fastify';
import { type Fault, faultsTold, isRefusal, type Refusal, type RefusalCode } from '../kernel/refusal.js';

/** Codes that only this edge answers with; the others are the ledger's refusals. */
type EdgeCode =
  | 'malformed-json'
  | 'forbidden'
  | 'batch-too-large'
  | 'unsupported-media-type'
  | 'malformed-request'
  | 'request-timeout'
  | 'uri-too-long'
  | 'rate-limited'
  | 'headers-too-large'
  | 'unauthenticated'
  | 'authentication-unavailable'
  | 'not-caught-up'
  | 'store-unavailable'
  | 'seal-broken'
  | 'stopping'
  | 'no-backups'
  | 'backup-under-way'
  | 'backup-failed'
  | 'internal-error';

export type ProblemCode = RefusalCode | EdgeCode;

/** Every code with its status and title: stable, and the same for every answer that bears the code. */
export const PROBLEMS: Readonly<Record<ProblemCode, readonly [status: number, title: string]>> = {
  'invalid-command': [400, 'The request is not valid'],
  precision: [400, 'An amount has more digits than its currency'],
  'malformed-json': [400, 'The body is not JSON'],
  'malformed-request': [400, 'The request is not HTTP'],
  unauthenticated: [401, 'It is not known who asks'],
  forbidden: [403, 'The caller may not do this'],
  'unknown-account': [404, 'No such account is known'],
  'unknown-promotion': [404, 'No such promotion is known'],
  'unknown-click': [404, 'No such click is known'],
  'unknown-credit': [404, 'No such credit is known'],
  'unknown-run': [404, 'No such run is in the calendar'],
  'unknown-period': [404, 'No such period is closed'],
  'unknown-event': [404, 'No such event is in the log'],
  'no-checkpoint': [404, 'No checkpoint covers it'],
  'not-found': [404, 'Nothing is here'],
  'request-timeout': [408, 'The request took too long to arrive'],
  'conflicting-duplicate': [409, 'The same key was recorded with other content'],
  'run-out-of-order': [409, 'An earlier run is still open'],
  'period-out-of-order': [409, 'Another period is to be closed first'],
  'backup-under-way': [409, 'A backup is being made'],
  'batch-too-large': [413, 'Too much in one request'],
  'uri-too-long': [414, 'The path and its query are too long'],
  'unsupported-media-type': [415, 'The content type is not supported'],
  'run-not-due': [422, 'The run is not due yet'],
  'period-not-over': [422, 'The period is not over yet'],
  'period-runs-open': [422, 'Runs of the period are still open'],
  'partner-not-listed': [422, 'The terms do not list the partner'],
  'unknown-code': [422, 'The terms do not list the code'],
  'not-invited': [422, 'There is no invitation to withdraw'],
  'campaign-mismatch': [422, 'The campaign belongs to another advertiser, marketplace or product'],
  'revocation-too-early': [422, 'The credit was used after that'],
  'currency-mismatch': [422, "The currency is not the account's"],
  'already-granted': [422, 'The credit was granted already'],
  'budget-exhausted': [422, 'The budget of the promotion is used up'],
  'redemptions-exhausted': [422, 'The promotion has given all its credits'],
  'cap-exceeded': [422, 'The cap would be exceeded'],
  'no-fx-rate': [422, 'No exchange rate is known'],
  'stale-fx-rate': [422, 'The exchange rate is too old'],
  'seal-broken': [500, 'The ledger is not what was sealed'],
  'no-backups': [422, 'No backups are made here'],
  'rate-limited': [429, 'Too many operations in an hour'],
  'headers-too-large': [431, 'The header is too large'],
  'internal-error': [500, 'Something went wrong here'],
  'authentication-unavailable': [503, 'Who asks cannot be found out now'],
  'not-caught-up': [503, 'The answer is not up to date yet'],
  'store-unavailable': [503, 'The store cannot be reached'],
  stopping: [503, 'The service is stopping'],
  'backup-failed': [503, 'The backup could not be made'],
};

/** RFC 9457. `errors` names every fault of an invalid input. */
export interface Problem {
  readonly type: string;
  readonly title: string;
  readonly status: number;
  readonly detail: string;
  readonly code: string;
  readonly errors?: readonly Fault[];
}

/** A code that the table does not know is a refusal by a rule. */
export function problemOf(code: string, detail: string, errors?: readonly Fault[]): Problem {
  const [status, title] = Object.hasOwn(PROBLEMS, code)
    ? PROBLEMS[code as ProblemCode]
    : ([422, 'A rule refuses it'] as const);
  return {
    type: `urn:promoledger:problem:${code}`,
    title,
    status,
    detail,
    code,
    ...(errors ? { errors: faultsTold(errors) } : {}),
  };
}

/** Thrown at the edge only, where Nest wants an exception: within, refusals are values. */
export class ProblemError extends Error {
  override readonly name = 'ProblemError';

  constructor(
    readonly code: string,
    readonly detail: string,
    readonly errors?: readonly Fault[],
  ) {
    super(`${code}: ${detail}`);
  }
}

/** The answer, or its refusal thrown. */
export function orThrow<T>(answer: T | Refusal): T {
  if (isRefusal(answer)) throw new ProblemError(answer.refused, answer.detail, answer.errors);
  return answer;
}

/** Errors of other layers that have a code. They are known by name: this folder depends on nobody who throws them. */
const NAMED: Readonly<Record<string, readonly [ProblemCode, string]>> = {
  BatchTooLargeError: ['batch-too-large', 'The fact is larger than the store takes.'],
  ReadOnlyError: ['forbidden', 'This ledger is served read-only: nothing is recorded in it.'],
  NotCaughtUpError: ['not-caught-up', 'The position asked for was not reached in time; ask again.'],
  SealsLagError: ['not-caught-up', 'Sealing has not come so far yet; ask again.'],
  SealBrokenError: ['seal-broken', 'The event is not what was sealed: verify the ledger.'],
  StoreUnavailableError: ['store-unavailable', 'Nothing that was not acknowledged is recorded; send it again.'],
};

/** What Fastify and Nest refuse by themselves, by their status. */
const FRAMEWORK: Readonly<Record<number, readonly [ProblemCode, string]>> = {
  400: ['malformed-json', 'The request cannot be read.'],
  404: ['not-found', 'Nothing answers to this method and path.'],
  413: ['batch-too-large', 'The body is larger than the service takes.'],
  415: ['unsupported-media-type', 'The body must be of the content type that the endpoint takes.'],
};

const logger = new Logger('http');

/** The problem of anything thrown. What nobody foresaw is logged, and nothing of it is told. */
export function problemFor(thrown: unknown): Problem {
  if (thrown instanceof ProblemError) return problemOf(thrown.code, thrown.detail, thrown.errors);
  if (thrown instanceof Error) {
    const known = thrown instanceof HttpException ? FRAMEWORK[thrown.getStatus()] : NAMED[thrown.name];
    if (known) return problemOf(...known);
  }
  logger.error(thrown);
  return problemOf('internal-error', 'The fault is logged; the request may be sent again.');
}

/** Answers every exception with `application/problem+json`. */
@Catch()
export class ProblemFilter implements ExceptionFilter {
  catch(thrown: unknown, host: ArgumentsHost): void {
    sendProblem(host.switchToHttp().getResponse<FastifyReply>(), problemFor(thrown));
  }
}

export function sendProblem(reply: FastifyReply, problem: Problem): void {
  if (reply.raw.headersSent) return;
  // As bytes: to text Fastify would add a charset, which this media type does not have.
  const body = Buffer.from(JSON.stringify(problem));
  void reply.code(problem.status).header('content-type', 'application/problem+json').send(body);
}
