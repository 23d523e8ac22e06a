import { byCodeUnit } from '../../kernel/identifiers.js';
import type { Money } from '../../kernel/money.js';
import { pointer } from '../../kernel/refusal.js';

/**
 * What the language of terms is made of. A reader says at once how a part of a document is checked and normalised and how
 * the JSON Schema describes it, so that the two cannot drift apart.
 */
export interface Reader<T> {
  /**
   * The value in its one canonical form, or undefined after reporting what is wrong with it. Once anything was reported
   * the value is a `Draft`: it lacks what could not be read.
   */
  readonly read: (value: unknown, path: string, reading: Reading) => T | undefined;
  readonly schema: JsonSchema;
}

export interface Reading {
  readonly fault: (path: string, message: string) => undefined;
  /** Lists whose order says nothing. They are sorted in the end: until then faults are told by their places. */
  readonly sets: string[][];
}

export interface JsonSchema {
  readonly [keyword: string]: unknown;
}

/** What could be read of a `T`. A list keeps the places of what could not; an amount is read whole or not at all. */
export type Draft<T> = T extends Money
  ? T
  : T extends readonly (infer E)[]
    ? readonly (Draft<E> | undefined)[]
    : T extends object
      ? { readonly [K in keyof T]?: Draft<T[K]> }
      : T;

interface Optional<T> {
  readonly optional: Reader<T>;
}
type Fields = Readonly<Record<string, Reader<unknown> | Optional<unknown>>>;
type Read<F> = F extends Optional<infer T> ? T : F extends Reader<infer T> ? T : never;
type ObjectOf<F extends Fields> = {
  readonly [K in keyof F as F[K] extends Optional<unknown> ? never : K]: Read<F[K]>;
} & { readonly [K in keyof F as F[K] extends Optional<unknown> ? K : never]?: Read<F[K]> };

/** A field, what it means, and an example of it. */
export const field = <T>(reader: Reader<T>, description: string, example: unknown): Reader<T> => ({
  read: reader.read,
  schema: { ...reader.schema, description, examples: [example] },
});

/** A field that may be left out; `fallback` is what that comes to, where that is a value of it. */
export const optional = <T>(
  reader: Reader<T>,
  description: string,
  example: unknown,
  fallback?: unknown,
): Optional<T> => {
  const { read, schema } = field(reader, description, example);
  return { optional: { read, schema: fallback === undefined ? schema : { ...schema, default: fallback } } };
};

/** A part of the schema that has a name, under `$defs`. */
export const named = <T>(name: string, { read }: Reader<T>): Reader<T> => ({
  read,
  schema: { $ref: `#/$defs/${name}` },
});

export const isObject = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** Exactly these fields; `check` is for what only several of them together can have wrong. */
export function object<F extends Fields>(
  fields: F,
  check?: (draft: Draft<ObjectOf<F>>, path: string, fault: Reading['fault']) => void,
): Reader<ObjectOf<F>> {
  const entries = Object.entries(fields).map(([name, given]) =>
    'optional' in given ? { name, ...given.optional, mustBe: false } : { name, ...given, mustBe: true },
  );
  return {
    read(value, path, reading) {
      if (!isObject(value)) return reading.fault(path, 'must be an object');
      for (const name of Object.keys(value)) {
        if (!Object.hasOwn(fields, name)) reading.fault(path + pointer(name), 'is not a field of the terms');
      }
      const result: Record<string, unknown> = {};
      for (const { name, read, mustBe } of entries) {
        const given = Object.hasOwn(value, name) ? value[name] : undefined;
        if (given === undefined && mustBe) reading.fault(`${path}/${name}`, 'is missing');
        const known = given === undefined ? undefined : read(given, `${path}/${name}`, reading);
        if (known !== undefined) result[name] = known;
      }
      check?.(result as Draft<ObjectOf<F>>, path, reading.fault);
      return result as ObjectOf<F>;
    },
    schema: {
      type: 'object',
      properties: Object.fromEntries(entries.map(({ name, schema }) => [name, schema])),
      required: entries.filter(({ mustBe }) => mustBe).map(({ name }) => name),
      additionalProperties: false,
    },
  };
}

/** An object that is one of several kinds; which one, the field says that only this kind has; with none, `otherwise`. */
export function either<const K extends Readonly<Record<string, Reader<unknown>>>, O = never>(
  kinds: K,
  otherwise?: Reader<O>,
): Reader<Read<K[keyof K]> | O> {
  const names = Object.keys(kinds);
  const fields = new Set(names.flatMap((name) => Object.keys(kinds[name]!.schema['properties'] ?? {})));
  return {
    read(value, path, reading) {
      if (!isObject(value)) return reading.fault(path, 'must be an object');
      const present = names.filter((name) => Object.hasOwn(value, name));
      if (present.length === 1) return kinds[present[0]!]!.read(value, path, reading) as Read<K[keyof K]>;
      if (present.length === 0 && otherwise) return otherwise.read(value, path, reading);
      for (const name of Object.keys(value)) {
        if (!fields.has(name)) reading.fault(path + pointer(name), 'is not a field of the terms');
      }
      return present.length > 1
        ? reading.fault(path, `must have only one of ${listed(present)}`)
        : reading.fault(path, `must have one of ${listed(names)}`);
    },
    schema: { oneOf: [...Object.values<Reader<unknown>>(kinds), otherwise].flatMap((kind) => kind?.schema ?? []) },
  };
}

const listed = (names: readonly string[]): string => names.map((name) => `"${name}"`).join(', ');

/** An object that is one of several kinds; which one, a field of all of them says. */
export function tagged<const K extends Readonly<Record<string, Reader<unknown>>>>(
  tag: string,
  kinds: K,
): Reader<Read<K[keyof K]>> {
  const tags = oneOf(...Object.keys(kinds));
  return {
    read(value, path, reading) {
      if (!isObject(value)) return reading.fault(path, 'must be an object');
      if (!Object.hasOwn(value, tag)) return reading.fault(`${path}/${tag}`, 'is missing');
      const kind = tags.read(value[tag], `${path}/${tag}`, reading);
      return kind === undefined ? undefined : (kinds[kind]!.read(value, path, reading) as Read<K[keyof K]>);
    },
    schema: { oneOf: [...new Set(Object.values(kinds))].map(({ schema }) => schema) },
  };
}

/** A text of one form, or an object. */
export const textOr = <A, B>(ifText: Reader<A>, ifObject: Reader<B>, what: string): Reader<A | B> => ({
  read(value, path, reading) {
    if (typeof value === 'string') return ifText.read(value, path, reading);
    return isObject(value) ? ifObject.read(value, path, reading) : reading.fault(path, `must be ${what}`);
  },
  schema: { oneOf: [ifText.schema, ...((ifObject.schema['oneOf'] as JsonSchema[] | undefined) ?? [ifObject.schema])] },
});

export const text = (pattern: RegExp, what: string, normalize = (value: string) => value): Reader<string> => ({
  read: (value, path, { fault }) =>
    typeof value === 'string' && value.isWellFormed() && pattern.test(value)
      ? normalize(value)
      : fault(path, `must be ${what}`),
  schema: { type: 'string', pattern: pattern.source },
});

export const oneOf = <const T extends string | number>(...allowed: readonly T[]): Reader<T> => ({
  read: (value, path, { fault }) =>
    allowed.find((candidate) => candidate === value) ??
    fault(path, `must be ${allowed.map((a) => JSON.stringify(a)).join(' or ')}`),
  schema: allowed.length === 1 ? { const: allowed[0] } : { enum: allowed },
});

export const flag: Reader<boolean> = {
  read: (value, path, { fault }) => (typeof value === 'boolean' ? value : fault(path, 'must be true or false')),
  schema: { type: 'boolean' },
};

export const count = (most: number): Reader<number> => ({
  read: (value, path, { fault }) =>
    typeof value === 'number' && Number.isInteger(value) && value >= 1 && value <= most
      ? value
      : fault(path, `must be a whole number from 1 to ${most}`),
  schema: { type: 'integer', minimum: 1, maximum: most },
});

export const list = <T>(reader: Reader<T>, most = 1000): Reader<readonly T[]> => ({
  read(value, path, reading) {
    if (!Array.isArray(value) || value.length === 0 || value.length > most) {
      return reading.fault(path, `must be a list of 1 to ${most}`);
    }
    const items = value.map((item, index) => reader.read(item, `${path}/${index}`, reading));
    const seen = new Set<string>();
    items.forEach((item, index) => {
      const key = JSON.stringify(item);
      if (item !== undefined && seen.has(key)) reading.fault(`${path}/${index}`, 'is listed twice');
      seen.add(key);
    });
    return items as readonly T[];
  },
  schema: { type: 'array', items: reader.schema, minItems: 1, maxItems: most, uniqueItems: true },
});

/** A list whose order says nothing: canonical is the order by code unit. */
export const set = <T extends string>(reader: Reader<T>, most = 1000): Reader<readonly T[]> => {
  const { read, schema } = list(reader, most);
  return {
    read(value, path, reading) {
      const items = read(value, path, reading);
      if (items) reading.sets.push(items as unknown as string[]);
      return items;
    },
    schema,
  };
};

/** Values by names of one form, in the order of the names. */
export const record = <T>(name: Reader<string>, reader: Reader<T>): Reader<Readonly<Record<string, T>>> => ({
  read(value, path, reading) {
    if (!isObject(value) || Object.keys(value).length === 0) {
      return reading.fault(path, 'must be an object with at least one field');
    }
    const entries = Object.keys(value).map((key): [string, T] | undefined => {
      const at = path + pointer(key);
      const known = name.read(key, at, reading);
      const item = known === undefined ? undefined : reader.read(value[key], at, reading);
      return known === undefined || item === undefined ? undefined : [known, item];
    });
    return Object.fromEntries(entries.filter((entry) => !!entry).sort(([a], [b]) => byCodeUnit(a, b)));
  },
  schema: { type: 'object', propertyNames: name.schema, additionalProperties: reader.schema, minProperties: 1 },
});
