import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

export type Json = Record<string, unknown>;
/** `['/period/end', value]`; undefined takes the field away, and a list grows by the index after its last. */
export type Change = readonly [pointer: string, value: unknown];

const HOME = new URL('../../examples/', import.meta.url);

/** The documents of examples/promotions and examples/cookbook by the names of their files. */
export const EXAMPLES: ReadonlyMap<string, Json> = new Map(
  ['promotions/', 'cookbook/'].flatMap((folder) => {
    const home = fileURLToPath(new URL(folder, HOME));
    const files = readdirSync(home).filter((file) => file.endsWith('.json'));
    return files
      .sort()
      .map((file): [string, Json] => [
        file.replace('.json', ''),
        JSON.parse(readFileSync(home + file, 'utf8')) as Json,
      ]);
  }),
);

export function exampleOf(file: string): Json {
  const document = EXAMPLES.get(file);
  if (!document) throw new Error(`there is no example ${file}`);
  return copyOf(document);
}

/** Not structuredClone: under jest its objects are of another realm, which validators do not find equal to each other. */
export const copyOf = <T>(value: T): T => JSON.parse(JSON.stringify(value)) as T;

export function changed(document: Json, ...changes: readonly Change[]): Json {
  const copy = copyOf(document);
  for (const [pointer, value] of changes) {
    const names = pointer.split('/').slice(1);
    const last = names.pop()!;
    const parent = names.reduce<Json>((node, name) => node[name] as Json, copy);
    if (value === undefined && Array.isArray(parent)) parent.splice(Number(last), 1);
    else if (value === undefined) delete parent[last];
    else parent[last] = copyOf(value);
  }
  return copy;
}

export const usd = (amount: string) => ({ amount, currency: 'USD' });
export const eur = (amount: string) => ({ amount, currency: 'EUR' });

/** A document of version 2 with a bit of everything. */
export const WHOLE: Json = {
  version: 2,
  name: 'A bit of everything',
  timeZone: 'Europe/Berlin',
  period: { start: '2022-09-01T00:00', end: '2023-01-01T00:00' },
  marketplaces: ['DE', 'FR', 'UK', 'US'],
  regions: { Europe: ['DE', 'FR'] },
  products: ['SP', 'SB', 'SD'],
  awardFor: 'product',
  oncePer: 'region',
  eligibility: {
    invitation: 'required',
    partners: ['partner-1', 'partner-2'],
    dormancy: 'P3M',
    newTo: { what: ['campaign', 'spend'], before: '2022-09-01T00:00' },
    standing: 'any',
    payment: 'any',
    excludes: ['spring-credit-2022'],
  },
  stacking: { with: ['loyalty-2022'], excludes: ['autumn-credit-2022'] },
  stages: [
    {
      id: 'work',
      qualifying: {
        all: [
          {
            campaign: {
              all: [
                {
                  id: 'launched',
                  firstLaunch: { of: 'any-product' },
                  window: { from: { at: 'invitation' }, for: 'P60D' },
                },
                {
                  weeklyChanges: {
                    weeks: 4,
                    changesPerWeek: 1,
                    actions: [{ product: 'SB', methods: ['POST', 'PUT'], paths: ['/sb/campaigns'] }],
                  },
                },
                {
                  totalChanges: {
                    changes: 4,
                    actions: [{ product: 'SP', methods: ['POST'], paths: ['/v2/sp/campaigns'] }],
                  },
                },
                {
                  activeFor: { duration: 'P28D', activity: 'continuous' },
                  window: { from: { met: 'launched' } },
                },
                { launched: { endDate: 'none' } },
                {
                  activeAt: { moment: { from: { met: 'launched' }, after: 'P30D' }, pauses: 'none' },
                  window: { from: { met: 'launched' } },
                },
              ],
            },
          },
          { any: [{ id: 'code', redeemed: { codes: ['WELCOME-10', 'WELCOME-20'] } }, { activated: 'offer' }] },
        ],
      },
      award: { amount: { default: usd('100.00'), in: { FR: usd('120.00') } } },
      disbursement: {
        schedule: 'first-tuesday',
        time: '06:00',
        firstMonth: '2022-10',
        lastMonth: '2023-02',
        within: 'P30D',
      },
      expiry: { after: 'P60D', endOfDay: true, settlementGrace: 'P0D' },
      pays: { products: ['SB'], spend: ['clicks'] },
    },
    {
      id: 'spend',
      qualifying: {
        all: [
          {
            spend: {
              amount: usd('50.00'),
              products: ['SP'],
              spend: ['clicks'],
              window: { from: { at: 'activation' }, for: 'P30D' },
            },
          },
          {
            attested: { action: 'certificate', by: ['academy'] },
            window: { from: '2022-09-01T00:00', until: '2022-12-01T00:00' },
          },
        ],
      },
      award: {
        tiers: [
          { spend: eur('100.00'), amount: usd('25.00') },
          { spend: eur('500.00'), amount: usd('150.00') },
        ],
        of: {
          products: ['SP'],
          spend: ['clicks', 'impressions'],
          window: { from: { met: 'code' }, until: { at: 'period-end' } },
        },
      },
      disbursement: {
        schedule: 'business-days',
        time: '09:00',
        holidays: ['2022-12-26'],
        until: '2023-03-31',
        within: { businessDays: 10 },
      },
      expiry: { on: '2023-06-30T00:00', settlementGrace: 'P3D' },
    },
    {
      id: 'match',
      qualifying: { activated: 'offer' },
      award: { match: { percent: 50, upTo: usd('200.00') }, of: {} },
      disbursement: { schedule: 'daily', within: 'P14D' },
      expiry: { after: 'P90D' },
    },
  ],
  caps: {
    perMarketplace: { default: usd('400.00'), in: { FR: usd('450.00') } },
    perProduct: usd('350.00'),
    perRegion: usd('600.00'),
    perAdvertiser: usd('1000.00'),
    budget: usd('100000.00'),
    redemptions: 1000,
  },
  fx: { maxAge: 'P7D' },
};
