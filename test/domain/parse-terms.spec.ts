import { describe, expect, it } from '@jest/globals';
import { parseTerms } from '../../src/promotions/domain/parse-terms.js';
import { TERMS } from '../support/history.js';

type Json = Record<string, unknown>;
/** `['/period/end', value]`; undefined takes the field away. */
type Change = readonly [pointer: string, value: unknown];

/** Row A's document with these changes. */
function changed(...changes: readonly Change[]): unknown {
  const document = structuredClone(TERMS);
  for (const [pointer, value] of changes) {
    const names = pointer.split('/').slice(1);
    const last = names.pop()!;
    const parent = names.reduce<Json>((node, name) => node[name] as Json, document);
    if (value === undefined) delete parent[last];
    else parent[last] = value;
  }
  return document;
}

function pathsOf(document: unknown): readonly string[] {
  const parsed = parseTerms(document);
  return 'faults' in parsed ? parsed.faults.map(({ path }) => path) : [];
}

function parsed(document: unknown) {
  const result = parseTerms(document);
  if ('faults' in result) throw new Error(JSON.stringify(result.faults));
  return result.terms;
}

describe("row A's document", () => {
  it('is accepted, with its local times to the second', () => {
    expect(parsed(TERMS)).toStrictEqual({
      ...TERMS,
      period: { start: '2022-08-22T00:00:00', end: '2022-12-31T12:00:00' },
    });
  });

  it('says the same however its amounts and its times are written', () => {
    const same = changed(
      ['/award/amount/amount', '200'],
      ['/award/capPerMarketplace/amount', '600.0'],
      ['/period/start', '2022-08-22T00:00:00'],
    );
    expect(parsed(same)).toStrictEqual(parsed(TERMS));
  });

  it('is not changed by being read', () => {
    const document = structuredClone(TERMS);
    parseTerms(document);
    expect(document).toEqual(TERMS);
  });
});

describe('a document', () => {
  it.each<[string, ...Change[]]>([
    ['no dormancy', ['/eligibility', {}]],
    ['partners', ['/eligibility', { partners: ['partner-1', 'a/b:c.d'] }]],
    ['continuous activity', ['/qualifying/activity', 'continuous']],
    ['another product', ['/products/3', 'DSP'], ['/qualifying/actions/0/product', 'DSP']],
    ['a credit that pays for a product it is not given for', ['/award/appliesTo', ['DSP']]],
    ['runs over eleven Januaries', ['/disbursement/lastMonth', '2032-12']],
    ['a million changes', ['/qualifying/changes', 1_000_000]],
    ['one run', ['/disbursement/lastMonth', '2022-10']],
    ['no grace', ['/expiry/settlementGrace', 'P0D']],
    [
      'yen',
      ['/award/amount', { amount: '30000', currency: 'JPY' }],
      ['/award/capPerMarketplace', { amount: '30000', currency: 'JPY' }],
    ],
    ['ten years', ['/period/end', '2032-08-22T00:00']],
    ['a day that has two midnights or none', ['/timeZone', 'Africa/Cairo']],
  ])('may have %s', (_, ...changes) => {
    expect(pathsOf(changed(...changes))).toEqual([]);
  });

  it.each<[string, readonly string[], ...Change[]]>([
    ['another version', ['/version'], ['/version', 3]],
    ['a version that is a string', ['/version'], ['/version', '1']],
    ['no version', ['/version'], ['/version', undefined]],
    ['an empty name', ['/name'], ['/name', '']],
    ['a name of spaces', ['/name'], ['/name', '  ']],
    ['a name of 201 characters', ['/name'], ['/name', 'x'.repeat(201)]],
    ['a name of half a character', ['/name'], ['/name', 'x\ud800']],
    ['an offset for a zone', ['/timeZone'], ['/timeZone', '-08:00']],
    ['an unknown zone', ['/timeZone'], ['/timeZone', 'America/Lost_Angeles']],
    ['no period', ['/period'], ['/period', undefined]],
    ['a period that is null', ['/period'], ['/period', null]],
    ['a period that is a list', ['/period'], ['/period', []]],
    ['no end', ['/period/end'], ['/period/end', undefined]],
    ['an end before the start', ['/period/end'], ['/period/end', '2022-08-21T00:00']],
    ['an end at the start', ['/period/end'], ['/period/end', '2022-08-22T00:00:00']],
    ['an end after more than ten years', ['/period/end'], ['/period/end', '2032-08-22T00:00:01']],
    ['a date for a time', ['/period/start'], ['/period/start', '2022-08-22']],
    ['an instant for a local time', ['/period/start'], ['/period/start', '2022-08-22T00:00:00Z']],
    ['30 February', ['/period/start'], ['/period/start', '2022-02-30T00:00']],
    ['24:00', ['/period/start'], ['/period/start', '2022-08-22T24:00']],
    ['a leap second', ['/period/start'], ['/period/start', '2022-08-22T00:00:60']],
    ['no marketplaces', ['/marketplaces'], ['/marketplaces', []]],
    ['a marketplace in small letters', ['/marketplaces/1'], ['/marketplaces/1', 'au']],
    ['a marketplace twice', ['/marketplaces/2'], ['/marketplaces/2', 'AE']],
    ['products that are no list', ['/products'], ['/products', 'SP']],
    ['a product twice', ['/products/3'], ['/products/3', 'SP']],
    ['an action for a product it lacks', ['/qualifying/actions/2/product'], ['/products', ['SP', 'SB']]],
    ['no partners at all in its list', ['/eligibility/partners'], ['/eligibility/partners', []]],
    ['a partner with a space', ['/eligibility/partners/1'], ['/eligibility/partners', ['p-1', 'p 2']]],
    ['a dormancy of no length', ['/eligibility/dormancy'], ['/eligibility/dormancy', 'P0M']],
    ['a dormancy in hours', ['/eligibility/dormancy'], ['/eligibility/dormancy', 'PT72H']],
    ['a dormancy that is null', ['/eligibility/dormancy'], ['/eligibility/dormancy', null]],
    ['weeks in text', ['/qualifying/weeks'], ['/qualifying/weeks', '4']],
    ['no weeks', ['/qualifying/weeks'], ['/qualifying/weeks', 0]],
    ['half a change', ['/qualifying/changes'], ['/qualifying/changes', 4.5]],
    ['too many changes', ['/qualifying/changesPerWeek'], ['/qualifying/changesPerWeek', 1_000_001]],
    ['months of activity', ['/qualifying/activeFor'], ['/qualifying/activeFor', 'P1M']],
    ['an unknown activity', ['/qualifying/activity'], ['/qualifying/activity', 'sum']],
    ['a method in small letters', ['/qualifying/actions/0/methods/0'], ['/qualifying/actions/0/methods/0', 'post']],
    ['a path with a slash at its end', ['/qualifying/actions/1/paths/0'], ['/qualifying/actions/1/paths/0', '/sb/x/']],
    ['a path with a query', ['/qualifying/actions/1/paths/0'], ['/qualifying/actions/1/paths/0', '/sb/x?y=z']],
    ['a path without its slash', ['/qualifying/actions/1/paths/0'], ['/qualifying/actions/1/paths/0', 'sb/x']],
    ['an amount that is a number', ['/award/amount/amount'], ['/award/amount/amount', 200]],
    ['an amount of zero', ['/award/amount/amount'], ['/award/amount/amount', '0.00']],
    ['an amount below a cent', ['/award/amount/amount'], ['/award/amount/amount', '200.001']],
    ['an amount that is negative', ['/award/amount/amount'], ['/award/amount/amount', '-200.00']],
    ['an amount too large', ['/award/amount/amount'], ['/award/amount/amount', '10000000000000.01']],
    ['an unknown currency', ['/award/amount/currency'], ['/award/amount/currency', 'XXX']],
    ['a cap in another currency', ['/award/capPerMarketplace/currency'], ['/award/capPerMarketplace/currency', 'EUR']],
    ['a cap below the award', ['/award/capPerMarketplace/amount'], ['/award/capPerMarketplace/amount', '199.99']],
    ['money with a field more', ['/award/amount/cents'], ['/award/amount/cents', 20000]],
    ['another schedule', ['/disbursement/schedule'], ['/disbursement/schedule', 'monthly']],
    ['a run at 24:00', ['/disbursement/time'], ['/disbursement/time', '24:00']],
    ['a month 13', ['/disbursement/lastMonth'], ['/disbursement/lastMonth', '2022-13']],
    ['a last month before the first', ['/disbursement/lastMonth'], ['/disbursement/lastMonth', '2022-09']],
    ['more than ten years of runs', ['/disbursement/lastMonth'], ['/disbursement/lastMonth', '2033-01']],
    ['a service level of no time', ['/disbursement/within'], ['/disbursement/within', 'P0D']],
    ['an expiry of no time', ['/expiry/after'], ['/expiry/after', 'P0D']],
    ['a grace below zero', ['/expiry/settlementGrace'], ['/expiry/settlementGrace', '-P3D']],
    ['no age of rates', ['/fx/maxAge'], ['/fx/maxAge', undefined]],
    ['a field that no terms have', ['/colour'], ['/colour', 'red']],
    ['a field more, deep inside', ['/fx/source'], ['/fx/source', 'ECB']],
    ['the name of a field that every object has', ['/toString'], ['/toString', 'x']],
  ])('may not have %s', (_, paths, ...changes) => {
    expect(pathsOf(changed(...changes))).toEqual(paths);
  });

  it('is an object', () => {
    for (const document of [null, undefined, 'terms', 1, [], [TERMS]]) expect(pathsOf(document)).toEqual(['']);
  });

  it('that is empty is told every field it lacks', () => {
    expect(pathsOf({})).toEqual([
      '/version',
      '/name',
      '/timeZone',
      '/period',
      '/marketplaces',
      '/products',
      '/eligibility',
      '/qualifying',
      '/award',
      '/disbursement',
      '/expiry',
      '/fx',
    ]);
  });

  it('has the slashes and tildes of a field it should not have escaped in the path', () => {
    expect(pathsOf({ ...TERMS, 'a/b~c': 1 })).toEqual(['/a~1b~0c']);
  });

  it('with a field from its prototype lacks it', () => {
    const { name: _, ...rest } = TERMS;
    expect(pathsOf(Object.assign(Object.create({ name: 'inherited' }) as Json, rest))).toEqual(['/name']);
  });

  it('is told all of its faults at once, with something to read for each', () => {
    const result = parseTerms(
      changed(
        ['/colour', 'red'],
        ['/timeZone', 'Mars/Olympus'],
        ['/period', { start: 'soon', end: 'later' }],
        ['/marketplaces', ['DE', 'de', 'DE']],
        ['/qualifying/weeks', -1],
        ['/award/amount', { amount: '0', currency: 'USD' }],
        ['/fx', {}],
      ),
    );
    const faults = 'faults' in result ? result.faults : [];
    expect(faults.map(({ path }) => path)).toEqual([
      '/colour',
      '/timeZone',
      '/period/start',
      '/period/end',
      '/marketplaces/1',
      '/marketplaces/2',
      '/qualifying/weeks',
      '/award/amount/amount',
      '/fx/maxAge',
    ]);
    for (const { message } of faults) expect(message).toMatch(/^(is|must|has) \w/);
  });
});
