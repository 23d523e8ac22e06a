import { plusWallClock } from '../../kernel/calendar.js';
import type { Instant } from '../../kernel/instant.js';
import { once } from '../../kernel/once.js';
import { firstActivation, firstLaunchesIn } from './activity.js';
import { activeAt, activeFor, firstLaunch, launched, type CampaignScope } from './campaign-conditions.js';
import { totalChanges, weeklyChanges } from './changes.js';
import { attested, offerActivated, redeemed } from './enrollment-conditions.js';
import type { CampaignFacts } from './facts.js';
import { firstToMeet, furthest, type CampaignVerdict } from './furthest.js';
import type { Rules } from './rules.js';
import { spendReached } from './spend.js';
import type { AtomTerms, ConditionTerms, QualifyingActions } from './terms.js';
import { allOf, anyOf, type Outcome, type Verdict } from './verdict.js';
import { windowOf, within, type Happening, type Scope, type Span, type Window } from './windows.js';
import { conditionWords } from './words.js';

/** The conditions of one subject, each looked at once; those on campaigns once for each campaign. */
export class Evaluation {
  readonly scope: Scope;
  private readonly verdicts = new Map<ConditionTerms, Verdict>();
  private readonly index: Index;
  private readonly firstLaunches = once(() => firstLaunchesIn(this.scope.facts.campaigns));
  private readonly weeks = new Map<string, Instant>();
  private candidates: readonly Candidate[] | undefined;

  constructor(
    subject: Omit<Scope, 'met'>,
    private readonly told: string | null,
  ) {
    this.scope = { ...subject, met: (id) => this.met(id) };
    this.index = indexOf(subject.rules);
  }

  verdict(condition: ConditionTerms): Verdict {
    return remembered(this.verdicts, condition, () =>
      'campaign' in condition
        ? this.overCampaigns(condition.campaign, condition)
        : verdictOf(condition, null, this.scope, null, (part) => this.verdict(part)),
    );
  }

  /** Outside of campaigns, a campaign's condition was met when the first campaign met it. */
  private met(id: string): Happening {
    const { condition, ofCampaign } = this.find(id);
    return happening(ofCampaign ? this.overCampaigns(condition, condition) : this.verdict(condition));
  }

  private find(id: string): Indexed {
    const found = this.index.byId.get(id);
    if (!found) throw new Error(`no condition has the id ${id}`);
    return found;
  }

  /** Met by the first campaign that meets it; else as the furthest stands, or one that is still to be made. */
  private overCampaigns(inner: ConditionTerms, outer: ConditionTerms): Verdict {
    this.candidates ??= this.allCandidates();
    const all = this.candidates.map(({ campaignId, branches }): CampaignVerdict => {
      const verdicts = branches.map((branch) => branch.verdict(inner));
      return { campaignId, verdict: verdicts.reduce(sooner) };
    });
    const made = all.filter(({ campaignId }) => campaignId !== '');
    const { verdict } =
      made.find(({ campaignId }) => campaignId === this.told) ?? firstToMeet(made) ?? furthest(made) ?? unmade(all);
    const outcome = anyOf(all.map((each) => each.verdict));
    const { missing, needs } = outcome.metAt === null ? verdict : outcome;
    const { campaignId } = verdict;
    return { ...described(outer), ...outcome, missing, needs, campaignId, parts: [verdict], soFar: null };
  }

  /** The campaigns of the product, and for each product one that could still be made. */
  private allCandidates(): readonly Candidate[] {
    const { rules, product, facts } = this.scope;
    const products = product === 'ALL' ? rules.products : [product];
    const made = facts.campaigns.filter((campaign) => products.includes(campaign.product));
    const toMake = products.map((each): CampaignFacts => ({
      campaignId: '',
      product: each,
      activity: [],
      changes: [],
    }));
    const candidates = (branchesOf: (campaign: CampaignFacts) => readonly Branch[]) =>
      [...made, ...toMake].map((campaign) => ({
        campaignId: campaign.campaignId,
        branches: branchesOf(campaign),
      }));
    // The window of a launch may begin when campaigns have met something: that is asked of what they are now.
    this.candidates = candidates((campaign) => [this.branch(campaign, this.scope.asOf)]);
    const all = candidates((campaign) => this.branchesOf(campaign));
    this.verdicts.clear();
    return all;
  }

  /** One that is not launched could be at once, or when the window of a launch begins. */
  private branchesOf(campaign: CampaignFacts): readonly Branch[] {
    const { asOf } = this.scope;
    const now = this.branch(campaign, asOf);
    if (firstActivation(campaign)) return [now];
    const begins = this.index.launches.map((launch) => {
      const window = windowOf(launch.window, now.scope);
      return (window.waitsFor === null ? window.span : window.hoped)?.from ?? asOf;
    });
    const later = [...new Set(begins)].filter((begin) => begin > asOf);
    return [asOf, ...later].map((begin) => this.branch(campaign, begin));
  }

  /** The same weeks are asked for by every campaign. */
  private weeksLater(from: Instant, weeks: number): Instant | undefined {
    const key = `${from}+${weeks}`;
    const before = this.weeks.get(key);
    if (before !== undefined) return before;
    const at = plusWallClock(from, `P${7 * weeks}D`, this.scope.rules.timeZone);
    if (at !== undefined) this.weeks.set(key, at);
    return at;
  }

  private branch(campaign: CampaignFacts, hopedActiveFrom: Instant): Branch {
    const changesPerWeek = (actions: readonly QualifyingActions[]) => {
      const asked = this.index.weekly.filter((weekly) => sameActions(weekly.actions, actions));
      return asked.length === 0 ? null : Math.max(...asked.map((weekly) => weekly.changesPerWeek));
    };
    const weeksLater = (from: Instant, weeks: number) => this.weeksLater(from, weeks);
    const firstLaunchOf = (product: string | null) => this.firstLaunches().get(product) ?? null;
    const scope = { ...this.scope, campaign, hopedActiveFrom, changesPerWeek, firstLaunchOf, weeksLater };
    return new Branch(scope, (id) => {
      const { condition, ofCampaign } = this.find(id);
      return ofCampaign ? condition : this.verdict(condition);
    });
  }
}

/** The conditions of one campaign, if it is active from a certain time on. */
class Branch {
  readonly scope: CampaignScope;
  private readonly verdicts = new Map<ConditionTerms, Verdict>();

  constructor(scope: CampaignScope, find: (id: string) => ConditionTerms | Verdict) {
    const met = (id: string) => {
      const found = find(id);
      return happening('kind' in found ? found : this.verdict(found));
    };
    this.scope = { ...scope, met };
  }

  verdict(condition: ConditionTerms): Verdict {
    const { campaignId } = this.scope.campaign;
    return remembered(this.verdicts, condition, () =>
      verdictOf(condition, campaignId || null, this.scope, this.scope, (part) => this.verdict(part)),
    );
  }
}

interface Candidate {
  readonly campaignId: string;
  readonly branches: readonly Branch[];
}

function remembered(verdicts: Map<ConditionTerms, Verdict>, condition: ConditionTerms, judge: () => Verdict): Verdict {
  const before = verdicts.get(condition);
  if (before) return before;
  const verdict = judge();
  verdicts.set(condition, verdict);
  return verdict;
}

function verdictOf(
  condition: ConditionTerms,
  campaignId: string | null,
  scope: Scope,
  campaign: CampaignScope | null,
  verdictOfPart: (part: ConditionTerms) => Verdict,
): Verdict {
  const verdict = (outcome: Outcome, parts: readonly Verdict[]): Verdict => ({
    soFar: null,
    ...described(condition),
    ...outcome,
    campaignId,
    parts,
  });
  if ('campaign' in condition) throw new Error('a campaign has no campaigns');
  if ('all' in condition) {
    const parts = condition.all.map(verdictOfPart);
    return verdict(allOf(parts), parts);
  }
  if ('any' in condition) {
    const parts = condition.any.map(verdictOfPart);
    return verdict(anyOf(parts), parts);
  }
  const window = windowOfAtom(condition, scope);
  return verdict(
    within(window, scope.asOf, (span) => outcomeOf(condition, span, scope, campaign)),
    [],
  );
}

function windowOfAtom(atom: AtomTerms, scope: Scope): Window {
  if ('spend' in atom) return windowOf(atom.spend.window ?? atom.window, scope);
  // A moment is a time of its own, which may lie after the period: without a window it is not bounded by it.
  if ('activeAt' in atom && !atom.window) return { span: { from: scope.calendar.start, end: null }, waitsFor: null };
  return windowOf(atom.window, scope);
}

function outcomeOf(atom: AtomTerms, span: Span, scope: Scope, campaign: CampaignScope | null): Outcome {
  if ('spend' in atom) return spendReached(atom.spend, span, scope);
  if ('attested' in atom) return attested(atom.attested, span, scope);
  if ('redeemed' in atom) return redeemed(atom.redeemed, span, scope);
  if ('activated' in atom) return offerActivated(span, scope);
  if (!campaign) throw new Error(`${conditionWords(atom)}: no campaign to ask of`);
  if ('weeklyChanges' in atom) return weeklyChanges(atom.weeklyChanges, atom.window, span, campaign);
  if ('totalChanges' in atom) return totalChanges(atom.totalChanges, span, campaign);
  if ('activeFor' in atom) return activeFor(atom.activeFor, span, campaign);
  if ('launched' in atom) return launched(atom.launched, span, campaign);
  if ('firstLaunch' in atom) return firstLaunch(atom.firstLaunch, span, campaign);
  return activeAt(atom.activeAt, span, campaign);
}

const described = (condition: ConditionTerms): Pick<Verdict, 'kind' | 'id' | 'says'> => ({
  kind: KINDS.find((kind) => kind in condition)!,
  id: condition.id ?? null,
  says: conditionWords(condition),
});
const KINDS = [
  'all',
  'any',
  'campaign',
  'weeklyChanges',
  'totalChanges',
  'activeFor',
  'launched',
  'firstLaunch',
  'activeAt',
  'spend',
  'attested',
  'redeemed',
  'activated',
] as const;

const happening = ({ metAt, couldBeMetAt, until }: Verdict): Happening => ({
  at: metAt,
  couldBeAt: couldBeMetAt,
  until: metAt ?? until,
});

/** Of two ways in which it could go, the one that is met, or could be met, sooner. */
const sooner = (a: Verdict, b: Verdict): Verdict =>
  b.couldBeMetAt !== null && (a.couldBeMetAt === null || b.couldBeMetAt < a.couldBeMetAt) ? b : a;

/** Of those that are still to be made. */
const unmade = (all: readonly CampaignVerdict[]): CampaignVerdict =>
  all
    .filter(({ campaignId }) => campaignId === '')
    .reduce((best, each) => (sooner(best.verdict, each.verdict) === best.verdict ? best : each));

const sameActions = (a: readonly QualifyingActions[], b: readonly QualifyingActions[]): boolean =>
  a === b || JSON.stringify(a) === JSON.stringify(b);

interface Indexed {
  readonly condition: ConditionTerms;
  readonly ofCampaign: boolean;
}

/** What conditions of the whole document refer to. */
interface Index {
  readonly byId: ReadonlyMap<string, Indexed>;
  readonly weekly: readonly Extract<AtomTerms, { weeklyChanges: object }>['weeklyChanges'][];
  readonly launches: readonly AtomTerms[];
}

function indexOf({ stages }: Rules): Index {
  const all = stages.flatMap(({ qualifying }) => conditionsIn(qualifying, false));
  const atoms = all.map(({ condition }) => condition);
  return {
    byId: new Map(all.flatMap((each) => (each.condition.id === undefined ? [] : [[each.condition.id, each]]))),
    weekly: atoms.flatMap((atom) => ('weeklyChanges' in atom ? [atom.weeklyChanges] : [])),
    launches: atoms.filter((atom) => 'launched' in atom || 'firstLaunch' in atom),
  };
}

function conditionsIn(condition: ConditionTerms, ofCampaign: boolean): readonly Indexed[] {
  const own = { condition, ofCampaign };
  if ('campaign' in condition) return [own, ...conditionsIn(condition.campaign, true)];
  const parts = 'all' in condition ? condition.all : 'any' in condition ? condition.any : [];
  return [own, ...parts.flatMap((part) => conditionsIn(part, ofCampaign))];
}
