import { getMetadataStorage, type ValidationArguments, type ValidatorConstraintInterface } from 'class-validator';
import { type DtoClass, fieldsOf, isObject } from './fields.js';

/**
 * The way through for input that is right: a DTO's decorators, compiled once into a list of calls. It runs the very
 * validators that class-validator holds for the class, in its order, and leaves out what class-validator does to be able
 * to tell of faults. Where it refuses, class-validator itself tells why (`validation.ts`).
 */

/** Whether nothing is at fault. */
type Accepts = (data: unknown) => boolean;

interface Check {
  readonly name: string;
  /** All must hold for the field to be checked at all. */
  readonly conditions: readonly ((owner: object, value: unknown) => boolean)[];
  readonly rules: readonly ((value: unknown, owner: object) => boolean)[];
  readonly inner: Accepts | undefined;
}

const COMPILED = new WeakMap<DtoClass, Accepts>();

export function accepts(dto: DtoClass, data: unknown): boolean {
  let check = COMPILED.get(dto);
  if (!check) COMPILED.set(dto, (check = compile(dto)));
  return check(data);
}

function compile(dto: DtoClass): Accepts {
  const checks = checksOf(dto);
  return (data) => {
    if (!isObject(data)) return false;
    let left = Object.keys(data).length;
    for (const check of checks) {
      const isThere = Object.hasOwn(data, check.name);
      if (isThere) left -= 1;
      if (!passes(check, isThere ? data[check.name] : undefined, data)) return false;
    }
    // Whatever is left has a name that nobody knows.
    return left === 0;
  };
}

function passes({ conditions, rules, inner }: Check, value: unknown, owner: object): boolean {
  for (const applies of conditions) if (!applies(owner, value)) return true;
  for (const holds of rules) if (!holds(value, owner)) return false;
  return inner === undefined || inner(value);
}

/** Throws on decorators with features that are not compiled: better at the start than to let something pass. */
function checksOf(dto: DtoClass): Check[] {
  const storage = getMetadataStorage();
  const byName = storage.groupByPropertyName(storage.getTargetValidationMetadatas(dto, '', false, false));
  const fields = fieldsOf(dto);
  const unknown = Object.keys(byName).find((name) => !fields.some((field) => field.name === name));
  if (unknown !== undefined) throw new Error(`${dto.name}.${unknown} is validated but is no field`);
  return fields.map((field) => {
    const conditions: Check['conditions'][number][] = [];
    const rules: Check['rules'][number][] = [];
    let isNested = false;
    for (const metadata of byName[field.name] ?? []) {
      const plain = !metadata.each && !metadata.validateIf && !metadata.groups?.length && !metadata.always;
      if (metadata.type === 'conditionalValidation' && plain)
        conditions.push(metadata.constraints[0] as Check['conditions'][number]);
      else if (metadata.type === 'nestedValidation' && plain && field.nested) isNested = true;
      else if (metadata.type === 'customValidation' && plain) rules.push(...rulesOf(dto, metadata));
      else throw new Error(`${dto.name}.${field.name} has a decorator (${metadata.type}) that cannot be compiled`);
    }
    if (isNested !== (field.nested !== undefined)) throw new Error(`${dto.name}.${field.name} is nested only half`);
    return { name: field.name, conditions, rules, inner: field.nested && compile(field.nested) };
  });
}

type Metadata = ReturnType<ReturnType<typeof getMetadataStorage>['getTargetValidationMetadatas']>[number];

function rulesOf(dto: DtoClass, { constraintCls, constraints, propertyName }: Metadata): Check['rules'] {
  return getMetadataStorage()
    .getTargetValidatorConstraints(constraintCls)
    .map((constraint) => {
      if (constraint.async) throw new Error(`${dto.name}.${propertyName} is checked asynchronously`);
      const validator: ValidatorConstraintInterface = constraint.instance;
      /** What it is told of where it looks: made once, and filled in for each value. No validator may keep it. */
      const told: ValidationArguments = {
        targetName: dto.name,
        property: propertyName,
        constraints: constraints as unknown[],
        object: {},
        value: undefined,
      };
      return (value, object) => {
        told.object = object;
        told.value = value;
        // A promise, which is truthy, is not yes.
        return validator.validate(value, told) === true;
      };
    });
}
