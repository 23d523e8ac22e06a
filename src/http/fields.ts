import { applyDecorators } from '@nestjs/common';
import { ApiProperty, type ApiPropertyOptions } from '@nestjs/swagger';
import { IsBoolean, IsIn, IsInt, Max, Min, ValidateBy, ValidateIf, ValidateNested } from 'class-validator';
import { currencyExponent, isCurrency } from '../kernel/currencies.js';
import { CREDIT_ID, DOTLESS_IDENTIFIER, IDENTIFIER, MARKETPLACE, PRODUCT } from '../kernel/identifiers.js';
import { parseInstant } from '../kernel/instant.js';
import { DECIMAL, exceedsMost, MAX_MINOR, normalizeAmount, normalizeDecimal } from '../kernel/money.js';

/**
 * The fields of what clients send. Each decorator says at once how a field is checked (class-validator), documented
 * (OpenAPI) and normalised, so that a DTO reads in one line a field and the three cannot drift apart.
 */
export interface Field {
  readonly name: string;
  /** The value in its one canonical form; called only when the whole object is valid. `owner` is the object it is in. */
  readonly normalize?: (value: never, owner: Readonly<Record<string, unknown>>) => unknown;
  /** The class of a nested object. */
  readonly nested?: DtoClass;
  /** What an absent field counts as. */
  readonly fallback?: unknown;
}

export type DtoClass<T extends object = object> = abstract new () => T;

export interface FieldOptions {
  readonly optional?: true;
  readonly description?: string;
  readonly example?: unknown;
}

interface FieldSpec extends Omit<Field, 'name'> {
  readonly docs: ApiPropertyOptions;
  /** In order; only the first that fails is reported. */
  readonly rules: readonly PropertyDecorator[];
}

/** The rule whose faults alone make a command `precision` instead of `invalid-command`. */
export const PRECISION = 'precision';

const FIELDS = new WeakMap<object, Field[]>();

const WITH_INHERITED = new WeakMap<DtoClass, readonly Field[]>();

/** The fields of a DTO in the order of its declaration, those of its base class first. Once its class is complete. */
export function fieldsOf(dto: DtoClass): readonly Field[] {
  const known = WITH_INHERITED.get(dto);
  if (known) return known;
  const base: unknown = Object.getPrototypeOf(dto);
  const inherited = typeof base === 'function' && base !== Function.prototype ? fieldsOf(base as DtoClass) : [];
  const fields = [...inherited, ...(FIELDS.get(dto.prototype as object) ?? [])];
  WITH_INHERITED.set(dto, fields);
  return fields;
}

export function field(spec: FieldSpec, options: FieldOptions = {}): PropertyDecorator {
  const { docs, rules, ...how } = spec;
  const { optional, ...told } = options;
  const register: PropertyDecorator = (prototype, name) => {
    FIELDS.set(prototype, [...(FIELDS.get(prototype) ?? []), { name: String(name), ...how }]);
  };
  // Not IsOptional, which would let null pass.
  const absent = optional ? [ValidateIf((_, value) => value !== undefined)] : [];
  return applyDecorators(
    register,
    ApiProperty({ ...docs, ...told, required: !optional } as ApiPropertyOptions),
    ...absent,
    ...rules,
  );
}

/** A rule of its own: `holds` sees the value and the object it is in. */
export const rule = (
  name: string,
  message: string,
  holds: (value: unknown, owner: Readonly<Record<string, unknown>>) => boolean,
): PropertyDecorator =>
  ValidateBy({
    name,
    validator: {
      validate: (value, args) => holds(value, (args?.object ?? {}) as Readonly<Record<string, unknown>>),
      defaultMessage: () => message,
    },
  });

const pattern = (regex: RegExp, message: string, docs: ApiPropertyOptions, options?: FieldOptions) =>
  field(
    {
      docs: { type: String, pattern: regex.source, ...docs },
      rules: [rule('pattern', message, (value) => typeof value === 'string' && regex.test(value))],
    },
    options,
  );

export const AdvertiserId = (options?: FieldOptions) =>
  pattern(
    DOTLESS_IDENTIFIER,
    'must be an identifier without a dot: 1 to 128 of A-Z a-z 0-9 _ : / -',
    { description: 'The advertiser.', example: 'advertiser-1' },
    options,
  );

export const PromotionId = (options?: FieldOptions) =>
  pattern(
    DOTLESS_IDENTIFIER,
    'must be an identifier without a dot: 1 to 128 of A-Z a-z 0-9 _ : / -',
    { description: 'The promotion.', example: 'amazon-ads-api-click-credit-2022' },
    options,
  );

/** `description` says what it identifies. */
export const Identifier = (description: string, example: string, options?: FieldOptions) =>
  pattern(IDENTIFIER, 'must be an identifier: 1 to 128 of A-Z a-z 0-9 _ : / - .', { description, example }, options);

/** A credit that exists: those that the ledger named may be longer than a client's identifiers. */
export const CreditId = (options?: FieldOptions) =>
  pattern(
    CREDIT_ID,
    'must be the identifier of a credit: 1 to 400 of A-Z a-z 0-9 _ : / - .',
    { description: 'The credit.', example: 'amazon-ads-api-click-credit-2022:advertiser-1:DE:SP' },
    options,
  );

export const MarketplaceCode = (options?: FieldOptions) =>
  pattern(
    MARKETPLACE,
    'must be a marketplace: two capital letters',
    { description: 'The marketplace.', example: 'DE' },
    options,
  );

export const ProductCode = (options?: FieldOptions) =>
  pattern(
    PRODUCT,
    'must be a product: a capital letter and up to 31 more of A-Z 0-9 _ -',
    { description: 'The ad product: SP, SB, SD, or another code that terms name.', example: 'SP' },
    options,
  );

export const CurrencyCode = (options?: FieldOptions) =>
  field(
    {
      docs: { type: String, description: 'ISO 4217.', pattern: '^[A-Z]{3}$', example: 'EUR' },
      rules: [
        rule(
          'currency',
          'must be an active ISO 4217 currency code',
          (value) => typeof value === 'string' && isCurrency(value),
        ),
      ],
    },
    options,
  );

export const InstantField = (description: string, options?: FieldOptions) =>
  field(
    {
      docs: { type: String, format: 'date-time', description, example: '2022-10-04T07:00:00Z' },
      rules: [
        rule(
          'instant',
          'must be an RFC 3339 instant with an offset, to the millisecond, such as 2022-10-04T07:00:00Z',
          (value) => typeof value === 'string' && parseInstant(value) !== undefined,
        ),
      ],
      normalize: (value: string) => parseInstant(value),
    },
    options,
  );

const isDecimal = (value: unknown): boolean => typeof value === 'string' && DECIMAL.test(value);
const isPositive = (value: unknown): boolean => typeof value === 'string' && /[1-9]/.test(value);

/** The amount of money whose currency stands in the field `currencyField` beside it. */
export const Amount = (currencyField: string) =>
  field({
    docs: {
      type: String,
      pattern: DECIMAL.source,
      description: 'A decimal, greater than 0, with at most the fraction digits of its currency.',
      example: '204.83',
    },
    rules: [
      rule('decimal', 'must be a decimal string such as "204.83"', isDecimal),
      rule('positive', 'must be greater than zero', isPositive),
      rule('magnitude', `must be at most ${MAX_MINOR} minor units`, (value, owner) => {
        const exponent = currencyExponent(textOf(owner[currencyField]));
        return exponent === undefined || !exceedsMost(value as string, exponent);
      }),
      // Last, since whatever else is wrong with an amount is answered before its precision.
      rule(PRECISION, 'has more fraction digits than its currency', (value, owner) => {
        const exponent = currencyExponent(textOf(owner[currencyField]));
        return exponent === undefined || ((value as string).split('.')[1] ?? '').length <= exponent;
      }),
    ],
    normalize: (value: string, owner) => normalizeAmount(value, String(owner[currencyField])),
  });

export class MoneyInput {
  @Amount('currency') amount!: string;
  @CurrencyCode() currency!: string;
}

export const MoneyField = (description: string) =>
  field({
    docs: { type: MoneyInput, description, example: { amount: '204.83', currency: 'EUR' } },
    rules: [rule('money', 'must be an object { amount, currency }', isObject), ValidateNested()],
    nested: MoneyInput,
  });

export const RateField = () =>
  field({
    docs: {
      type: String,
      pattern: DECIMAL.source,
      maxLength: 40,
      description: 'How many units of `quote` one unit of `base` is.',
      example: '0.9764',
    },
    rules: [
      rule(
        'rate',
        'must be a decimal string of at most 40 characters such as "0.9764"',
        (value) => isDecimal(value) && (value as string).length <= 40,
      ),
      rule('positive', 'must be greater than zero', isPositive),
      rule('magnitude', `must be at most ${MAX_MINOR}`, (value) => !exceedsMost(value as string, 0)),
    ],
    normalize: normalizeDecimal,
  });

/** Text for people: not blank, well-formed Unicode. */
export const Reason = (options?: FieldOptions) =>
  field(
    {
      docs: { type: String, minLength: 1, maxLength: 1000, description: 'Why.', example: 'Goodwill.' },
      rules: [
        rule(
          'reason',
          'must be text of 1 to 1000 characters, well-formed and not blank',
          (value) => isText(value, 1000) && value.trim() !== '',
        ),
      ],
    },
    options,
  );

/** A name that is compared: one line, no spaces around it, no control characters. */
export const Name = (description: string, example: string) =>
  field({
    docs: { type: String, minLength: 1, maxLength: 128, description, example },
    rules: [
      rule(
        'name',
        'must be a name of 1 to 128 characters on one line, without spaces around it',
        (value) => isText(value, 128) && /^[^\s\p{C}]+(?: [^\s\p{C}]+)*$/u.test(value),
      ),
    ],
  });

export const OneOf = (description: string, ...values: readonly [string, ...string[]]) =>
  field({
    docs: { type: String, enum: [...values], description, example: values[0] },
    rules: [IsIn(values, { message: `must be one of ${values.join(', ')}` })],
  });

export const Flag = (description: string) =>
  field({
    docs: { type: Boolean, description, example: true },
    rules: [IsBoolean({ message: 'must be true or false' })],
  });

export const Count = (
  description: string,
  options: FieldOptions & { readonly from?: number; readonly to?: number } = {},
) => {
  const { from = 1, to = 1_000_000, ...rest } = options;
  const message = `must be a whole number from ${from} to ${to}`;
  return field(
    {
      docs: { type: 'integer', minimum: from, maximum: to, description, example: from },
      rules: [IsInt({ message }), Min(from, { message }), Max(to, { message })],
    },
    rest,
  );
};

export function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** Of what may be anything: an object can make `String` throw. */
export const textOf = (value: unknown): string => (typeof value === 'string' ? value : '');

export const isText = (value: unknown, maxLength: number): value is string =>
  typeof value === 'string' && value.length >= 1 && value.length <= maxLength && value.isWellFormed();
