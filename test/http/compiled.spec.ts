import { describe, expect, it } from '@jest/globals';
import { registerDecorator, ValidateBy, ValidateIf } from 'class-validator';
import fc from 'fast-check';
import { accepts } from '../../src/http/compiled.js';
import { COMMANDS } from '../../src/http/commands-registry.js';
import { field, fieldsOf } from '../../src/http/fields.js';
import { validateCommand, validateFully } from '../../src/http/validation.js';
import { VALID } from '../support/valid-commands.js';

const TYPES = [...COMMANDS.keys()];
const SEED = Number(process.env['SEED'] ?? Date.now() % 2 ** 31);

/** Values that are nearly right, in some field or other, or of no kind that a field takes. */
const values = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.constantFrom('a', 'DE', 'EUR', 'JPY', 'SP', '0.85', '1.5', '200', '2022-10-05T12:00:00Z'),
  },
  {
    weight: 2,
    arbitrary: fc.constantFrom('', ' ', 'a.b', 'p:x', 'de', 'XXX', '0', '0.001', '1e3', '2022-02-30T00:00:00Z'),
  },
  {
    weight: 2,
    arbitrary: fc.constantFrom({ toString: 1 }, 0, 1, 1_000_000, -1, 1.5, NaN, true, false, null, undefined, [], {}),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      amount: fc.constantFrom('0.85', '1', '0.0001', 7),
      currency: fc.constantFrom('EUR', 'JPY', 'eur'),
    }),
  },
  { weight: 1, arbitrary: fc.string({ maxLength: 200, unit: 'binary' }) },
  { weight: 1, arbitrary: fc.jsonValue({ maxDepth: 3 }) },
);

/** A change to a valid command: a field set, or taken away, at the top or within its money, or a name nobody knows. */
const changes = (type: string) => {
  const names = fieldsOf(COMMANDS.get(type)!).map(({ name }) => name);
  const name = fc.oneof(
    { weight: 8, arbitrary: fc.constantFrom(...names) },
    { weight: 1, arbitrary: fc.constantFrom('__proto__', 'constructor', 'toString', 'type', 'creditid') },
  );
  return fc.record({
    path: fc.oneof(
      name.map((one) => [one]),
      fc.tuple(name, fc.constantFrom('amount', 'currency', 'more')),
    ),
    value: fc.option(values, { nil: REMOVED, freq: 6 }),
  });
};
const REMOVED = Symbol('taken away');

const inputs = fc.constantFrom(...TYPES).chain((type) =>
  fc.tuple(fc.constant(type), fc.array(changes(type), { maxLength: 3 })).map(([, many]) => {
    const data = structuredClone(VALID[type]!) as Record<string, unknown>;
    for (const { path, value } of many) change(data, path, value);
    return { type, data };
  }),
);

/** Sets own properties only, whatever they are called, as JSON.parse does. */
function change(data: Record<string, unknown>, [first, ...rest]: readonly string[], value: unknown): void {
  if (rest.length > 0) {
    const inner = Object.hasOwn(data, first!) ? data[first!] : undefined;
    if (typeof inner === 'object' && inner !== null) change(inner as Record<string, unknown>, rest, value);
  } else if (value === REMOVED) delete data[first!];
  else Object.defineProperty(data, first!, { value, enumerable: true, configurable: true, writable: true });
}

describe('the compiled check', () => {
  it(`accepts and refuses what class-validator does, and gives the same value (seed ${SEED})`, () => {
    const counts = { accepted: 0, refused: 0 };
    fc.assert(
      fc.property(inputs, ({ type, data }) => {
        const dto = COMMANDS.get(type)!;
        const full = validateFully(dto, data, '/data');
        const isAccepted = 'value' in full;
        counts[isAccepted ? 'accepted' : 'refused'] += 1;
        expect(accepts(dto, data)).toBe(isAccepted);
        // The text tells the order of fields, too.
        expect(JSON.stringify(validateCommand(dto, data))).toBe(JSON.stringify(full));
      }),
      { numRuns: 5000, seed: SEED },
    );
    // A generator that finds only one kind would show little.
    expect(Math.min(counts.accepted, counts.refused)).toBeGreaterThan(500);
  });

  it('takes any kind of value for what it is', () => {
    for (const type of TYPES) {
      for (const data of [
        null,
        undefined,
        5,
        'text',
        true,
        [],
        [VALID[type]],
        new Map(),
        Object.create(VALID[type]!),
      ]) {
        const full = validateFully(COMMANDS.get(type)!, data, '');
        expect(accepts(COMMANDS.get(type)!, data)).toBe('value' in full);
      }
    }
  });

  it('counts no inherited field in the place of one that nobody knows', () => {
    const { clickId, ...rest } = VALID['ClickSpent'] as Record<string, unknown>;
    expect(accepts(COMMANDS.get('ClickSpent')!, Object.assign(Object.create({ clickId }), rest, { more: 1 }))).toBe(
      false,
    );
  });

  it('refuses to compile what it could not check', () => {
    const each = ValidateBy({ name: 'each', validator: { validate: () => true } }, { each: true });
    const later: PropertyDecorator = (prototype, name) =>
      registerDecorator({
        target: prototype.constructor,
        propertyName: String(name),
        async: true,
        validator: { validate: () => Promise.resolve(true) },
      });
    class Each {
      @field({ docs: {}, rules: [each] }) items!: string[];
    }
    class Later {
      @field({ docs: {}, rules: [later] }) name!: string;
    }
    class Grouped {
      @field({ docs: {}, rules: [ValidateIf(() => true, { groups: ['some'] })] }) name!: string;
    }
    expect(() => accepts(Each, {})).toThrow('Each.items has a decorator (customValidation) that cannot be compiled');
    expect(() => accepts(Later, {})).toThrow('Later.name is checked asynchronously');
    expect(() => accepts(Grouped, {})).toThrow('Grouped.name has a decorator (conditionalValidation)');
  });
});
