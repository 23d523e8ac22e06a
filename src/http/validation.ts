import { type ValidationError, validateSync } from 'class-validator';
import { type Fault, MOST_FAULTS, pointer } from '../kernel/refusal.js';
import { accepts } from './compiled.js';
import { type DtoClass, fieldsOf, isObject, PRECISION } from './fields.js';

/** Every fault found, or as many as are told, and how `more` there are. `precision` only when each of them is an amount with too many fraction digits. */
export interface Invalid {
  readonly faults: readonly Fault[];
  readonly more?: number;
  readonly code: 'invalid-command' | 'precision';
}

/** `value` is plain data in its one canonical form, fields in the order of the DTO, absent ones absent. */
export type Validated<T> = { readonly value: T } | Invalid;

interface Found extends Fault {
  readonly rule: string;
}

/**
 * Checks any parsed JSON value against a DTO. Unknown fields are faults. Paths are JSON pointers that begin with `at`,
 * where the value stands: a command's `data` by default.
 */
export function validateCommand<T extends object>(dto: DtoClass<T>, data: unknown, at = '/data'): Validated<T> {
  return accepts(dto, data) ? { value: normalized(dto, data as object) as T } : validateFully(dto, data, at);
}

/** The same by class-validator alone, which finds every fault and takes its time. */
export function validateFully<T extends object>(dto: DtoClass<T>, data: unknown, at: string): Validated<T> {
  if (!isObject(data)) return { faults: [{ path: at, message: 'must be an object' }], code: 'invalid-command' };
  const found: Found[] = [];
  const unknown = { told: 0, more: 0 };
  const instance = instanceOf(dto, data, at, found, unknown);
  const options = { stopAtFirstError: true, forbidUnknownValues: false, validationError: { target: false } };
  collect(validateSync(instance, options), at, found);
  if (found.length === 0) return { value: normalized(dto, instance) as T };
  return {
    faults: found.map(({ path, message }) => ({ path, message })),
    ...(unknown.more > 0 && { more: unknown.more }),
    code: found.every((fault) => fault.rule === PRECISION) ? 'precision' : 'invalid-command',
  };
}

/**
 * The DTO with the known fields of `data`. Unknown ones are found here and not by class-validator's whitelist, which
 * takes `constructor` and `__proto__` for fields it knows. There may be hundreds of thousands: most are only counted.
 */
function instanceOf(
  dto: DtoClass,
  data: Readonly<Record<string, unknown>>,
  at: string,
  found: Found[],
  unknown: { told: number; more: number },
): object {
  const instance = Object.create(dto.prototype as object) as Record<string, unknown>;
  const fields = fieldsOf(dto);
  for (const { name, nested } of fields) {
    if (!Object.hasOwn(data, name)) continue;
    const value = data[name];
    instance[name] = nested && isObject(value) ? instanceOf(nested, value, at + pointer(name), found, unknown) : value;
  }
  const known = new Set(fields.map((field) => field.name));
  for (const name of Object.keys(data)) {
    if (known.has(name)) continue;
    if (unknown.told === MOST_FAULTS) unknown.more += 1;
    else {
      unknown.told += 1;
      found.push({ path: at + pointer(name), message: 'is not a known field', rule: 'unknown' });
    }
  }
  return instance;
}

function collect(errors: readonly ValidationError[], at: string, found: Found[]): void {
  for (const { property, value, constraints, children } of errors) {
    const path = at + pointer(property);
    for (const [rule, message] of Object.entries(constraints ?? {})) {
      found.push({ path, rule, message: value === undefined ? 'is required' : message });
    }
    collect(children ?? [], path, found);
  }
}

function normalized(dto: DtoClass, valid: object): object {
  const owner = valid as Readonly<Record<string, unknown>>;
  const canonical: Record<string, unknown> = {};
  for (const { name, nested, normalize, fallback } of fieldsOf(dto)) {
    const value = Object.hasOwn(owner, name) ? owner[name] : undefined;
    if (value === undefined) {
      if (fallback !== undefined) canonical[name] = fallback;
    } else if (nested) canonical[name] = normalized(nested, value as object);
    else canonical[name] = normalize ? normalize(value as never, owner) : value;
  }
  return canonical;
}
