import type { Instant } from '../../kernel/instant.js';
import { CurrencyCode, InstantField, Name, RateField, rule } from '../../http/fields.js';

/** What clients send of exchange rates: the `data` of their command. */
export class FxRateRecorded {
  @CurrencyCode({ description: 'The currency of which one unit is priced.' }) base!: string;
  @CurrencyCode({ description: 'The currency of the price.', example: 'USD' })
  @rule('pair', 'must be another currency than base', (quote, { base }) => quote !== base)
  quote!: string;
  @RateField() rate!: string;
  @Name('Who says so.', 'ECB') source!: string;
  @InstantField('From when on the rate holds.') effectiveAt!: Instant;
}
