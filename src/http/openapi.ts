import { applyDecorators, type INestApplication } from '@nestjs/common';
import { ApiResponse, DocumentBuilder, type OpenAPIObject, SwaggerModule } from '@nestjs/swagger';
import { COMMANDS } from './commands-registry.js';
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
        content: { 'application/problem+json': { schema: refTo('Problem') } },
      }),
    ),
  );
}

/** The schema of a value of which `example` is one. Lists are of what their first element is of; null is left open. */
function schemaOf(example: unknown): Schema {
  if (example === null) return { description: 'Null when there is none.' };
  if (Array.isArray(example)) return { type: 'array', items: example.length > 0 ? schemaOf(example[0]) : {} };
  if (typeof example !== 'object') return { type: Number.isInteger(example) ? 'integer' : typeof example };
  const properties = Object.entries(example).map(([name, value]): [string, Schema] => [name, schemaOf(value)]);
  return { type: 'object', properties: Object.fromEntries(properties) };
}

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
  metadata: { version: 1 },
  recordedAt: '2022-10-05T12:00:01.000Z',
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
    errors: {
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

/** OpenAPI 3.1 of the application. */
export function openApiDocument(app: INestApplication): OpenAPIObject {
  const config = new DocumentBuilder()
    .setOpenAPIVersion('3.1.0')
    .setTitle('promoledger')
    .setDescription('An event-sourced, bitemporal ledger for advertising promotional credits.')
    .setVersion('1')
    .build();
  const document = SwaggerModule.createDocument(app, config, {
    extraModels: [...COMMANDS.values()] as NewableFunction[],
    operationIdFactory: (_controller, method) => method,
  });
  const schemas = (document.components ??= {}).schemas as Record<string, Schema>;
  for (const schema of Object.values(schemas)) schema['additionalProperties'] = false;
  Object.assign(schemas, { Command: commandSchema(), Problem: PROBLEM_SCHEMA });
  return document;
}
