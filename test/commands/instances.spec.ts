import { beforeEach, describe, expect, it } from '@jest/globals';
import { accountDecider } from '../../src/accounts/domain/account.js';
import type { AccountCommand } from '../../src/accounts/domain/decide.js';
import type { AccountEvent } from '../../src/accounts/domain/events.js';
import { CommandHandling, type Outcome } from '../../src/commands/handling.js';
import { accountStream } from '../../src/kernel/identifiers.js';
import { click, grant, opened, reversal, revocation, SWEEPABLE_AT, sweep, usd } from '../domain/account-examples.js';
import { SharedStore } from '../support/shared-store.js';

const STREAM = accountStream('adv-1', 'DE');
const SWEPT_ON = SWEEPABLE_AT;

/** One of several instances of the service, with states in memory of its own. */
class Instance {
  private readonly handling: CommandHandling<Parameters<typeof accountDecider.decide>[1], AccountCommand, AccountEvent>;

  constructor(store: SharedStore) {
    this.handling = new CommandHandling(store, accountDecider);
  }

  /** Sends a fact as clients do. */
  send(command: AccountCommand | AccountEvent): Promise<Outcome<AccountEvent>> {
    const id = command.type === 'SweepCredits' ? null : accountDecider.idOf(command as AccountEvent);
    const said = id === null ? {} : command.data;
    return this.handling.execute({ stream: STREAM, command: command as AccountCommand, id, said });
  }

  creditsNow = async () => (await this.handling.stateOf(STREAM)).credits.map(({ creditId }) => creditId);
}

const on = (day: number) => `2022-10-${String(day).padStart(2, '0')}T12:00Z`;
/** What a client is told of a recorded fact. */
function told(outcome: Outcome<AccountEvent>) {
  if (outcome.status !== 'appended' && outcome.status !== 'duplicate') throw new Error(`it was ${outcome.status}`);
  const { revision, position, event } = outcome;
  return { revision, position, data: event.data };
}
const refusal = (code: string) => ({ status: 'rejected', refusal: { refused: code } });

describe.each([
  ['that finds what others wrote', false],
  ['that looks no further than it must', true],
])('two instances on one store %s', (_, looksNoFurther) => {
  let store: SharedStore;
  let a: Instance;
  let b: Instance;

  beforeEach(() => {
    store = new SharedStore(looksNoFurther);
    a = new Instance(store);
    b = new Instance(store);
  });

  /** An open account with a credit of EUR 200, which both have in memory. */
  async function bothKnowTheAccount(): Promise<void> {
    await a.send(opened());
    await a.send(grant({ creditId: 'sp' }));
    await b.send(click({ id: 'known-to-b', cost: '1.00', on: on(5) }));
    await a.send(click({ id: 'known-to-a', cost: '1.00', on: on(5) }));
    expect(await a.creditsNow()).toEqual(await b.creditsNow());
  }

  it('open an account on one, and spend on the other that has just refused to', async () => {
    const spending = click({ cost: '5.00', on: on(10) });
    expect(await b.send(spending)).toMatchObject(refusal('unknown-account'));
    await a.send(opened());
    expect(await b.send(spending)).toMatchObject({ status: 'appended', revision: 1 });
  });

  it('never refuse by a state that is out of date', async () => {
    await bothKnowTheAccount();
    expect(await b.send(revocation('sb', on(20)))).toMatchObject(refusal('unknown-credit'));
    await a.send(grant({ creditId: 'sb', product: 'SB' }));
    expect(await b.send(revocation('sb', on(20)))).toMatchObject({ status: 'appended' });
    expect(await a.send(click({ id: 'k', cost: '300.00', on: on(21) }))).toMatchObject({
      event: { data: { billable: { amount: '102.00' } } },
    });
  });

  it('keep a cap that the other has filled', async () => {
    await bothKnowTheAccount();
    await a.send(grant({ creditId: 'sb', product: 'SB', granted: usd('400.00') }));
    expect(await b.send(grant({ creditId: 'sd', product: 'SD', granted: usd('0.01') }))).toMatchObject(
      refusal('cap-exceeded'),
    );
  });

  it('know what the other has recorded: duplicates, conflicts, clicks to reverse', async () => {
    await bothKnowTheAccount();
    const first = await a.send(click({ id: 'k', cost: '5.00', on: on(10) }));
    const again = await b.send(click({ id: 'k', cost: '5.00', on: on(10) }));
    expect([again.status, told(again)]).toEqual(['duplicate', told(first)]);
    expect(await b.send(click({ id: 'k', cost: '6.00', on: on(10) }))).toMatchObject(refusal('conflicting-duplicate'));
    await a.send(grant({ creditId: 'sb', product: 'SB', granted: usd('50.00') }));
    await a.send(click({ id: 'over-both', cost: '240.00', on: on(11) }));
    expect(await b.send(reversal('over-both', on(12)))).toMatchObject({
      status: 'appended',
      event: { data: { restored: [{ creditId: 'sb' }, { creditId: 'sp' }], billable: { amount: '0.00' } } },
    });
    expect(await b.creditsNow()).toEqual(await a.creditsNow());
  });

  it('record a fact once that both are sent at once, and say to one of them that it is there', async () => {
    await bothKnowTheAccount();
    for (let round = 0; round < 20; round += 1) {
      const fact = click({ id: `k-${round}`, cost: '1.00', on: on(10) });
      const outcomes = await Promise.all([a.send(fact), b.send(fact)]);
      expect(outcomes.map(({ status }) => status).sort()).toEqual(['appended', 'duplicate']);
      expect(told(outcomes[0])).toEqual(told(outcomes[1]));
    }
  });

  it('take one of two contradicting facts that come at once', async () => {
    await bothKnowTheAccount();
    for (let round = 0; round < 20; round += 1) {
      const outcomes = await Promise.all(
        [a, b].map((each, index) => each.send(click({ id: `k-${round}`, cost: `${index + 1}.00`, on: on(10) }))),
      );
      expect(outcomes.map(({ status }) => status).sort()).toEqual(['appended', 'rejected']);
      const taken = outcomes.find(({ status }) => status === 'appended')!;
      const [recorded] = (await store.find(STREAM, [`ClickSpent:k-${round}`])).values();
      expect(recorded?.data).toEqual(told(taken).data);
    }
  });

  it('never overdraw a credit, whoever is faster', async () => {
    await bothKnowTheAccount();
    const outcomes = await Promise.all(
      Array.from({ length: 60 }, (_, n) => (n % 2 ? a : b).send(click({ id: `k-${n}`, cost: '7.00', on: on(10) }))),
    );
    const drawn = outcomes.map((outcome) => {
      if (outcome.status !== 'appended' || outcome.event.type !== 'ClickSpent') throw new Error(outcome.status);
      return outcome.event.data.draws.reduce((sum, { amount }) => sum + Number(amount.amount), 0);
    });
    expect(drawn.reduce((sum, amount) => sum + amount, 0)).toBe(198);
  });

  it('sweep a credit once, and count it once, when both sweep at once', async () => {
    await bothKnowTheAccount();
    await a.send(grant({ creditId: 'sb', product: 'SB', granted: usd('50.00') }));
    const outcomes = await Promise.all([a.send(sweep(SWEPT_ON)), b.send(sweep(SWEPT_ON)), b.send(sweep(SWEPT_ON))]);
    const events = outcomes.flatMap((outcome) => (outcome.status === 'settled' ? outcome.events : []));
    expect(events.map((event) => accountDecider.idOf(event)).sort()).toEqual(['CreditExpired:sb', 'CreditExpired:sp']);
  });

  it('read the tail of a stream, and never all of it again', async () => {
    await bothKnowTheAccount();
    for (let n = 0; n < 50; n += 1) await a.send(click({ id: `a-${n}`, cost: '1.00', on: on(10) }));
    const { eventsRead } = store;
    expect(await b.send(click({ id: 'b', cost: '1.00', on: on(10) }))).toMatchObject({ status: 'appended' });
    // What came since b looked last.
    expect(store.eventsRead - eventsRead).toBe(50);
    expect(await b.send(revocation('none', on(20)))).toMatchObject(refusal('unknown-credit'));
    expect(store.eventsRead - eventsRead).toBe(50);
  });
});
