import { describe, expect, it } from '@jest/globals';
import { Ajv2020 } from 'ajv/dist/2020.js';
import fc from 'fast-check';
import { parseTerms } from '../../src/promotions/domain/parse-terms.js';
import { TERMS_SCHEMA } from '../../src/promotions/terms-schema.js';
import { changed, copyOf, exampleOf, EXAMPLES, type Json, WHOLE } from './terms-examples.js';
import { AJV_OPTIONS, FIELDS } from './terms-fields.js';
import { FAULTS_OF_SENSE, FAULTS_OF_SHAPE } from './terms-faults.js';

const fits = new Ajv2020(AJV_OPTIONS).compile<unknown>(TERMS_SCHEMA);

const isRead = (document: unknown): boolean => 'terms' in parseTerms(document);
const DOCUMENTS: readonly (readonly [string, Json])[] = [...EXAMPLES, ['a bit of everything', WHOLE]];

describe('the schema', () => {
  it.each(DOCUMENTS)('allows %s, as the reader does', (_, document) => {
    expect(fits(document) ? [] : fits.errors).toEqual([]);
    expect(isRead(document)).toBe(true);
  });

  it.each(DOCUMENTS)('allows %s as it is stored', (_, document) => {
    const result = parseTerms(document);
    expect('terms' in result && fits(result.terms)).toBe(true);
  });

  it.each(FAULTS_OF_SHAPE)('refuses $what, as the reader does', ({ changes }) => {
    expect(fits(changed(WHOLE, ...changes))).toBe(false);
  });

  it('leaves to the reader what takes more than a look at the shape', () => {
    const refused = FAULTS_OF_SENSE.filter(({ changes }) => !fits(changed(WHOLE, ...changes)));
    // A tier that says the same as another is both.
    expect(refused.map(({ what }) => what)).toEqual(['tiers that do not rise']);
  });

  it('says of every field what it means, with an example that it allows', () => {
    const wrong = FIELDS.flatMap(({ path, schema, allows }) => {
      const [example] = (schema['examples'] as unknown[] | undefined) ?? [];
      if (typeof schema['description'] !== 'string' || example === undefined) return [`${path} is not described`];
      return allows(example) ? [] : [`${path} does not allow its example`];
    });
    expect(wrong).toEqual([]);
  });

  it('refuses nothing that the reader accepts, whatever stands in one place', () => {
    let refused = 0;
    const disagreements = [exampleOf('amazon-ads-api-click-credit-2022'), WHOLE].flatMap((document) =>
      placesIn(document).flatMap((names) =>
        [undefined, ...ODD].flatMap((value) => {
          const pointer = `/${names.join('/')}`;
          const odd = changed(document, [pointer, value]);
          if (fits(odd)) return [];
          refused += 1;
          return isRead(odd) ? [`${pointer} ${JSON.stringify(value)}`] : [];
        }),
      ),
    );
    expect(disagreements).toEqual([]);
    expect(refused).toBeGreaterThan(1000);
  });

  it('refuses nothing that the reader accepts, when parts of documents have changed places', () => {
    let refused = 0;
    fc.assert(
      fc.property(mutant, (document) => {
        if (fits(document)) return;
        refused += 1;
        expect(isRead(document)).toBe(false);
      }),
      { numRuns: 300 },
    );
    expect(refused).toBeGreaterThan(100);
  });
});

/** Values of every type, and of the kinds that documents have. */
const ODD: readonly unknown[] = [null, 0, 1.5, 1e10, '', 'x', 'P0D', '2022-12-01', [], {}];

/** Values that are right somewhere in a document. */
const BORROWED: readonly unknown[] = DOCUMENTS.flatMap(([, document]) => valuesIn(document));

function valuesIn(value: unknown): unknown[] {
  return typeof value === 'object' && value !== null ? [value, ...Object.values(value).flatMap(valuesIn)] : [value];
}

const NAMES = [...new Set(BORROWED.flatMap((value) => (isPlain(value) ? Object.keys(value) : [])))];

function isPlain(value: unknown): value is Json {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

type Mutation = (node: Json, name: string) => void;

const wild = fc.oneof(
  fc.constantFrom(...BORROWED),
  fc.constantFrom<unknown>(null, true, 0, -1, 1.5, 1001, '', ' ', [], {}, 'P0D', 'P1W', 'P9999D', '2022-02-30', '0.00'),
  fc.jsonValue({ maxDepth: 1 }),
);

const mutation: fc.Arbitrary<Mutation> = fc.oneof(
  wild.map(
    (value): Mutation =>
      (node, name) =>
        void (node[name] = copyOf(value)),
  ),
  fc.constant<Mutation>((node, name) => {
    if (Array.isArray(node)) node.splice(Number(name), 1);
    else delete node[name];
  }),
  fc.tuple(fc.constantFrom(...NAMES), wild).map(([field, value]): Mutation => (node, name) => {
    const inner = node[name];
    if (isPlain(inner)) inner[field] = copyOf(value);
  }),
  fc.constant<Mutation>((node, name) => {
    const inner = node[name];
    if (Array.isArray(inner) && inner.length > 0) inner.push(copyOf<unknown>(inner[0]));
  }),
);

/** A document with one to three changes, each somewhere in it. */
const mutant = fc
  .tuple(
    fc.constantFrom(...DOCUMENTS.map(([, document]) => document)),
    fc.array(fc.tuple(fc.nat(), mutation), { minLength: 1, maxLength: 3 }),
  )
  .map(([document, mutations]) => {
    const copy = copyOf(document);
    for (const [where, mutate] of mutations) {
      const places = placesIn(copy);
      const names = [...(places[where % places.length] ?? [])];
      const last = names.pop();
      const parent = names.reduce<Json>((node, name) => node[name] as Json, copy);
      if (last !== undefined) mutate(parent, last);
    }
    return copy;
  });

/** The names that lead to everything in a value. */
function placesIn(value: unknown, above: readonly string[] = []): (readonly string[])[] {
  if (typeof value !== 'object' || value === null) return [];
  return Object.entries(value).flatMap(([name, inner]) => [[...above, name], ...placesIn(inner, [...above, name])]);
}
