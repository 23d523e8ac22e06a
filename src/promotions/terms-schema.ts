import { CONDITION_DEFINITIONS } from './domain/terms-conditions.js';
import type { JsonSchema } from './domain/terms-readers.js';
import { termsV1 } from './domain/terms-v1.js';
import { termsV2 } from './domain/terms-v2.js';
import { moneyObject } from './domain/terms-values.js';

const described = (schema: JsonSchema, description: string): JsonSchema => ({ description, ...schema });

/**
 * The language of terms as a JSON Schema: the shape of its documents. What only several fields together can have wrong
 * (ids, references, currencies, dates) is said by the descriptions, and found when a document is sent.
 */
export const TERMS_SCHEMA: JsonSchema = {
  $schema: 'https://json-schema.org/draft/2020-12/schema',
  $id: 'urn:promoledger:promotion-terms',
  title: 'Promotion terms',
  description:
    'A promotion as a document, in version 1 or 2 of the language. It is told field by field in docs/promotion-terms.md.',
  type: 'object',
  properties: { version: { enum: [1, 2], description: 'The version of the language.', examples: [2] } },
  required: ['version'],
  if: { properties: { version: { const: 1 } } },
  then: { $ref: '#/$defs/version1' },
  else: { $ref: '#/$defs/version2' },
  $defs: {
    version1: described(termsV1.schema, 'One kind of promotion: weekly changes over an API, by invitation.'),
    version2: described(termsV2.schema, 'Parts that combine.'),
    condition: described(
      CONDITION_DEFINITIONS.condition,
      'A tree of `all` and `any` over conditions; those on campaigns stand in a `campaign`. At most 16 deep, 100 in all.',
    ),
    window: described(
      CONDITION_DEFINITIONS.window,
      'From an instant on, for so long or until another instant; with neither, for ever.',
    ),
    anchor: described(
      CONDITION_DEFINITIONS.anchor,
      'An instant: a local date and time, a name, or when a condition was met.',
    ),
    edge: described(
      CONDITION_DEFINITIONS.edge,
      'Where a window begins or ends: an instant, or so many days after one.',
    ),
    money: described(moneyObject.schema, 'An amount of a currency.'),
  },
};
