import type { OpenAPIObject } from '@nestjs/swagger';
import { problemOf, PROBLEMS, type ProblemCode } from './problem.js';

/**
 * What the decorators of the controllers leave open in the document: readable names of operations, an example of
 * everything that is sent and answered, and what holds for all operations alike.
 */
type Json = Readonly<Record<string, unknown>>;
interface Content {
  [mediaType: string]: { schema?: Json; example?: unknown; examples?: Record<string, { value: unknown }> };
}
interface Operation {
  operationId: string;
  parameters?: { name: string; schema?: { example?: unknown }; example?: unknown }[];
  requestBody?: { required?: boolean; content: Content };
  responses: Record<string, { description: string; headers?: object; content?: Content }>;
  security?: unknown;
}

/** Names that do not change: programs generated from the document call operations by them. */
const OPERATION_IDS: Readonly<Record<string, string>> = {
  'CommandsController.commands': 'recordCommands',
  'CommandsController.import': 'importCommands',
  'AccountsController.accounts': 'listAccounts',
  'AccountsController.balance': 'getBalance',
  'AccountsController.statement': 'getStatement',
  'AccountsController.click': 'getClick',
  'AccountsController.qualification': 'getQualification',
  'AccountsController.expire': 'performExpiryRun',
  'PromotionsController.promotions': 'listPromotions',
  'PromotionsController.preview': 'previewPromotion',
  'PromotionsController.promotion': 'getPromotion',
  'PromotionsController.runs': 'listDisbursements',
  'PromotionsController.perform': 'performDisbursement',
  'SchemasController.promotionTerms': 'getTermsSchema',
  'FxController.convert': 'convertAmount',
  'EventsController.events': 'listEvents',
  'EventsController.live': 'followEvents',
  'NoticesController.notices': 'listNotices',
  'NoticesController.live': 'followNotices',
  'WebhooksController.endpoints': 'listWebhooks',
  'WebhooksController.deadLetters': 'listDeadLetters',
  'WebhooksController.resend': 'resendDeadLetter',
  'WebhooksController.resendAll': 'resendDeadLetters',
  'WebhooksController.discard': 'discardDeadLetter',
  'WebhooksController.discardAll': 'discardDeadLetters',
  'BooksController.journal': 'listTransactions',
  'BooksController.trialBalance': 'getTrialBalance',
  'BooksController.liability': 'getLiability',
  'ExportsController.log': 'exportLog',
  'ExportsController.export': 'exportJournal',
  'PeriodsController.closedPeriods': 'listPeriods',
  'PeriodsController.close': 'closePeriod',
  'PeriodsController.view': 'getPeriod',
  'PeriodsController.late': 'listLateFacts',
  'ProofsController.status': 'getAuditStatus',
  'ProofsController.verifierKey': 'getVerifierKey',
  'ProofsController.signedCheckpoints': 'listCheckpoints',
  'ProofsController.sign': 'signCheckpoint',
  'ProofsController.latest': 'getLatestCheckpoint',
  'ProofsController.inclusion': 'proveInclusion',
  'ProofsController.consistency': 'proveConsistency',
  'ReportsController.changedAccounts': 'listChangedAccounts',
  'ReportsController.account': 'listAccountChanges',
  'ReportsController.gap': 'getGapReport',
  'BackupsController.make': 'makeBackup',
  'ReadModelsController.state': 'getReadModels',
  'ReadModelsController.rebuild': 'rebuildReadModels',
  'BackupsController.list': 'listBackups',
  'HealthController.alive': 'getLiveness',
  'HealthController.ready': 'getReadiness',
};

export const operationIdOf = (controller: string, method: string): string =>
  OPERATION_IDS[`${controller}.${method}`] ?? method;

/** Of parameters that no DTO describes. */
const PARAMETER_EXAMPLES: Json = {
  advertiserId: 'advertiser-1',
  marketplace: 'DE',
  clickId: 'click-1',
  promotionId: 'amazon-ads-api-click-credit-2022',
  date: '2022-10-04',
  cursor: 'WyIyMDIyLTEwLTEwVDAwOjAwOjAwLjAwMFoiLCI0MiJd',
  'Last-Event-ID': '42',
  id: '7',
  endpoint: 'crm',
  period: '2022-10',
  format: 'hledger',
};

const FAULTS = [{ path: '/data/cost/amount', message: 'must be greater than zero' }];

/** Of a refusal with a code. */
export function problemExample(code: ProblemCode): { value: unknown } {
  const errors = code === 'invalid-command' ? FAULTS : undefined;
  return { value: problemOf(code, `${PROBLEMS[code][1]}.`, errors) };
}

const RATE_LIMITED = {
  description: '`rate-limited`: the operations of an hour are used up.',
  headers: {
    'Retry-After': {
      description: 'After so many seconds there are enough.',
      schema: { type: 'integer' },
      example: 1800,
    },
    'RateLimit-Policy': { schema: { type: 'string' }, example: '"facts:write";q=100000;w=3600' },
    RateLimit: { schema: { type: 'string' }, example: '"facts:write";r=0;t=1800' },
  },
  content: {
    'application/problem+json': {
      schema: { $ref: '#/components/schemas/Problem' },
      examples: { 'rate-limited': problemExample('rate-limited') },
    },
  },
};

/** `commands` are the types of commands, each with the name of its data's schema; `result` is what one is answered with. */
export function completed(document: OpenAPIObject, commands: Commands, result: Json): OpenAPIObject {
  const schemas = (document.components?.schemas ?? {}) as Schemas;
  for (const path of Object.values(document.paths)) {
    for (const operation of Object.values(path) as Operation[]) {
      if (operation.operationId === 'recordCommands') completeCommands(operation, commands, schemas, result);
      if (operation.operationId === 'importCommands') completeImport(operation, commands, schemas);
      complete(operation, schemas);
    }
  }
  return document;
}

function complete(operation: Operation, schemas: Schemas): void {
  for (const parameter of operation.parameters ?? []) {
    const example = parameter.schema?.example ?? PARAMETER_EXAMPLES[parameter.name];
    if (example !== undefined) parameter.example = example;
  }
  for (const content of Object.values(operation.requestBody?.content ?? {})) {
    if (content.example !== undefined || content.examples) continue;
    content.examples = { default: { value: exampleOf(content.schema ?? {}, schemas) } };
  }
  if (operation.security) operation.responses['429'] = RATE_LIMITED;
}

const RESULT = { $ref: '#/components/schemas/CommandResult' };

type Commands = readonly (readonly [type: string, schema: string])[];
type Schemas = Readonly<Record<string, Json>>;

const commandExamples = (commands: Commands, schemas: Schemas) =>
  commands.map(([type, schema]) => ({ type, data: exampleOf(schemas[schema]!, schemas) }));

/** One command or several, and their results: what the form of one example cannot say. */
function completeCommands(operation: Operation, commands: Commands, schemas: Schemas, result: Json): void {
  const examples = commandExamples(commands, schemas);
  operation.requestBody!.content['application/json']!.examples = {
    ...Object.fromEntries(examples.map((command) => [command.type, { value: command }])),
    several: { value: examples.slice(0, 2) },
  };
  const results = { type: 'object', required: ['results'], properties: { results: { type: 'array', items: RESULT } } };
  operation.responses['200']!.content = {
    'application/json': {
      schema: { oneOf: [RESULT, results] },
      examples: {
        duplicate: { value: { ...result, status: 'duplicate' } },
        several: { value: { results: [{ index: 0, ...result }] } },
      },
    },
  };
  operation.responses['201']!.content = { 'application/json': { schema: RESULT, example: result } };
}

function completeImport(operation: Operation, commands: Commands, schemas: Schemas): void {
  const lines = commandExamples(commands, schemas).slice(0, 2);
  operation.requestBody!.content['application/x-ndjson']!.example = lines
    .map((line) => `${JSON.stringify(line)}\n`)
    .join('');
  // Lines, which are no one JSON value.
  const [answered] = Object.values(operation.responses['200']!.content!);
  answered!.schema = { type: 'string' };
  answered!.example = `${JSON.stringify(answered!.example)}\n`;
}

/** A value of the schema, made of the examples of its fields. */
export function exampleOf(schema: Json, schemas: Schemas): unknown {
  if ('example' in schema) return schema['example'];
  if ('const' in schema) return schema['const'];
  if (typeof schema['$ref'] === 'string') return exampleOf(schemas[schema['$ref'].split('/').at(-1)!] ?? {}, schemas);
  const properties = Object.entries((schema['properties'] ?? {}) as Record<string, Json>);
  return Object.fromEntries(properties.map(([name, field]) => [name, exampleOf(field, schemas)]));
}
