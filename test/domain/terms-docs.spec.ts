import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from '@jest/globals';
import { parseTerms } from '../../src/promotions/domain/parse-terms.js';
import { changed, type Json, usd } from './terms-examples.js';
import { FIELDS, isCondition } from './terms-fields.js';

const PAGE = readFileSync(fileURLToPath(new URL('../../docs/promotion-terms.md', import.meta.url)), 'utf8');

/** A document to put the parts of documents in. */
const FRAME: Json = {
  version: 2,
  name: 'Frame',
  timeZone: 'America/Los_Angeles',
  period: { start: '2022-08-22T00:00', end: '2022-12-31T12:00' },
  marketplaces: ['DE', 'FR', 'UK', 'US'],
  products: ['SP', 'SB', 'SD'],
  stages: [
    {
      id: 'stage',
      qualifying: { all: [{ id: 'launched', campaign: { launched: {} } }, { activated: 'offer' }] },
      award: { amount: usd('200.00') },
      disbursement: { schedule: 'daily', within: 'P14D' },
      expiry: { after: 'P30D' },
    },
  ],
};

/** Where in the frame each part of a document goes. */
const PLACES: Readonly<Record<string, string>> = {
  eligibility: '/eligibility',
  stacking: '/stacking',
  stage: '/stages/0',
  condition: '/stages/0/qualifying',
  window: '/stages/0/qualifying/all/1/window',
  award: '/stages/0/award',
  disbursement: '/stages/0/disbursement',
  expiry: '/stages/0/expiry',
  pays: '/stages/0/pays',
  caps: '/caps',
};

const SNIPPETS = [...PAGE.matchAll(/^```json(.*)\n([^]*?)^```$/gm)].map(([, part, text], index) => ({
  nth: index + 1,
  part: part!.trim(),
  text: text!,
}));

const ACTIONS = [{ product: 'SB', methods: ['POST'], paths: ['/sb/campaigns'] }];

/** The rows of tables that tell a field. */
const ROWS = [...PAGE.matchAll(/^\| `([a-zA-Z.]+)` +\| `(.+?)` +\|/gm)].map(([, field, example]) => ({
  field: field!,
  example: example!,
}));

describe('docs/promotion-terms.md', () => {
  it.each(SNIPPETS)('shows a $part that is read, snippet $nth', ({ part, text }) => {
    const value: unknown = JSON.parse(text);
    const place = PLACES[part];
    const document = part === 'document' ? value : changed(FRAME, [place ?? `/no place for a ${part}`, value]);
    const result = parseTerms(document);
    expect('faults' in result ? result.faults : []).toEqual([]);
  });

  it('shows every part, and documents as a whole', () => {
    expect(new Set(SNIPPETS.map(({ part }) => part))).toEqual(new Set(['document', ...Object.keys(PLACES)]));
  });

  it('tells every field of the language, and no other', () => {
    const known = new Set(FIELDS.map(({ name }) => name));
    const told = new Set(ROWS.flatMap(({ field }) => field.split('.')));
    const named = new Set([...PAGE.matchAll(/`(\w+)`/g)].map(([, name]) => name));
    expect([...known].filter((name) => !told.has(name) && !named.has(name))).toEqual([]);
    expect([...told].filter((name) => !known.has(name))).toEqual([]);
  });

  it.each(ROWS)('gives an example of $field that fits: $example', ({ field, example }) => {
    const name = field.split('.').at(-1);
    const value: unknown = JSON.parse(example.replaceAll('[…]', JSON.stringify(ACTIONS)));
    // That of `all` and its like is a condition as a whole.
    expect(FIELDS.some((each) => each.name === name && each.allows(value)) || isCondition(value)).toBe(true);
  });
});
