/** What all histories share: exchange rates, the accounts to choose from, and the two promotions of a history. */
import { readFileSync } from 'node:fs';
import type { TermsV1 } from '../../src/promotions/domain/terms.js';
import type { Command } from '../support/auditor/facts.js';
import { DAY, iso, ms } from '../support/auditor/time.js';

/** Now, for the ledger and for the auditor: every run of 2022 is due, every credit of a history has ended. */
export const NOW = '2023-12-31T00:00:00.000Z';
export const OPENED_AT = '2022-06-01T09:00:00.000Z';

/** Francs have no rate; pesos are so dear here (0.4 to the dollar) that a cent converts to nothing. */
export const ACCOUNTS = [
  { marketplace: 'DE', currency: 'EUR' },
  { marketplace: 'US', currency: 'USD' },
  { marketplace: 'JP', currency: 'JPY' },
  { marketplace: 'UK', currency: 'GBP' },
  { marketplace: 'AE', currency: 'KWD' },
  { marketplace: 'FR', currency: 'CHF' },
  { marketplace: 'PL', currency: 'MXN' },
] as const;

const rate = (pair: string, value: string, source: string, effectiveAt: string): Command => {
  const [base = '', quote = ''] = pair.split('/');
  return { type: 'FxRateRecorded', data: { base, quote, rate: value, source, effectiveAt } };
};

/** Mondays of the season. None in the middle of November, so that rates grow stale. */
const MONDAYS = Array.from({ length: 20 }, (_, week) => iso(ms('2022-09-12T14:00:00Z') + week * 7 * DAY)).filter(
  (monday) => !monday.startsWith('2022-11-14') && !monday.startsWith('2022-11-21'),
);

/**
 * Dollars become euros by the inverse, yen by a cross through the euro (two sources on some days: the later recorded
 * one counts), dinars directly. Pounds are crossed until a direct rate appears, which then goes stale by itself.
 */
export const RATES: readonly Command[] = [
  ...MONDAYS.flatMap((monday, week) => [
    rate('EUR/USD', `0.9${String(600 + ((week * 137) % 390))}`, 'ECB', monday),
    rate('EUR/JPY', `14${week % 10}.${10 + week}`, 'ECB', monday),
    rate('EUR/GBP', `0.8${String(500 + week * 17)}`, 'ECB', monday),
    rate('USD/KWD', `0.3${String(1000 - week)}5`, 'CBK', monday),
    ...(week % 3 === 0 ? [rate('EUR/JPY', `13${week % 10}.5`, 'BOJ', monday)] : []),
    ...(week % 3 === 0 ? [rate('EUR/USD', '0.97', 'BOJ', monday)] : []),
  ]),
  rate('USD/GBP', '0.8931', 'BOE', '2022-10-03T14:00:00.000Z'),
  ...MONDAYS.map((monday) => rate('USD/MXN', '0.4', 'BMX', monday)),
];

const path = new URL('../../examples/promotions/amazon-ads-api-click-credit-2022.json', import.meta.url);
export const ROW_A = JSON.parse(readFileSync(path, 'utf8')) as TermsV1;

/** Longer, smaller, and not for every product: so that ends, caps and products of two promotions interleave. */
export const SECOND_TERMS: TermsV1 = {
  ...ROW_A,
  name: 'A second promotion',
  award: { ...ROW_A.award, capPerMarketplace: { amount: '250.00', currency: 'USD' }, appliesTo: ['SP', 'SD'] },
  expiry: { after: 'P60D', settlementGrace: 'P10D' },
};
