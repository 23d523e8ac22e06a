import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { CommandGateway } from '../../src/commands/gateway.js';
import { COMMANDS } from '../../src/http/commands-registry.js';
import { problemOf } from '../../src/http/problem.js';
import { validateCommand } from '../../src/http/validation.js';
import { formatMinor, type Money, parseMoney } from '../../src/kernel/money.js';
import { VALID } from '../support/valid-commands.js';

/** Those of these fields that may be left out. */
const OPTIONAL: ReadonlySet<string> = new Set([
  'AccountStandingChanged.reason',
  'CampaignActivated.plannedEnd',
  'PromotionRevised.revision',
]);

const check = (type: string, data: unknown) => validateCommand(COMMANDS.get(type)!, data);
const faultsOf = (type: string, changes: object) => {
  const result = check(type, { ...VALID[type], ...changes });
  return 'faults' in result ? { code: result.code, paths: result.faults.map((fault) => fault.path) } : result;
};
const valueOf = (type: string, changes: object = {}): Record<string, unknown> => {
  const result = check(type, { ...VALID[type], ...changes });
  if ('faults' in result) throw new Error(JSON.stringify(result.faults));
  return result.value as Record<string, unknown>;
};

describe('every command', () => {
  it('is one of those that a client may send', () => {
    expect([...COMMANDS.keys()].sort()).toEqual(Object.keys(VALID).sort());
  });

  it.each(Object.entries(VALID))('%s is accepted, and normalising it again changes nothing', (type) => {
    const value = valueOf(type);
    expect(Object.keys(value).sort()).toEqual(Object.keys(VALID[type]!).sort());
    expect(check(type, value)).toEqual({ value });
  });

  it.each(Object.entries(VALID))('%s without any field names each that is required', (type, data) => {
    const result = check(type, {});
    const required = Object.keys(data).filter((name) => !OPTIONAL.has(`${type}.${name}`));
    expect(result).toMatchObject({ code: 'invalid-command' });
    expect('faults' in result && result.faults.map((fault) => fault.path).sort()).toEqual(
      required.map((name) => `/data/${name}`).sort(),
    );
    expect('faults' in result && new Set(result.faults.map((fault) => fault.message))).toEqual(
      new Set(['is required']),
    );
  });

  it.each(Object.entries(VALID))('%s takes null for no field', (type, data) => {
    for (const name of Object.keys(data)) {
      expect(faultsOf(type, { [name]: null })).toMatchObject({ code: 'invalid-command', paths: [`/data/${name}`] });
    }
  });
});

describe('fields refuse', () => {
  const long = 'x'.repeat(129);
  it.each<[what: string, type: string, field: string, values: readonly unknown[]]>([
    [
      'what is no dotless identifier',
      'AccountOpened',
      'advertiserId',
      ['', 'a.b', 'a b', 'ä', long, 7, ['a'], {}, 'a\n'],
    ],
    ['what is no dotless identifier', 'AdvertiserInvited', 'promotionId', ['', 'a.b', long]],
    ['what is no identifier', 'ClickSpent', 'clickId', ['', 'a b', 'a#', long, 7, ['a'], 'a\u0000', '\ud800']],
    ['what is no marketplace', 'AccountOpened', 'marketplace', ['', 'D', 'de', 'DEU', 'D1', 49]],
    ['what is no product', 'ClickSpent', 'product', ['', 'sp', '1P', `S${'P'.repeat(32)}`, 1]],
    ['what is no currency', 'AccountOpened', 'currency', ['', 'eur', 'XXX', 'EURO', 978, ['EUR']]],
    [
      'what is no instant',
      'AccountOpened',
      'occurredAt',
      [
        '',
        '2022-10-05',
        '2022-10-05T12:00:00',
        '2022-10-05T24:00:00Z',
        '2022-10-05T12:00:60Z',
        '2022-02-30T00:00:00Z',
        1e12,
      ],
    ],
    ['finer than milliseconds', 'AccountOpened', 'occurredAt', ['2022-10-05T12:00:00.0001Z']],
    ['what is no rate', 'FxRateRecorded', 'rate', ['', '0', '0.00', '-1', '1e3', '.5', '5.', '01', '1,5', 0.9764]],
    ['what is too great a rate', 'FxRateRecorded', 'rate', ['1000000000000000.1', '1000000000000001', '9'.repeat(40)]],
    ['a rate of 41 characters', 'FxRateRecorded', 'rate', [`0.${'1'.repeat(39)}`]],
    ['what is no reason', 'ClickReversed', 'reason', ['', ' \t\n', 'x'.repeat(1001), 'a\ud800', 5, null, {}]],
    ['what is no name', 'FxRateRecorded', 'source', ['', ' ECB', 'ECB ', 'E\nCB', 'a  b', '\udc00', 'x'.repeat(129)]],
    ['what is not listed', 'CampaignPaused', 'reason', ['', 'Manual', 'toString', ['manual'], null]],
    ['what is no boolean', 'CreditRevoked', 'clawback', ['true', 1, 0, null]],
    ['what is no count', 'ApiChangeRecorded', 'changes', [0, -1, 1.5, 1_000_001, '1', null, [1]]],
    ['what is no method', 'ApiChangeRecorded', 'method', ['', 'post', 'PO ST', 'X'.repeat(33)]],
    ['what is no path', 'ApiChangeRecorded', 'path', ['', 'v2', `/${'x'.repeat(2048)}`, '/\ud800']],
    ['what is no revision', 'PromotionRevised', 'revision', [0, 1, 2.5, '2', null]],
    ['what is no document', 'PromotionPublished', 'terms', ['{}', 5, null, [{}], nested(65)]],
    ['a rate of a currency to itself', 'FxRateRecorded', 'quote', ['EUR']],
    ["what a run's credits are called", 'CreditApplied', 'creditId', ['p:', 'p:a:DE:SP']],
  ])('%s: %s.%s', (_, type, field, values) => {
    for (const value of values) {
      expect([value, faultsOf(type, { [field]: value })]).toEqual([
        value,
        { code: 'invalid-command', paths: [`/data/${field}`] },
      ]);
    }
  });

  it.each<[amount: unknown, currency: unknown, code: string, at: string]>([
    ['0', 'EUR', 'invalid-command', 'amount'],
    ['0.00', 'EUR', 'invalid-command', 'amount'],
    ['0.000', 'EUR', 'invalid-command', 'amount'],
    ['-1', 'EUR', 'invalid-command', 'amount'],
    ['1,5', 'EUR', 'invalid-command', 'amount'],
    ['01', 'EUR', 'invalid-command', 'amount'],
    [1.5, 'EUR', 'invalid-command', 'amount'],
    ['10000000000000.01', 'EUR', 'invalid-command', 'amount'],
    ['10000000000000.001', 'EUR', 'invalid-command', 'amount'],
    ['1000000000000001', 'JPY', 'invalid-command', 'amount'],
    ['9'.repeat(100_000), 'EUR', 'invalid-command', 'amount'],
    ['1.001', 'EUR', 'precision', 'amount'],
    ['1.500', 'EUR', 'precision', 'amount'],
    ['1.0', 'JPY', 'precision', 'amount'],
    ['1.0001', 'KWD', 'precision', 'amount'],
    ['1.001', 'eur', 'invalid-command', 'currency'],
    ['1.00', 'XXX', 'invalid-command', 'currency'],
  ])('money %s %s: %s', (amount, currency, code, at) => {
    expect(faultsOf('ClickSpent', { cost: { amount, currency } })).toEqual({ code, paths: [`/data/cost/${at}`] });
  });

  it('takes the amounts that are minor units, and says them as those are written', () => {
    const digits = (most: number) => fc.stringMatching(new RegExp(`^[09]{0,2}[0-9]{0,${most}}$`));
    const amounts = fc
      .tuple(digits(15), digits(3))
      .map(([whole, fraction]) => `${whole || '0'}${fraction && `.${fraction}`}`);
    fc.assert(
      fc.property(amounts, fc.constantFrom('EUR', 'JPY', 'KWD'), (amount, currency) => {
        const minor = parseMoney(amount, currency);
        const result = check('ClickSpent', { ...VALID['ClickSpent'], cost: { amount, currency } });
        const cost = 'value' in result && (result.value as { cost: Money }).cost;
        expect(cost).toEqual(typeof minor === 'bigint' && { amount: formatMinor(minor, currency), currency });
      }),
      { numRuns: 3000 },
    );
  });

  it('money that is no object, and unknown fields in it', () => {
    for (const cost of ['1.00', 5, [], [{ amount: '1', currency: 'EUR' }]]) {
      expect(faultsOf('ClickSpent', { cost })).toEqual({ code: 'invalid-command', paths: ['/data/cost'] });
    }
    expect(faultsOf('ClickSpent', { cost: { amount: '1', currency: 'EUR', minor: 100 } })).toEqual({
      code: 'invalid-command',
      paths: ['/data/cost/minor'],
    });
  });

  it('is precision only when nothing else is wrong', () => {
    const cost = { amount: '1.001', currency: 'EUR' };
    expect(faultsOf('ClickSpent', { cost })).toMatchObject({ code: 'precision' });
    expect(faultsOf('ClickSpent', { cost, clickId: '' })).toEqual({
      code: 'invalid-command',
      paths: ['/data/clickId', '/data/cost/amount'],
    });
  });
});

describe('whatever is sent', () => {
  it.each([null, undefined, 5, 'text', true, [], [{}]])('%j is no data', (data) => {
    expect(check('ClickSpent', data)).toEqual({
      code: 'invalid-command',
      faults: [{ path: '/data', message: 'must be an object' }],
    });
  });

  it('unknown fields are refused by their names, however they are called', () => {
    const names = ['__proto__', 'constructor', 'toString', 'hasOwnProperty', 'a/b~c', '', '\ud800', 'Cost'];
    for (const name of names) {
      const data = JSON.parse(`{${JSON.stringify(name)}: {"x": 1}}`) as object;
      const merged = Object.defineProperties({ ...VALID.ClickSpent }, Object.getOwnPropertyDescriptors(data));
      const path = `/data/${name.replace('~', '~0').replace('/', '~1')}`;
      const result = check('ClickSpent', merged);
      expect(result).toEqual({ code: 'invalid-command', faults: [{ path, message: 'is not a known field' }] });
    }
    expect(({} as Record<string, unknown>)['x']).toBeUndefined();
  });

  it('has no more faults than are told; the others are counted', async () => {
    const strays = (count: number) => Object.fromEntries(Array.from({ length: count }, (_, i) => [`k${i}`, 0]));
    const gateway = new CommandGateway(
      [{ facts: new Map([['ClickSpent', {}]]), handle: () => Promise.reject(new Error('it is not valid')) }],
      (type, data) => check(type, data),
    );
    const errorsOf = async (...commands: object[]) =>
      (await gateway.submit(commands)).map(({ error }) => ({ detail: error!.detail, errors: error!.errors! }));
    const [many] = await errorsOf({ type: 'ClickSpent', data: strays(290_000) });
    // Of the command's own fields each is missing, too.
    const required = Object.keys(VALID['ClickSpent']!).length;
    expect(many!.detail).toBe(`The command has ${290_000 + required} faults.`);
    expect(many!.errors).toHaveLength(100);
    expect(many!.errors.at(-1)).toEqual({ path: '', message: `and ${290_000 + required - 99} more faults` });
    expect(problemOf('invalid-command', '', many!.errors).errors).toEqual(many!.errors);
    const [atTop, nested] = await errorsOf(
      { type: 'ClickSpent', data: VALID['ClickSpent']!, ...strays(500) },
      { type: 'ClickSpent', data: { ...VALID['ClickSpent'], cost: { amount: '1', currency: 'EUR', ...strays(500) } } },
    );
    for (const some of [atTop!, nested!]) {
      expect(some.errors.at(-1)).toEqual({ path: '', message: 'and 401 more faults' });
    }
    const exactly = await errorsOf({ type: 'ClickSpent', data: { ...VALID['ClickSpent'], ...strays(100) } });
    expect(exactly[0]!.errors.map(({ path }) => path)).toEqual(Object.keys(strays(100)).map((name) => `/data/${name}`));
    const together = await errorsOf(...Array.from({ length: 500 }, () => ({ type: 'ClickSpent', data: strays(700) })));
    expect(together.flatMap(({ errors }) => errors).length).toBeLessThan(2100);
    expect(together.at(-1)!.errors).toHaveLength(2);
    const [long] = await errorsOf({ type: 'ClickSpent', data: { ['~'.repeat(1_000_000)]: 0 } });
    expect(JSON.stringify(long).length).toBeLessThan(3000);
  });

  it('inherited fields are none', () => {
    const data = Object.create(VALID.CampaignEnded!) as object;
    expect(check('CampaignEnded', data)).toMatchObject({
      faults: [{ message: 'is required' }, { message: 'is required' }],
    });
  });

  it('depth is no trouble', () => {
    const deep = JSON.parse(`${'['.repeat(200_000)}${']'.repeat(200_000)}`) as unknown;
    expect(faultsOf('ClickSpent', { cost: deep, more: deep })).toMatchObject({ paths: ['/data/more', '/data/cost'] });
    expect(faultsOf('PromotionPublished', { terms: { deep } })).toMatchObject({ paths: ['/data/terms'] });
  });
});

describe('normalising', () => {
  it.each<[amount: string, currency: string, stored: string]>([
    ['5', 'EUR', '5.00'],
    ['0.5', 'EUR', '0.50'],
    ['7', 'JPY', '7'],
    ['1.5', 'KWD', '1.500'],
    ['10000000000000', 'EUR', '10000000000000.00'],
    ['1000000000000000', 'JPY', '1000000000000000'],
  ])('%s %s is %s', (amount, currency, stored) => {
    expect(valueOf('ClickSpent', { cost: { currency, amount } }).cost).toEqual({ amount: stored, currency });
  });

  it.each([
    ['2022-10-05T14:00:00+02:00', '2022-10-05T12:00:00.000Z'],
    ['2022-10-05t12:00:00.5z', '2022-10-05T12:00:00.500Z'],
  ])('%s is %s', (occurredAt, stored) => {
    expect(valueOf('CampaignEnded', { occurredAt }).occurredAt).toBe(stored);
  });

  it.each([
    ['1.50', '1.5'],
    ['2.0', '2'],
    ['100', '100'],
    ['1000000000000000', '1000000000000000'],
  ])('the rate %s is %s', (rate, stored) => {
    expect(valueOf('FxRateRecorded', { rate }).rate).toBe(stored);
  });

  it('orders fields as declared, leaves absent ones out and keeps no class', () => {
    const value = valueOf('AccountStandingChanged', { reason: undefined, advertiserId: 'a' });
    expect(JSON.stringify(value)).toBe(
      '{"advertiserId":"a","marketplace":"DE","standing":"suspended","occurredAt":"2022-10-05T12:00:00.000Z"}',
    );
    expect(Object.getPrototypeOf(value)).toBe(Object.prototype);
  });

  it('hands on the terms as they came, for the domain to judge', () => {
    const terms = JSON.parse('{"b": 1.50, "a": {"__proto__": [null]}}') as unknown;
    expect(valueOf('PromotionPublished', { terms }).terms).toBe(terms);
  });
});

function nested(levels: number): unknown {
  return levels === 0 ? {} : { inner: nested(levels - 1) };
}
