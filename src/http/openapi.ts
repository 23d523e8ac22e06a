import { applyDecorators, type INestApplication } from '@nestjs/common';
import { ApiResponse, DocumentBuilder, type OpenAPIObject, SwaggerModule } from '@nestjs/swagger';
import { COMMANDS } from './commands-registry.js';
import { completed, operationIdOf, problemExample } from './openapi-complete.js';
import { type ProblemCode, PROBLEMS } from './problem.js';

type Schema = Record<string, unknown>;

export const refTo = (schema: string): { $ref: string } => ({ $ref: `#/components/schemas/${schema}` });

/** Documents an answer by an example of it; its schema is what the example is made of. */
export const Answers = (description: string, example: unknown, status = 200, mediaType = 'application/json') =>
  ApiResponse({ status, description, content: { [mediaType]: { schema: schemaOf(example), example } } });

/** Documents the codes with which an endpoint may refuse, by their status. */
export function Refuses(...codes: readonly ProblemCode[]) {
  const byStatus = Map.groupBy(codes, (code) => PROBLEMS[code][0]);
  return applyDecorators(
    ...[...byStatus].map(([status, some]) =>
      ApiResponse({
        status,
        description: some.map((code) => `\`${code}\`: ${PROBLEMS[code][1]}.`).join(' '),
        content: {
          'application/problem+json': {
            schema: refTo('Problem'),
            examples: Object.fromEntries(some.map((code) => [code, problemExample(code)])),
          },
        },
      }),
    ),
  );
}

/** Fields that are null when there is none, whatever an example says. */
const NULLABLE: ReadonlySet<string> = new Set([
  'next',
  'knownAt',
  'lastPosition',
  'qualifiedAt',
  'campaignId',
  'couldBeMetAt',
  'earliestRun',
  'withinSla',
  'fx',
  'reversed',
]);

/** Fields that only some answers have, although the example has them. */
const OPTIONAL: ReadonlySet<string> = new Set(['changes', 'difference']);

/** Documents of many forms, of which an example is one. */
const OPEN: ReadonlySet<string> = new Set(['data', 'event', 'terms']);

/**
 * The schema of a value of which each of `examples` is one. A field that all of them have is always there; null is left
 * open where no example says what else it may be.
 */
function schemaOf(...examples: readonly unknown[]): Schema {
  const some = examples.filter((example) => example !== null);
  const [first] = some;
  if (first === undefined) return { description: 'Null when there is none.' };
  if (Array.isArray(first)) return { type: 'array', items: first.length > 0 ? schemaOf(...some.flat()) : {} };
  if (typeof first !== 'object') return orNull(typeOf(first), some.length < examples.length);
  const objects = some as Readonly<Record<string, unknown>>[];
  const names = [...new Set(objects.flatMap((object) => Object.keys(object)))];
  const fieldOf = (name: string): Schema => {
    const schema = schemaOf(...objects.flatMap((object) => (Object.hasOwn(object, name) ? [object[name]] : [])));
    if (name === 'next' || name === 'knownAt') return { type: ['string', 'null'] };
    if (OPEN.has(name)) return { type: 'object', additionalProperties: true };
    return NULLABLE.has(name) && 'type' in schema ? orNull(schema, true) : schema;
  };
  const isAlways = (name: string) => !OPTIONAL.has(name) && objects.every((object) => Object.hasOwn(object, name));
  const required = names.filter(isAlways);
  const properties = Object.fromEntries(names.map((name) => [name, fieldOf(name)]));
  return orNull({ type: 'object', required, properties }, some.length < examples.length);
}

const typeOf = (value: unknown): Schema => ({ type: Number.isInteger(value) ? 'integer' : typeof value });

const orNull = (schema: Schema, nullable: boolean): Schema =>
  nullable && typeof schema['type'] === 'string' ? { ...schema, type: [schema['type'], 'null'] } : schema;

export const ITEM_EXAMPLE = {
  type: 'ClickSpent',
  key: 'click-1',
  status: 'appended',
  stream: 'account-advertiser-1.DE',
  revision: 7,
  position: '42',
  event: {
    advertiserId: 'advertiser-1',
    marketplace: 'DE',
    clickId: 'click-1',
    campaignId: 'campaign-1',
    product: 'SP',
    cost: { amount: '0.85', currency: 'EUR' },
    occurredAt: '2022-10-05T12:00:00.000Z',
    draws: [
      {
        creditId: 'amazon-ads-api-click-credit-2022:advertiser-1:DE:SP',
        amount: { amount: '0.85', currency: 'EUR' },
      },
    ],
    billable: { amount: '0.00', currency: 'EUR' },
  },
};

export const EVENT_EXAMPLE = {
  position: '42',
  stream: 'account-advertiser-1.DE',
  revision: 7,
  id: 'ClickSpent:click-1',
  type: 'ClickSpent',
  data: ITEM_EXAMPLE.event,
  metadata: { version: 1, actor: 'feed-1', correlationId: 'a4f4b1c2-request-7' },
  recordedAt: '2022-10-05T12:00:01.000Z',
};

const ERRORS_SCHEMA: Schema = {
  type: 'array',
  description: 'Every fault of an invalid input.',
  items: {
    type: 'object',
    required: ['path', 'message'],
    properties: {
      path: { type: 'string', description: 'A JSON pointer.', example: '/data/cost/amount' },
      message: { type: 'string', example: 'must be greater than zero' },
    },
  },
};

const PROBLEM_SCHEMA: Schema = {
  type: 'object',
  description: 'RFC 9457.',
  required: ['type', 'title', 'status', 'detail', 'code'],
  properties: {
    type: { type: 'string', format: 'uri', example: 'urn:promoledger:problem:invalid-command' },
    title: { type: 'string' },
    status: { type: 'integer' },
    detail: { type: 'string' },
    code: { type: 'string', enum: Object.keys(PROBLEMS), description: 'Stable; what a program decides by.' },
    errors: ERRORS_SCHEMA,
  },
};

const nullable = (type: string, description: string): Schema => ({ type: [type, 'null'], description });

const COMMAND_RESULT_SCHEMA: Schema = {
  type: 'object',
  description: 'What became of a command.',
  required: ['type', 'key', 'status', 'stream', 'revision', 'position'],
  properties: {
    index: { type: 'integer', description: 'Its place in the array that was sent.' },
    line: { type: 'integer', description: 'Its line in the import that was sent.' },
    type: nullable('string', 'Null when it has none.'),
    key: nullable('string', 'Its natural key within the stream.'),
    status: { type: 'string', enum: ['appended', 'duplicate', 'rejected'] },
    stream: nullable('string', 'Null when it was rejected before it was known.'),
    revision: nullable('integer', 'Null when it was rejected.'),
    position: nullable('string', 'Null when it was rejected.'),
    event: { type: 'object', additionalProperties: true, description: "The event's data with what was decided." },
    error: {
      type: 'object',
      required: ['code', 'detail'],
      properties: {
        code: { type: 'string' },
        detail: { type: 'string' },
        errors: ERRORS_SCHEMA,
      },
    },
  },
};

/** One of all commands, told apart by `type`. */
const commandSchema = (): Schema => ({
  description: 'A fact to be recorded.',
  oneOf: [...COMMANDS].map(([type, dto]) => ({
    title: type,
    type: 'object',
    additionalProperties: false,
    required: ['type', 'data'],
    properties: { type: { type: 'string', const: type }, data: refTo(dto.name) },
  })),
});

const BEARER = {
  type: 'http',
  scheme: 'bearer',
  description:
    'An access token of the identity provider (JWT), or an API key `plk_…`. What an operation asks of it stands in ' +
    '`x-promoledger-needs`: one of the scopes of `anyOf`, or `admin`. Of `reach`, `unbound` says that a caller who is ' +
    'bound to advertisers or marketplaces is refused.',
} as const;

/** OpenAPI 3.1 of the application. */
export function openApiDocument(app: INestApplication): OpenAPIObject {
  const config = new DocumentBuilder()
    .setOpenAPIVersion('3.1.0')
    .setTitle('promoledger')
    .setDescription('An event-sourced, bitemporal ledger for advertising promotional credits.')
    .setVersion('1')
    .addSecurity('bearer', BEARER)
    .build();
  const document = SwaggerModule.createDocument(app, config, {
    extraModels: [...COMMANDS.values()] as NewableFunction[],
    operationIdFactory: operationIdOf,
  });
  const schemas = (document.components ??= {}).schemas as Record<string, Schema>;
  for (const schema of Object.values(schemas)) schema['additionalProperties'] = false;
  Object.assign(schemas, { Command: commandSchema(), CommandResult: COMMAND_RESULT_SCHEMA, Problem: PROBLEM_SCHEMA });
  return completed(
    document,
    [...COMMANDS].map(([type, { name }]) => [type, name]),
    ITEM_EXAMPLE,
  );
}
