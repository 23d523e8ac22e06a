import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import { type AnySchemaObject, Ajv2020 } from 'ajv/dist/2020.js';
import { appOf, Fakes } from './fakes.js';

interface Media {
  readonly schema?: AnySchemaObject;
  readonly example?: unknown;
  readonly examples?: Readonly<Record<string, { readonly value: unknown }>>;
}
interface Parameter {
  readonly name: string;
  readonly in: string;
  readonly required?: boolean;
  readonly schema?: AnySchemaObject;
  readonly example?: unknown;
}
interface Operation {
  readonly operationId: string;
  readonly summary?: string;
  readonly security?: unknown;
  readonly parameters?: readonly Parameter[];
  readonly requestBody?: { readonly content: Readonly<Record<string, Media>> };
  readonly responses: Readonly<
    Record<string, { readonly description: string; readonly content?: Record<string, Media> }>
  >;
}
interface Document {
  readonly openapi: string;
  readonly paths: Readonly<Record<string, Readonly<Record<string, Operation>>>>;
  readonly components: { readonly schemas: Readonly<Record<string, AnySchemaObject>> };
}

let app: NestFastifyApplication;
let document: Document;
let operations: (Operation & { at: string })[];
beforeAll(async () => {
  app = await appOf(new Fakes());
  document = (await app.inject('/openapi.json')).json();
  operations = Object.entries(document.paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, operation]) => ({ at: `${method.toUpperCase()} ${path}`, ...operation })),
  );
});
afterAll(() => app.close());

const examplesOf = ({ example, examples }: Media): unknown[] => [
  ...(example === undefined ? [] : [example]),
  ...Object.values(examples ?? {}).map(({ value }) => value),
];

/** Every place that should have examples, with its schema and those it has. */
const places = (): { at: string; schema: AnySchemaObject; examples: unknown[] }[] =>
  operations.flatMap(({ at, parameters = [], requestBody, responses }) => {
    const media = (where: string, content: Readonly<Record<string, Media>> = {}) =>
      Object.entries(content).map(([type, each]) => ({
        at: `${at} ${where} ${type}`,
        schema: each.schema ?? {},
        examples: examplesOf(each),
      }));
    return [
      ...parameters.map(({ name, schema = {}, example }) => ({
        at: `${at} parameter ${name}`,
        schema,
        examples: example === undefined ? [] : [example],
      })),
      ...media('body', requestBody?.content),
      ...Object.entries(responses).flatMap(([status, { content }]) => media(status, content)),
    ];
  });

describe('the OpenAPI document', () => {
  it('names every operation, once', () => {
    const ids = operations.map(({ operationId }) => operationId);
    expect(document.openapi).toBe('3.1.0');
    expect(ids.filter((id) => !/^[a-z]+[A-Z][A-Za-z]+$/.test(id))).toEqual([]);
    expect(new Set(ids).size).toBe(ids.length);
    expect(operations.filter(({ summary }) => !summary).map(({ at }) => at)).toEqual([]);
  });

  it('has the names that programs know operations by', () => {
    const known = [
      'recordCommands',
      'importCommands',
      'listAccounts',
      'getBalance',
      'getStatement',
      'getClick',
      'getQualification',
      'performExpiryRun',
      'listPromotions',
      'previewPromotion',
      'getPromotion',
      'listDisbursements',
      'performDisbursement',
      'getTermsSchema',
      'convertAmount',
      'listEvents',
      'followEvents',
      'listTransactions',
      'getTrialBalance',
      'getLiability',
      'exportLog',
      'exportJournal',
      'listPeriods',
      'closePeriod',
      'getPeriod',
      'listLateFacts',
      'getAuditStatus',
      'getVerifierKey',
      'listCheckpoints',
      'signCheckpoint',
      'getLatestCheckpoint',
      'proveInclusion',
      'proveConsistency',
      'listChangedAccounts',
      'listAccountChanges',
      'getGapReport',
      'getLiveness',
      'getReadiness',
    ];
    expect(operations.map(({ operationId }) => operationId)).toEqual(expect.arrayContaining(known));
  });

  it('has an example of every parameter, body, answer and error', () => {
    expect(
      places()
        .filter(({ examples }) => examples.length === 0)
        .map(({ at }) => at),
    ).toEqual([]);
  });

  it('has examples that its own schemas take', () => {
    const ajv = new Ajv2020({ strict: false, allErrors: true, validateFormats: false });
    const located = (value: unknown): unknown =>
      JSON.parse(JSON.stringify(value).replaceAll('"#/components/schemas/', '"#/$defs/'));
    const $defs = located(document.components.schemas);
    const faults = places().flatMap(({ at, schema, examples }) => {
      const validate = ajv.compile({ ...(located(schema) as AnySchemaObject), $defs });
      return examples.flatMap((example) => (validate(example) ? [] : [`${at}: ${ajv.errorsText(validate.errors)}`]));
    });
    expect(faults).toEqual([]);
  });

  it('tells of limits wherever a caller has to say who it is', () => {
    const guarded = operations.filter(({ security }) => security);
    expect(guarded.length).toBeGreaterThan(10);
    for (const { responses } of guarded)
      expect(Object.keys(responses)).toEqual(expect.arrayContaining(['401', '403', '429']));
  });
});
