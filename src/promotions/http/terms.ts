import { field, isObject, PromotionId, rule } from '../../http/fields.js';

/** More than any terms need; it keeps everything that later walks the document within its stack. */
const MAX_DEPTH = 64;

/** The terms themselves are checked by the domain, which owns their language. */
export const TermsDocument = () =>
  field({
    docs: {
      type: 'object',
      additionalProperties: true,
      description: 'The promotion as a document; the language of terms is described in docs/promotion-terms.md.',
      example: { version: 1, name: 'Click credit 2022', timeZone: 'America/Los_Angeles' },
    },
    rules: [
      rule('terms', 'must be an object', isObject),
      rule('depth', `must not be nested deeper than ${MAX_DEPTH} levels`, (terms) => !isDeeperThan(MAX_DEPTH, terms)),
    ],
  });

function isDeeperThan(levels: number, value: unknown): boolean {
  if (typeof value !== 'object' || value === null) return false;
  return levels === 0 || Object.values(value).some((inner) => isDeeperThan(levels - 1, inner));
}

/** What is previewed. */
export class PreviewBody {
  @TermsDocument() terms!: object;
  @PromotionId({ optional: true }) compareWith?: string;
}
