import { Ajv2020 } from 'ajv/dist/2020.js';
import { TERMS_SCHEMA } from '../../src/promotions/terms-schema.js';
import type { Json } from './terms-examples.js';

/** A field of the language, as the schema describes it. */
export interface Field {
  readonly name: string;
  /** In the schema. */
  readonly path: string;
  readonly schema: Json;
  /** Whether a value may stand there. */
  readonly allows: (value: unknown) => boolean;
}

const found = fieldsIn(TERMS_SCHEMA);
// Kinds of conditions and awards are told apart by their fields, so types are named beside `oneOf`, not in it.
export const AJV_OPTIONS = { strict: true, strictTypes: false, strictRequired: false } as const;
const ajv = new Ajv2020(AJV_OPTIONS).addSchema({
  $id: 'fields',
  $defs: {
    ...(TERMS_SCHEMA['$defs'] as Json),
    ...Object.fromEntries(found.map(({ schema }, n) => [`field${n}`, schema])),
  },
});

/** Every field of every object of the language; those of a part with a name of its own once. */
export const FIELDS: readonly Field[] = found.map((field, n) => ({ ...field, allows: validatorOf(`field${n}`) }));
export const isCondition = validatorOf('condition');

function validatorOf(definition: string): (value: unknown) => boolean {
  return (value) => ajv.validate({ $ref: `fields#/$defs/${definition}` }, value);
}

function fieldsIn(schema: unknown, path = ''): Pick<Field, 'name' | 'path' | 'schema'>[] {
  if (typeof schema !== 'object' || schema === null) return [];
  return Object.entries(schema as Json).flatMap(([keyword, inner]) => {
    const at = `${path}/${keyword}`;
    if (keyword === 'examples' || keyword === 'if') return [];
    if (keyword !== 'properties') return fieldsIn(inner, at);
    return Object.entries(inner as Record<string, Json>).flatMap(([name, field]) => [
      { name, path: `${at}/${name}`, schema: field },
      ...fieldsIn(field, `${at}/${name}`),
    ]);
  });
}
