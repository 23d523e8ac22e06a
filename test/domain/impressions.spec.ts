import { describe, expect, it } from '@jest/globals';
import { accountDecider } from '../../src/accounts/domain/account.js';
import {
  applied,
  click,
  givenOpened,
  impressions,
  opened,
  parts,
  revocation,
  revoked,
  shown,
  spent,
} from './account-examples.js';

const CREDIT = applied('sp', '10.00');

describe('impressions', () => {
  it('cost their price for a thousand, and are paid from the credit and billed for the rest', () => {
    const said = { count: 3_000, cpm: '4.11' };
    givenOpened(CREDIT)
      .when(impressions(said))
      .then(shown(said, '12.33', parts('sp', '10.00'), '2.33'));
  });

  it.each([
    // In cents: 0.5 and 2.5 go to the even one, 1.5 and 3.5 too; beside the half there is no tie.
    [100, '0.15', '0.02'],
    [100, '0.25', '0.02'],
    [100, '0.35', '0.04'],
    [501, '0.01', '0.01'],
    [1, '10.00', '0.01'],
    [999, '0.02', '0.02'],
    [1_000_000_000, '9999999.99', '9999999990000.00'],
  ])('%i at %s a thousand cost %s: rounded half-even once', (count, cpm, cost) => {
    const said = { count, cpm };
    givenOpened()
      .when(impressions(said))
      .then(shown(said, cost, [], cost));
  });

  it('are drawn by product, and billed where no credit is live', () => {
    const other = { count: 1_000, cpm: '1.00', product: 'SB' };
    givenOpened(applied('sp', '10.00', { appliesTo: ['SP'] }))
      .when(impressions(other))
      .then(shown(other, '1.00', [], '1.00'));
    const early = { count: 1_000, cpm: '1.00', on: '2022-10-04T06:59Z' };
    givenOpened(CREDIT)
      .when(impressions(early))
      .then(shown(early, '1.00', [], '1.00'));
  });

  it('take nothing that a later click has drawn already', () => {
    const late = { count: 10_000, cpm: '0.70', on: '2022-10-09T08:00Z' };
    givenOpened(CREDIT, spent({ cost: '6.00', on: '2022-10-10T08:00Z' }, parts('sp', '6.00')))
      .when(impressions(late))
      .then(shown(late, '7.00', parts('sp', '4.00'), '3.00'));
  });

  it('leave a credit with less for clicks, and are clawed back with it', () => {
    const before = shown({ count: 10_000, cpm: '0.70' }, '7.00', parts('sp', '7.00'));
    const dear = { cost: '5.00', on: '2022-10-11T08:00Z' };
    givenOpened(CREDIT, before)
      .when(click(dear))
      .then(spent(dear, parts('sp', '3.00'), '2.00'));
    givenOpened(CREDIT, before)
      .when(revocation('sp', '2022-10-12T00:00Z', true))
      .then(revoked('sp', '2022-10-12T00:00Z', '3.00', '7.00'));
    givenOpened(CREDIT, before).when(revocation('sp', '2022-10-09T00:00Z')).thenRefused('revocation-too-early');
  });

  it('are one fact for each id, beside a click of that id', () => {
    expect(accountDecider.idOf(shown({ count: 1, cpm: '10.00' }, '0.01', []))).toBe('ImpressionsSpent:i-1');
  });
});

describe('a credit for one kind of spend', () => {
  const CLICKS_ONLY = applied('sp', '10.00', { spendKinds: ['clicks'] });
  const IMPRESSIONS_ONLY = applied('sb', '10.00', { spendKinds: ['impressions'] });

  it('pays for that kind alone; one that names none pays for all', () => {
    const seen = { count: 1_000, cpm: '2.00' };
    const clicked = { cost: '2.00', on: '2022-10-10T08:00Z' };
    const both = givenOpened(CLICKS_ONLY, IMPRESSIONS_ONLY);
    both.when(impressions(seen)).then(shown(seen, '2.00', parts('sb', '2.00')));
    both.when(click(clicked)).then(spent(clicked, parts('sp', '2.00')));
    givenOpened(CLICKS_ONLY)
      .when(impressions(seen))
      .then(shown(seen, '2.00', [], '2.00'));
    givenOpened(applied('sd', '10.00', { spendKinds: ['clicks', 'impressions'] }))
      .when(impressions(seen))
      .then(shown(seen, '2.00', parts('sd', '2.00')));
    givenOpened(CREDIT)
      .when(impressions(seen))
      .then(shown(seen, '2.00', parts('sp', '2.00')));
  });

  it('is written down with it', () => {
    const history = [opened(), CLICKS_ONLY, CREDIT];
    const state = history.reduce((before, event) => accountDecider.evolve(before, event), accountDecider.initial);
    const codec = accountDecider.codec!;
    expect(codec.decode(codec.encode(state))).toStrictEqual(state);
  });
});
