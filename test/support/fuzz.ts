import fc from 'fast-check';

/** Requests generated from a served OpenAPI document: right ones, nearly right ones and hostile ones. */
export interface FuzzRequest {
  readonly operationId: string;
  readonly method: string;
  /** Path and query as they go over the wire. */
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Buffer | undefined;
}

export interface Schema {
  readonly $ref?: string;
  readonly type?: string | readonly string[];
  readonly const?: unknown;
  readonly enum?: readonly unknown[];
  readonly pattern?: string;
  readonly format?: string;
  readonly minimum?: number;
  readonly maximum?: number;
  readonly minItems?: number;
  readonly maxLength?: number;
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly required?: readonly string[];
  readonly items?: Schema;
  readonly oneOf?: readonly Schema[];
  readonly allOf?: readonly Schema[];
  readonly example?: unknown;
}

interface Parameter {
  readonly name: string;
  readonly in: 'path' | 'query' | 'header';
  readonly schema?: Schema;
  readonly example?: unknown;
}

export interface Operation {
  readonly operationId: string;
  readonly parameters?: readonly Parameter[];
  readonly requestBody?: { readonly content: Readonly<Record<string, { readonly schema: Schema }>> };
}

export interface ApiDocument {
  readonly paths: Readonly<Record<string, Readonly<Record<string, Operation>>>>;
  readonly components: { readonly schemas: Readonly<Record<string, Schema>> };
}

const POLLUTED = '{"__proto__":{"polluted":true},"constructor":{"prototype":{"polluted":true}}}';

/** What no field expects. */
const HOSTILE = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.constantFrom<unknown>(null, '', ' ', 0, -0, -1, 1.5, 1e308, 2 ** 53, true, false, [], {}),
  },
  {
    weight: 6,
    arbitrary: fc.constantFrom<unknown>(
      ...["' OR 1=1 --", '"; DROP TABLE events; --', '../../etc/passwd', '%00', '\0', 'a\r\nx-injected: yes', '\u202e'],
      ...[
        '\ud800',
        '__proto__',
        'constructor',
        'toString',
        '${7*7}',
        '<script>',
        '2022-02-30T00:00:00Z',
        '9'.repeat(400),
      ],
      ...[
        '-0001-01-01T00:00:00Z',
        '2022-10-04T07:00:00+99:99',
        '1e5',
        '0x10',
        'NaN',
        'null',
        'position:99999999999999999999',
      ],
      JSON.parse(POLLUTED),
      { $gt: '' },
      [['a']],
    ),
  },
  { weight: 2, arbitrary: fc.string({ unit: 'binary', maxLength: 40 }) },
  { weight: 2, arbitrary: fc.jsonValue({ maxDepth: 3 }) },
  { weight: 1, arbitrary: fc.integer({ min: 200, max: 20_000 }).map((length) => 'A'.repeat(length)) },
  { weight: 1, arbitrary: fc.integer({ min: 2, max: 150 }).map(nested) },
);

function nested(depth: number): unknown {
  let value: unknown = 1;
  for (let level = 0; level < depth; level += 1) value = level % 2 === 0 ? [value] : { a: value };
  return value;
}

const INSTANT = fc
  .date({ min: new Date('2022-01-01'), max: new Date('2023-12-31'), noInvalidDate: true })
  .map((date) => date.toISOString());

/** Values that the schema takes; often those of its example, which the ledger may know. */
function valid(schema: Schema, schemas: ApiDocument['components']['schemas']): fc.Arbitrary<unknown> {
  if (schema.$ref) return valid(schemas[schema.$ref.split('/').at(-1)!]!, schemas);
  if (schema.oneOf) return fc.oneof(...schema.oneOf.map((one) => valid(one, schemas)));
  if (schema.allOf) return valid(schema.allOf[0]!, schemas);
  if ('const' in schema) return fc.constant(schema.const);
  if (schema.enum) return fc.constantFrom(...schema.enum);
  const made = ofType(schema, schemas);
  return schema.example === undefined ? made : fc.oneof({ weight: 2, arbitrary: fc.constant(schema.example) }, made);
}

function ofType(schema: Schema, schemas: ApiDocument['components']['schemas']): fc.Arbitrary<unknown> {
  switch (schema.type) {
    case 'string':
      if (schema.format === 'date-time') return INSTANT;
      if (schema.pattern) return fc.stringMatching(new RegExp(schema.pattern), { size: 'small' });
      return fc.string({ maxLength: schema.maxLength ?? 20 });
    case 'integer':
      return fc.integer({ min: schema.minimum ?? 0, max: schema.maximum ?? 1000 });
    case 'boolean':
      return fc.boolean();
    case 'array':
      return fc.array(valid(schema.items ?? {}, schemas), { minLength: schema.minItems ?? 0, maxLength: 3 });
    case 'object': {
      const fields = Object.entries(schema.properties ?? {}).map(([name, field]) => [name, valid(field, schemas)]);
      const record = Object.fromEntries(fields) as Record<string, fc.Arbitrary<unknown>>;
      return fc.record(record, { requiredKeys: [...(schema.required ?? [])] });
    }
    default:
      return HOSTILE;
  }
}

/** The value with something in it changed, left out or put in, at any depth. */
function mutated(value: unknown): fc.Arbitrary<unknown> {
  if (typeof value !== 'object' || value === null) return HOSTILE;
  const entries = Object.entries(value);
  const isList = Array.isArray(value);
  const rebuilt = (next: [string, unknown][]): unknown =>
    isList ? next.map(([, item]) => item) : Object.fromEntries(next);
  const added = fc
    .tuple(fc.constantFrom('__proto__', 'constructor', 'prototype', 'extra', 'type', ''), HOSTILE)
    .map((entry) => rebuilt([...entries, entry]));
  if (entries.length === 0) return fc.oneof(HOSTILE, added);
  const at = fc.nat(entries.length - 1);
  return fc.oneof(
    {
      weight: 4,
      arbitrary: at.chain((i) => mutated(entries[i]![1]).map((to) => rebuilt(entries.with(i, [entries[i]![0], to])))),
    },
    { weight: 1, arbitrary: at.map((i) => rebuilt(entries.toSpliced(i, 1))) },
    { weight: 1, arbitrary: added },
    { weight: 1, arbitrary: HOSTILE },
  );
}

/** The text with bytes changed, so that it may be no JSON, or one with a key twice. */
const broken = (text: string): fc.Arbitrary<Buffer> =>
  fc.oneof(
    fc.nat(text.length).map((to) => Buffer.from(text.slice(0, to))),
    fc
      .constantFrom(
        ...[text.replace('{', '{"type":"x","type":"y",'), text.replace('{', '{"__proto__":{"polluted":true},')],
        ...[
          `${text}${text}`,
          `\ufeff${text}`,
          text.replace(/"[^"]*"/, '1e999'),
          text.replaceAll('"', "'"),
          `//\n${text}`,
        ],
        text.replace(/:/, ':"\\ud800","x":'),
      )
      .map((changed) => Buffer.from(changed)),
    fc
      .tuple(fc.nat(Math.max(0, text.length - 1)), fc.uint8Array({ minLength: 1, maxLength: 4 }))
      .map(([at, bytes]) => Buffer.concat([Buffer.from(text.slice(0, at)), bytes, Buffer.from(text.slice(at))])),
  );

const SEGMENTS = [
  ...[
    '..',
    '.',
    '',
    '%2e%2e',
    '%2E%2E%2F',
    '..%2f..%2fetc%2fpasswd',
    '%00',
    'a%00b',
    '%c0%af',
    '%e0%80%af',
    '%',
    '%zz',
  ],
  ...['%ED%A0%80', '%0d%0ax-injected:%20yes', '%5c', ';', '*', ':', '~', '%25%32%65', '__proto__', 'constructor'],
  ...['%F0%9F%92%A9', "'--", 'a'.repeat(128), 'a'.repeat(129), 'a'.repeat(3000)],
];

const HEADERS: fc.Arbitrary<Readonly<Record<string, string>>> = fc.oneof(
  { weight: 4, arbitrary: fc.constant({}) },
  {
    weight: 1,
    arbitrary: fc
      .tuple(
        fc.constantFrom(
          ...['x-request-id', 'last-event-id', 'accept', 'accept-encoding', 'origin', 'cookie', 'traceparent', 'range'],
          ...['x-forwarded-for', 'x-http-method-override', 'if-none-match', 'content-encoding', 'content-type'],
        ),
        fc.constantFrom(
          ...['', '*/*', 'a%0d%0ax-injected: yes', '\u00ff\u00fe', '-1', '42', '__proto__', 'gzip, br;q=0', 'DELETE'],
          ...['00-00000000000000000000000000000000-0000000000000000-01', 'bytes=0-0', 'a'.repeat(4000), 'text/plain'],
          ...['application/json; charset=utf-16', 'application/json;;=', 'multipart/form-data', 'application/x-ndjson'],
        ),
      )
      .map(([name, value]) => ({ [name]: value })),
  },
);

const encoded = (value: unknown): string =>
  encodeURIComponent((typeof value === 'string' ? value : (JSON.stringify(value) ?? '')).toWellFormed());

/** Requests for one operation. `knownValues` are of names that the ledger has. */
export function requestsOf(
  document: ApiDocument,
  path: string,
  method: string,
  operation: Operation,
  knownValues: Readonly<Record<string, readonly string[]>>,
): fc.Arbitrary<FuzzRequest> {
  const { schemas } = document.components;
  const { operationId, parameters = [], requestBody } = operation;
  const valueOf = ({ name, schema = { type: 'string' }, example }: Parameter): fc.Arbitrary<unknown> => {
    const known = knownValues[name] ?? (typeof example === 'string' ? [example] : []);
    return known.length > 0 ? fc.oneof(fc.constantFrom(...known), valid(schema, schemas)) : valid(schema, schemas);
  };
  const segments = parameters
    .filter((parameter) => parameter.in === 'path')
    .map((parameter) =>
      fc
        .oneof(
          { weight: 3, arbitrary: valueOf(parameter).map(encoded) },
          { weight: 1, arbitrary: fc.constantFrom(...SEGMENTS) },
          { weight: 1, arbitrary: HOSTILE.map(encoded) },
        )
        .map((segment) => [parameter.name, segment] as const),
    );
  const query = fc.tuple(
    ...parameters
      .filter((parameter) => parameter.in === 'query')
      .map((parameter) => queryOf(parameter.name, valueOf(parameter))),
    fc.oneof(
      { weight: 8, arbitrary: fc.constant<string[]>([]) },
      {
        weight: 1,
        arbitrary: fc.constantFrom(
          ['__proto__=x'],
          ['__proto__[polluted]=1'],
          ['constructor=1'],
          ['a'],
          ['=&&=&'],
          ['%zz=%'],
        ),
      },
    ),
  );
  const [type, media] = Object.entries(requestBody?.content ?? {})[0] ?? [];
  const body = media === undefined ? fc.constant(undefined) : bodyOf(type!, media.schema, schemas);
  return fc
    .tuple(
      fc.tuple(...segments),
      query,
      body,
      HEADERS,
      fc.oneof(
        { weight: 12, arbitrary: fc.constant(method.toUpperCase()) },
        { weight: 1, arbitrary: fc.constantFrom('GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS', 'TRACE') },
      ),
      fc.constantFrom('', '', '', '', '', '', '', '/', '//', '/..', '/%2e%2e/health/live'),
    )
    .map(([filled, pairs, bytes, headers, verb, tail]) => {
      const filledPath = filled.reduce((text, [name, segment]) => text.replace(`{${name}}`, () => segment), path);
      const text = pairs.flat().join('&');
      return {
        operationId,
        method: verb,
        path: `${filledPath}${tail}${text === '' ? '' : `?${text}`}`,
        headers: { ...(type === undefined ? {} : { 'content-type': type }), ...headers },
        body: bytes,
      };
    });
}

/** A parameter: mostly absent or right, else odd, or twice, or in brackets. */
function queryOf(name: string, value: fc.Arbitrary<unknown>): fc.Arbitrary<string[]> {
  // A position above the log is waited for, and answered 503, by contract: it is asked for elsewhere.
  const hostile = name === 'minPosition' ? fc.constantFrom('-1', 'x', '', '1.5', '1e3', '\0') : HOSTILE;
  const right = name === 'minPosition' ? fc.constantFrom('0', '1', '5') : value;
  return fc.oneof<fc.MaybeWeightedArbitrary<string[]>[]>(
    { weight: 6, arbitrary: fc.constant<string[]>([]) },
    { weight: 5, arbitrary: right.map((one) => [`${name}=${encoded(one)}`]) },
    { weight: 2, arbitrary: hostile.map((one) => [`${name}=${encoded(one)}`]) },
    {
      weight: 1,
      arbitrary: fc.constantFrom<string[][]>(
        [`${name}=0`, `${name}=1`],
        [`${name}[]=1`],
        [`${name}[__proto__]=1`],
        [name],
        [`${name}=%`],
      ),
    },
  );
}

function bodyOf(type: string, schema: Schema, schemas: ApiDocument['components']['schemas']): fc.Arbitrary<Buffer> {
  if (type !== 'application/json') {
    const command = valid({ $ref: '#/components/schemas/Command' }, schemas);
    const line = command.chain((value) =>
      fc.oneof(fc.constant(value), mutated(value)).map((one) => JSON.stringify(one) ?? ''),
    );
    return fc.array(line, { maxLength: 4 }).map((lines) => Buffer.from(lines.join('\n')));
  }
  return valid(schema, schemas).chain((value) =>
    fc.oneof(
      { weight: 2, arbitrary: fc.constant(Buffer.from(JSON.stringify(value))) },
      { weight: 6, arbitrary: mutated(value).map((one) => Buffer.from(JSON.stringify(one) ?? '')) },
      { weight: 2, arbitrary: broken(JSON.stringify(value)) },
    ),
  );
}
