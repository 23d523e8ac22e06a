import { describe, expect, it } from '@jest/globals';
import { grouped, liveOf, shown, sumLines, type AccountBook } from '../../src/demo/books.js';
import type { CreditItem, StatementLine } from '../../src/demo/ledger.js';
import { quarters } from '../../src/demo/progress.js';
import * as report from '../../src/demo/report.js';
import { left, right, table } from '../../src/demo/table.js';
import type { Instant } from '../../src/kernel/instant.js';

const at = (day: string) => `2022-${day}T07:00:00.000Z` as Instant;
const CLOSE = at('12-31');

function line(
  day: string,
  kind: StatementLine['kind'],
  amount: string,
  billable = '0.00',
  clickId = '',
): StatementLine {
  return { effectiveAt: at(day), recordedAt: at(day), position: '1', kind, clickId, amount, billable };
}

/**
 * EUR 204.83 of SP: k1 draws 100.00 and is reversed in time; k2 draws 50.00 and is reversed too late, forfeited; k3 draws
 * 4.83 and bills 1.17; 150.00 lapse. EUR 201.73 of SB: k4 draws 60.00, clawed back when the rest is revoked.
 */
const GERMAN_LINES = [
  line('09-30', 'click', '0.00', '2.00', 'k0'),
  line('10-04', 'credit-applied', '204.83'),
  line('10-10', 'click', '-100.00', '0.00', 'k1'),
  line('10-11', 'click-reversed', '100.00', '0.00', 'k1'),
  line('10-12', 'click', '-50.00', '0.00', 'k2'),
  line('10-13', 'click', '-4.83', '1.17', 'k3'),
  line('11-01', 'credit-applied', '201.73'),
  line('11-03', 'credit-expired', '-150.00'),
  line('11-04', 'click-reversed', '0.00', '0.00', 'k2'),
  line('11-05', 'click', '-60.00', '0.00', 'k4'),
  line('11-06', 'credit-revoked', '-141.73', '60.00'),
  line('11-07', 'click-reversed', '0.00', '-2.00', 'k0'),
];

const credit = (day: string, withinSla: boolean | null): CreditItem => ({
  creditId: `credit-${day}`,
  product: 'SP',
  granted: { amount: '200.00', currency: 'USD' },
  applied: { amount: '204.83', currency: 'EUR' },
  drawn: '0.00',
  qualifiedAt: null,
  appliedAt: at(day),
  expiresAt: at('12-01'),
  withinSla,
});

function book(marketplace: string, currency: string, lines: StatementLine[], billed: string, credits: CreditItem[]) {
  const available = { amount: '0.00', currency };
  const account = { advertiserId: 'A1', marketplace, currency, available };
  return { account, balance: { currency, available: '0.00', billed, credits }, lines } satisfies AccountBook;
}

const GERMANY = book('DE', 'EUR', GERMAN_LINES, '61.17', [credit('10-04', true), credit('11-01', false)]);
const JAPANESE_LINES = [line('10-04', 'credit-applied', '28982'), line('10-05', 'click', '-1234567', '3', 'k9')];
const JAPAN = book('JP', 'JPY', JAPANESE_LINES, '3', [credit('10-04', null)]);

describe('the sums of a statement', () => {
  it('are those worked out by hand', () => {
    expect(sumLines(GERMAN_LINES, CLOSE)).toEqual({
      granted: 40656n,
      spent: 6600n,
      drawn: 11483n,
      billed: 6117n,
      expired: 15000n,
      revoked: 14173n,
      clawedBack: 6000n,
      forfeited: 5000n,
    });
    expect(liveOf(sumLines(GERMAN_LINES, CLOSE))).toBe(0n);
  });

  it('leave out what is effective later', () => {
    const sums = sumLines(GERMAN_LINES, at('10-12'));
    expect([sums.granted, sums.drawn, sums.billed, liveOf(sums)]).toEqual([20483n, 5000n, 200n, 15483n]);
  });
});

describe('amounts and instants in print', () => {
  it.each([
    [0n, 'EUR', '0.00'],
    [-5n, 'EUR', '-0.05'],
    [100000n, 'EUR', '1,000.00'],
    [-123456789n, 'EUR', '-1,234,567.89'],
    [1234567n, 'JPY', '1,234,567'],
    [999n, 'JPY', '999'],
    [1234567n, 'KWD', '1,234.567'],
  ])('%s minor units of %s are %s', (minor, currency, text) => expect(grouped(minor, currency)).toBe(text));

  it('drop what says nothing', () => {
    expect(shown(at('10-04'))).toBe('2022-10-04 07:00:00Z');
    expect(shown('2022-10-04T07:00:00.120Z' as Instant)).toBe('2022-10-04 07:00:00.120Z');
  });
});

describe('the tables', () => {
  it('stand in columns, numbers to the right, totals under a rule', () => {
    expect(
      table(
        [left('name'), right('EUR')],
        [
          ['a', '1.00'],
          ['long one', '12.00'],
        ],
        [['all', '13.00']],
      ),
    ).toEqual([
      'name        EUR',
      '--------  -----',
      'a          1.00',
      'long one  12.00',
      '--------  -----',
      'all       13.00',
    ]);
  });

  it('say what each marketplace was granted, spent, billed and lost', () => {
    const [head, , germany, japan, , all] = report.marketplacesTable([JAPAN, GERMANY], CLOSE).map(cells);
    expect(head?.slice(0, 3)).toEqual(['accounts', 'credits', 'granted USD']);
    expect(germany).toEqual([
      'DE',
      'EUR',
      '1',
      '2',
      '400.00',
      '406.56',
      '66.00',
      '114.83',
      '61.17',
      '150.00',
      '141.73',
    ]);
    expect(japan).toEqual(['JP', 'JPY', '1', '1', '200.00', '28,982', '1,234,570', '1,234,567', '3', '0', '0']);
    expect(all).toEqual(['all', 'USD', '2', '3', '600.00']);
  });

  it('say who paid for the clicks: spent is by credits and billed, less what was clawed back or forfeited', () => {
    const [, , euro] = report.whoPaidTable([GERMANY], CLOSE).map(cells);
    expect(euro).toEqual(['EUR', '66.00', '114.83', '61.17', '60.00', '50.00']);
  });

  it('say of each run how many were within 30 days, and why others were not applied', () => {
    const run = (day: string, reasons: string[][]) => ({
      date: `2022-${day}`,
      runAt: at(day),
      applied: 1,
      deferred: reasons.length,
      deferrals: reasons.map((each) => ({ reasons: each })),
      position: '9',
    });
    const deferred = [['standing-suspended', 'cap-exceeded'], ['cap-exceeded']];
    const runs = [run('10-04', deferred), run('11-01', []), run('12-06', [])];
    const [, , october, november, december] = report.runsTable(runs, [GERMANY, JAPAN]).map(cells);
    const because = 'cap-exceeded 2, standing-suspended 1';
    expect(october).toEqual(['2022-10-04', '2022-10-04 07:00:00Z', '1', '1 of 1', '2', because]);
    expect(november).toEqual(['2022-11-01', '2022-11-01 07:00:00Z', '1', '0 of 1', '0']);
    expect(december?.[3]).toBe('-');
  });

  it('say what each expiry run found unused', () => {
    const amounts = [{ amount: '1234.50', currency: 'EUR' }];
    const sweeps = [
      { asOf: at('11-06'), expired: 2, amounts },
      { asOf: at('12-04'), expired: 1, amounts: [{ amount: '7', currency: 'JPY' }] },
    ];
    const [head, , euro, yen, , ended] = report.sweepsTable(sweeps).map(cells);
    expect(head).toEqual(['unused', '2022-11-06', '2022-12-04']);
    expect([euro, yen, ended]).toEqual([
      ['EUR', '1,234.50', '-'],
      ['JPY', '-', '7'],
      ['credits ended', '2', '1'],
    ]);
  });
});

describe('the checks', () => {
  const said = (amount: string) => [{ ...GERMANY.account, available: { amount, currency: 'EUR' } }];

  it('compare what must be left with what the ledger says is available', () => {
    const checked = report.liabilityCheck([GERMANY], said('154.83'), at('10-12'));
    expect(checked.balanced).toBe(true);
    expect(cells(checked.lines[2])).toEqual(['EUR', '204.83', '50.00', '0.00', '0.00', '154.83', '154.83', 'balanced']);
  });

  it('find a cent', () => {
    const checked = report.liabilityCheck([GERMANY], said('154.82'), at('10-12'));
    expect(checked.balanced).toBe(false);
    expect(checked.lines[2]).toMatch(/154\.82 {2}DIFFERS$/);
  });

  it('find a bill that is not what the statement adds up to', () => {
    const wrong = { ...JAPAN, balance: { ...JAPAN.balance, billed: '4' } };
    expect(report.billsThatDiffer([GERMANY, JAPAN, wrong], CLOSE)).toEqual([wrong]);
  });
});

describe('progress without a terminal', () => {
  it('is a line for each quarter of the way', () => {
    const printed: string[] = [];
    const progress = quarters((text) => printed.push(text));
    progress.start('importing', 10);
    [2, 1, 2, 4, 1].forEach((count) => progress.advance(count));
    progress.stop();
    expect(printed).toEqual(['3', '5', '9', '10'].map((done) => `  importing: ${done} of 10`));
  });
});

const cells = (text = ''): string[] => text.trim().split(/ {2,}/);
