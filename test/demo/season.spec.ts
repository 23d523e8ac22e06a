import { beforeAll, describe, expect, it } from '@jest/globals';
import { BEHAVIOURS, type Behaviour } from '../../src/demo/cast.js';
import { DEFAULT_ADVERTISERS } from '../../src/demo/demo.js';
import { readRates, readTerms } from '../../src/demo/files.js';
import { season, type Command, type Season } from '../../src/demo/season.js';
import { MARKETS } from '../../src/demo/world.js';
import { COMMANDS } from '../../src/http/commands-registry.js';
import { validateCommand } from '../../src/http/validation.js';
import { currencyExponent } from '../../src/kernel/currencies.js';

const terms = readTerms();
const rates = readRates();
const played = (seed: number, advertisers: number): Season => season({ seed, advertisers, terms, rates });
const commandsOf = ({ phases }: Season): readonly Command[] => phases.flatMap(({ commands }) => commands);

describe('a season', () => {
  it('is decided by its seed', () => {
    expect(played(7, 20)).toEqual(played(7, 20));
    expect(played(8, 20)).not.toEqual(played(7, 20));
  });

  it('begins with the advertisers of a shorter one', () => {
    const [short, long] = [played(7, 14), played(7, 20)];
    expect(long.cast.slice(0, 14)).toEqual(short.cast);
    const ofShort = new Set(short.cast.map(({ advertiserId }) => advertiserId));
    const theirs = (all: Season) => commandsOf(all).filter(({ data }) => ofShort.has(String(data['advertiserId'])));
    expect(theirs(long)).toEqual(theirs(short));
  });

  it('has every behaviour, however few advertisers that leaves to chance', () => {
    expect(played(7, BEHAVIOURS.length).cast.map(({ behaviour }) => behaviour)).toEqual(BEHAVIOURS);
  });
});

describe('the season of the default size', () => {
  let all: Season;
  let commands: readonly Command[];
  const dataOf = (type: string) => commands.filter((command) => command.type === type).map(({ data }) => data);
  const idsOf = (...behaviours: Behaviour[]) =>
    new Set(all.cast.filter(({ behaviour }) => behaviours.includes(behaviour)).map(({ advertiserId }) => advertiserId));

  beforeAll(() => {
    all = played(2022, DEFAULT_ADVERTISERS);
    commands = commandsOf(all);
  });

  it('is several hundred advertisers, each another, in all 14 marketplaces with their currencies', () => {
    expect(new Set(all.cast.map(({ advertiserId }) => advertiserId)).size).toBe(DEFAULT_ADVERTISERS);
    const seen = new Set(
      dataOf('AccountOpened').map((data) => `${textIn(data, 'marketplace')} ${textIn(data, 'currency')}`),
    );
    expect([...seen].sort()).toEqual(MARKETS.map(({ marketplace, currency }) => `${marketplace} ${currency}`).sort());
    expect(MARKETS.map(({ marketplace }) => marketplace).sort()).toEqual([...terms.marketplaces].sort());
  });

  it('has only commands that a client may send, without a fault in any', () => {
    const faults = commands.flatMap(({ type, data }) => {
      const dto = COMMANDS.get(type);
      const checked = dto ? validateCommand(dto, data) : { faults: `unknown type ${type}` };
      return 'faults' in checked ? [{ type, data, faults: checked.faults }] : [];
    });
    expect(faults).toEqual([]);
  });

  it("writes costs with exactly their currency's digits, between 30 cents and 4 dollars' worth", () => {
    const strange = dataOf('ClickSpent').filter(({ cost }) => {
      const { amount, currency } = cost as { amount: string; currency: string };
      const minorPerDollar = MARKETS.find((market) => market.currency === currency)?.minorPerDollar ?? 0n;
      const minor = BigInt(amount.replace('.', '')) * 100n;
      const digits = amount.split('.')[1]?.length ?? 0;
      return digits !== currencyExponent(currency) || minor < 30n * minorPerDollar || minor > 400n * minorPerDollar;
    });
    expect(strange).toEqual([]);
  });

  it('sends some facts twice, and the same both times', () => {
    const seen = new Map<string, Command>();
    const again = commands.filter((command) => {
      const { clickId } = command.data;
      if (command.type !== 'ClickSpent') return false;
      const first = seen.get(String(clickId));
      seen.set(String(clickId), first ?? command);
      return first !== undefined;
    });
    expect(again.length).toBeGreaterThan(100);
    expect(again.filter((command) => seen.get(String(command.data['clickId'])) !== command)).toEqual([]);
  });

  it('delivers no fact before it happened, and some after a run or a sweep that has happened since', () => {
    const late = all.phases.map(({ commands: delivered }, at) => {
      const [from, until] = [all.phases[at - 1]?.step.at ?? '', all.phases[at]?.step.at ?? ''];
      const times = delivered.map(({ data }) => textIn(data, 'occurredAt') || textIn(data, 'effectiveAt'));
      expect(times.filter((time) => time >= until)).toEqual([]);
      return times.filter((time) => time < from).length;
    });
    // The first phase has no step before it.
    expect(late.map((count) => count > 0)).toEqual([false, true, true, true, true, true, true, true, true]);
  });

  it('reverses a click only after it was sent', () => {
    const sent = new Set<unknown>();
    const early = commands.filter(({ type, data }) => {
      if (type === 'ClickSpent') sent.add(data['clickId']);
      return type === 'ClickReversed' && !sent.has(data['clickId']);
    });
    expect(early).toEqual([]);
    expect(dataOf('ClickReversed').length).toBeGreaterThan(100);
  });

  it('has who is never invited, and who used the API in the three months before', () => {
    const invited = new Set(dataOf('AdvertiserInvited').map(({ advertiserId }) => advertiserId));
    const uninvited = all.cast.filter(({ advertiserId }) => !invited.has(advertiserId));
    expect(new Set(uninvited.map(({ advertiserId }) => advertiserId))).toEqual(idsOf('never-invited'));
    const before = dataOf('ApiChangeRecorded').filter(({ occurredAt }) => String(occurredAt) < '2022-08-22T07:00');
    expect(before.filter(({ occurredAt }) => String(occurredAt) < '2022-05-22T07:00')).toEqual([]);
    expect(new Set(before.map(({ advertiserId }) => advertiserId))).toEqual(idsOf('prior-api-use'));
  });

  it('has who is suspended over the first run, and who cannot pay by then', () => {
    const at = '2022-10-04T07:00:00.000Z';
    const [suspended, restored] = ['suspended', 'good'].map((standing) =>
      dataOf('AccountStandingChanged').filter(
        (data) => data['standing'] === standing && data['reason'] !== 'click fraud',
      ),
    );
    expect(new Set(suspended?.map(({ advertiserId }) => advertiserId))).toEqual(idsOf('suspended-at-run'));
    expect(suspended?.filter(({ occurredAt }) => String(occurredAt) > at)).toEqual([]);
    expect(restored?.filter(({ occurredAt }) => String(occurredAt) < at)).toEqual([]);
    const unpaid = dataOf('PaymentMethodChanged').filter(({ occurredAt }) => String(occurredAt) > at);
    expect(new Set(unpaid.map(({ advertiserId }) => advertiserId))).toEqual(idsOf('late-payment-method'));
  });

  it('tells of some accounts only after the first run', () => {
    const [first, ...rest] = all.phases;
    const opened = (some: readonly Command[] = []) =>
      new Set(some.filter(({ type }) => type === 'AccountOpened').map(({ data }) => data['advertiserId']));
    const before = opened(first?.commands);
    const after = [...opened(rest.flatMap((phase) => phase.commands))].filter((id) => !before.has(id));
    expect(new Set(after)).toEqual(idsOf('late-account'));
  });

  it('has goodwill that leaves no room under the cap, and fraud that is clawed back', () => {
    const granted = dataOf('CreditApplied');
    expect(new Set(granted.map(({ advertiserId }) => advertiserId))).toEqual(idsOf('goodwill-to-the-cap'));
    expect(granted.every(({ granted: money }) => (money as { amount: string }).amount === '450.00')).toBe(true);
    const revoked = dataOf('CreditRevoked');
    expect(new Set(revoked.map(({ advertiserId }) => advertiserId))).toEqual(idsOf('fraud'));
    expect(revoked.every(({ clawback }) => clawback === true)).toBe(true);
  });

  it('pauses campaigns, skips weeks, gives up, and makes calls that only read', () => {
    expect(new Set(dataOf('CampaignPaused').map(({ reason }) => reason))).toEqual(new Set(['budget', 'out-of-stock']));
    const qualifying = dataOf('ApiChangeRecorded').filter(
      ({ method, path }) => method !== 'GET' && !/\/(list|recommendations)$/.test(String(path)),
    );
    const changing = new Set(qualifying.map(({ advertiserId }) => String(advertiserId)));
    expect([...idsOf('reads-only')].filter((id) => changing.has(id))).toEqual([]);
    const paths = new Set(
      dataOf('ApiChangeRecorded').map((data) => `${textIn(data, 'method')} ${textIn(data, 'path')}`),
    );
    expect(paths).toContain('POST /sp/campaigns/list');
    expect(paths).toContain('POST /sp/targets/bid/recommendations');
    expect([...paths].some((path) => /^PUT \/v2\/sp\/campaigns\/\d+$/.test(path))).toBe(true);
    expect([...paths].some((path) => path.endsWith('?locale=en_US'))).toBe(true);

    const weeksOf = (behaviour: Behaviour) => {
      const theirs = qualifying.filter(({ advertiserId }) => idsOf(behaviour).has(String(advertiserId)));
      return [...Map.groupBy(theirs, ({ campaignId }) => campaignId).values()].map((changes) =>
        changes.map(({ occurredAt }) => weekOf(String(occurredAt))).sort((a, b) => a - b),
      );
    };
    const isGapless = (weeks: readonly number[]) => new Set(weeks).size === (weeks.at(-1) ?? 0) - (weeks[0] ?? 0) + 1;
    expect(weeksOf('steady').every(isGapless)).toBe(true);
    expect(weeksOf('misses-a-week').some(isGapless)).toBe(false);
    expect(weeksOf('gives-up').every((weeks) => new Set(weeks).size < 4)).toBe(true);
  });
});

const textIn = (data: Command['data'], field: string): string => {
  const value = data[field];
  return typeof value === 'string' ? value : '';
};

const weekOf = (instant: string): number =>
  Math.floor((Date.parse(instant) - Date.parse('2022-08-22T07:00:00Z')) / (7 * 86_400_000)) + 1;
