import { describe, expect, it } from '@jest/globals';
import { UNBOUND } from '../../src/kernel/bounds.js';
import { epochMs } from '../../src/kernel/instant.js';
import { BEGINNING } from '../../src/notices/feed.js';
import { NoticesModel } from '../../src/notices/notices-model.js';
import { ReadModelDatabase } from '../../src/read-models/database.js';
import { at, Told } from './told.js';

const CREDIT = { creditId: 'c', appliedMinor: 10_000, appliedAt: at('10-04T07:00'), expiresAt: at('11-03T07:00') };
const SEVEN_DAYS_BEFORE = at('10-27T07:00');

/** A credit that is recorded when it is applied. */
const withCredit = (credit = CREDIT): Told => {
  const told = new Told();
  told.record(credit.appliedAt, (history) => history.give(credit));
  return told;
};

describe('a credit that is about to end', () => {
  it('is told from seven days before on, while something is left', () => {
    const { model } = withCredit();
    expect(model.due(at('10-27T06:59'))).toEqual([]);
    expect(model.due(SEVEN_DAYS_BEFORE)).toEqual([
      {
        place: { position: 3n, due: epochMs(SEVEN_DAYS_BEFORE), ordinal: 1 },
        notice: {
          id: 'credit-expiring~adv~DE~c',
          kind: 'credit-expiring',
          advertiserId: 'adv',
          marketplace: 'DE',
          position: null,
          occurredAt: SEVEN_DAYS_BEFORE,
          data: expect.objectContaining({
            remaining: { amount: '100.00', currency: 'EUR' },
            expiresAt: CREDIT.expiresAt,
          }),
        },
      },
    ]);
    expect(model.nextDue(at('10-01T00:00'))).toBe(SEVEN_DAYS_BEFORE);
    expect(model.nextDue(SEVEN_DAYS_BEFORE)).toBeNull();
  });

  it('keeps its place once an event is recorded after it, and is told once', () => {
    const told = withCredit();
    const [clocked] = told.model.due(at('10-28T00:00'))!;
    told.record(at('10-29T00:00'), (history) => history.click('1', 100, at('10-29T00:00')));
    expect(told.all().map(({ place, notice }) => [place, notice.kind])).toEqual([
      [{ position: 3n, due: 0, ordinal: 0 }, 'credit-applied'],
      [clocked!.place, 'credit-expiring'],
    ]);
    expect(told.all()[1]!.notice).toEqual(clocked!.notice);
    expect(told.model.due(at('11-01T00:00'))).toEqual([]);
  });

  it('is not told when nothing is left, when it was revoked, or when it has ended', () => {
    const used = withCredit();
    used.record(at('10-10T00:00'), (history) => history.click('1', 10_000, at('10-10T00:00')));
    expect(used.kinds(at('10-28T00:00'))).toEqual(['credit-applied', 'credit-80-percent-used', 'credit-used-up']);
    const revoked = withCredit();
    revoked.record(at('10-10T00:00'), (history) => history.revoke('c', at('10-10T00:00'), false));
    expect(revoked.kinds(at('10-28T00:00'))).toEqual(['credit-applied']);
  });

  it('is told when a reversal gives something back within the seven days', () => {
    const told = withCredit();
    told.record(at('10-10T00:00'), (history) => history.click('1', 10_000, at('10-10T00:00')));
    told.record(at('10-30T00:00'), (history) => history.reverse('1', at('10-30T00:00')));
    expect(told.model.due(at('10-30T00:00'))).toMatchObject([{ notice: { occurredAt: at('10-30T00:00') } }]);
  });

  it('is told though nothing is recorded for longer than the seven days', () => {
    const told = withCredit();
    told.record(at('12-01T00:00'), (history) => history.click('1', 1, at('12-01T00:00')));
    expect(told.all()).toMatchObject([{}, { notice: { kind: 'credit-expiring', occurredAt: SEVEN_DAYS_BEFORE } }]);
  });

  it('is not told of a season that was brought in when it had passed', () => {
    const told = new Told();
    told.record(at('12-01T00:00'), (history) => {
      history.give(CREDIT);
      history.click('1', 100, at('10-05T00:00'));
    });
    told.record(at('12-02T00:00'), (history) => history.click('2', 100, at('10-06T00:00')));
    expect(told.kinds(at('12-31T00:00'))).toEqual(['credit-applied']);
  });

  it('is not told of what is recorded and taken back within one millisecond', () => {
    const told = new Told();
    told.record(at('10-30T00:00'), (history) => {
      history.give(CREDIT);
      history.revoke('c', at('10-30T00:00'), false);
    });
    expect(told.kinds(at('10-31T00:00'))).toEqual(['credit-applied']);
  });

  it('is told when it is applied if it lasts for less than seven days', () => {
    const { model } = withCredit({ ...CREDIT, expiresAt: at('10-06T07:00') });
    expect(model.due(CREDIT.appliedAt)).toMatchObject([{ notice: { occurredAt: CREDIT.appliedAt } }]);
  });

  it('is told as the service knows the time, when the log was written elsewhere by a clock that is ahead', () => {
    const told = new Told();
    told.now = at('10-28T00:00');
    told.record(at('12-01T00:00'), (history) => history.give(CREDIT));
    expect(told.kinds(told.now)).toEqual(['credit-applied', 'credit-expiring']);
  });

  it('is told by a model that is built anew at the same places', () => {
    const told = withCredit();
    told.record(at('10-29T00:00'), (history) => history.click('1', 9000, at('10-29T00:00')));
    told.record(at('11-10T00:00'), (history) => history.sweep(at('11-10T00:00')));
    const again = new NoticesModel(new ReadModelDatabase(':memory:'), () => told.now);
    told.log.forEach((event) => again.apply(event));
    expect(again.after(BEGINNING, told.head, 100, UNBOUND)).toEqual(told.all());
    expect(told.kinds()).toEqual(['credit-applied', 'credit-expiring', 'credit-80-percent-used']);
  });
});
