import { IDENTIFIER } from '../../kernel/identifiers.js';
import {
  count,
  either,
  field,
  list,
  named,
  object,
  oneOf,
  optional,
  set,
  text,
  textOr,
  type Reader,
} from './terms-readers.js';
import type {
  AnchorTerms,
  ConditionTerms,
  EdgeTerms,
  MomentTerms,
  QualifyingActions,
  SpendKind,
  SpendTerms,
  WindowTerms,
} from './terms.js';
import { amount, apiPath, localDateTime, method, product } from './terms-values.js';

/** Days of 24 hours; weeks are so many days. */
export const days = text(/^P([1-9]\d{0,3}D|[1-9]\d{0,2}W)$/, 'a duration in days or weeks such as "P14D"', (value) =>
  value.endsWith('W') ? `P${7 * Number(value.slice(1, -1))}D` : value,
);

export const id = text(/^[a-z][a-z0-9-]{0,31}$/, 'an id such as "first-launch": small letters, digits and hyphens');

const names = field(
  oneOf('period-start', 'period-end', 'invitation', 'activation', 'account-opened', 'first-impression', 'first-spend'),
  'When it starts or ends, when the advertiser was invited or activated the offer, or the opening of its account, its first impressions or spend in the marketplace.',
  'activation',
);
const namedInstant = object({ at: names });
const met = object({ met: field(id, 'The `id` of a condition: the instant at which it was met.', 'launched') });

const anchorOf: Reader<AnchorTerms> = textOr(
  localDateTime,
  either({ at: namedInstant, met }),
  'a local date and time, {"at": …} or {"met": …}',
);
export const anchor = named('anchor', anchorOf);

/** What is known before any condition is looked at. */
export const earlyAnchor: Reader<AnchorTerms> = textOr(
  localDateTime,
  namedInstant,
  'a local date and time or {"at": …}',
);

const edgeOf: Reader<EdgeTerms> = textOr(
  localDateTime,
  either({
    at: namedInstant,
    met,
    after: object({
      from: field(anchor, 'What it is counted from.', { at: 'activation' }),
      after: field(days, 'So long after it, in days of 24 hours.', 'P30D'),
    }),
  }),
  'a local date and time, {"at": …}, {"met": …} or {"from": …, "after": …}',
);
const edge = named('edge', edgeOf);

const from = field(edge, 'From this instant on, inclusive.', { at: 'activation' });
const windowOf: Reader<WindowTerms> = either(
  {
    for: object({ from, for: field(days, 'So long, in days of 24 hours.', 'P60D') }),
    until: object({ from, until: field(edge, 'Until this instant, exclusive.', '2022-12-31T00:00') }),
  },
  object({ from }),
);
export const window = named('window', windowOf);
const WINDOW_EXAMPLE = { from: { at: 'activation' }, for: 'P60D' };

const momentOf: Reader<MomentTerms> = object({
  from: field(anchor, 'The instant, or what it is counted from.', { met: 'launched' }),
  after: optional(days, 'So long after it, in days of 24 hours.', 'P30D'),
});

export const spendKinds: Reader<readonly SpendKind[]> = set(oneOf('clicks', 'impressions'));

const spendFields = {
  products: optional(set(product), 'Only spend on these of the products.', ['SP']),
  spend: optional(spendKinds, 'Only spend of these kinds.', ['clicks']),
  window: optional(window, 'When it is spent; by default in the period.', WINDOW_EXAMPLE),
};
export const spendOf: Reader<SpendTerms> = object(spendFields);

const ACTION = { product: 'SB', methods: ['POST', 'PUT'], paths: ['/sb/campaigns'] };
const actions: Reader<readonly QualifyingActions[]> = field(
  list(
    object({
      product: field(product, 'One of the products of the terms.', 'SB'),
      methods: field(set(method), 'HTTP methods.', ['POST', 'PUT']),
      paths: field(set(apiPath), 'Paths without query; one more segment of digits matches, too.', ['/sb/campaigns']),
    }),
  ),
  'Which calls are qualifying changes: any of the methods on any of the paths.',
  [ACTION],
);

const ofAny = {
  id: optional(id, 'By which windows refer to the instant at which it was met; unique in the document.', 'launched'),
};
const ofAtom = {
  ...ofAny,
  window: optional(window, 'When it has to be met; by default in the period.', WINDOW_EXAMPLE),
};
const changes = count(1_000_000);
const identifiers = (what: string) => set(text(IDENTIFIER, what));

/** Conditions on one campaign; what they look at is in a `campaign`. */
const OF_CAMPAIGNS = {
  weeklyChanges: object({
    weeklyChanges: field(
      object({
        weeks: field(count(520), 'So many consecutive weeks, each with its changes.', 4),
        changesPerWeek: field(changes, 'So many qualifying changes make a week count.', 1),
        actions,
      }),
      'Consecutive weeks (7 days each from the start of the window), each with so many changes over the API.',
      { weeks: 4, changesPerWeek: 1, actions: [ACTION] },
    ),
    ...ofAtom,
  }),
  totalChanges: object({
    totalChanges: field(
      object({ changes: field(changes, 'So many qualifying changes.', 4), actions }),
      'So many changes over the API.',
      { changes: 4, actions: [ACTION] },
    ),
    ...ofAtom,
  }),
  activeFor: object({
    activeFor: field(
      object({
        duration: field(days, 'So long, in days of 24 hours.', 'P28D'),
        activity: optional(
          oneOf('total', 'continuous'),
          '`total` leaves pauses out of the time; `continuous`: one unbroken interval is long enough.',
          'continuous',
          'total',
        ),
      }),
      'The campaign was active for so long.',
      { duration: 'P28D' },
    ),
    ...ofAtom,
  }),
  launched: object({
    launched: field(
      object({
        endDate: optional(oneOf('none', 'any'), '`none`: launched with no planned end.', 'none', 'any'),
      }),
      'The campaign was activated for the first time.',
      { endDate: 'none' },
    ),
    ...ofAtom,
  }),
  firstLaunch: object({
    firstLaunch: field(
      object({
        of: optional(
          oneOf('product', 'any-product'),
          'No campaign before it of its own product, or of any product.',
          'any-product',
          'product',
        ),
      }),
      'As `launched`, and it is the first campaign of the advertiser in the marketplace.',
      { of: 'product' },
    ),
    ...ofAtom,
  }),
  activeAt: object({
    activeAt: field(
      object({
        moment: field(momentOf, 'The instant at which it is active.', { from: { met: 'launched' }, after: 'P30D' }),
        pauses: optional(
          oneOf('allowed', 'none'),
          "`none`: it is active at every instant from the window's start on, too.",
          'none',
          'allowed',
        ),
      }),
      'The campaign is active at a moment.',
      { moment: { from: '2022-12-24T00:00' } },
    ),
    ...ofAtom,
  }),
};

/** Conditions on the advertiser. */
const OF_ADVERTISERS = {
  spend: object({
    spend: field(
      object({
        amount: field(
          amount,
          'At least so much, in whatever currency: it is converted. It may be another in some marketplaces.',
          {
            amount: '500.00',
            currency: 'USD',
          },
        ),
        ...spendFields,
      }),
      'Own spend in the marketplace: what was billed for clicks and impressions, not what credits paid.',
      { amount: { amount: '500.00', currency: 'USD' } },
    ),
    ...ofAtom,
  }),
  attested: object({
    attested: field(
      object({
        action: field(text(IDENTIFIER, 'the name of an action'), 'The action, as attestations name it.', 'certificate'),
        by: optional(identifiers('who may attest'), 'Only attestations by these count.', ['academy']),
      }),
      'Somebody attested to an action of the advertiser.',
      { action: 'certificate' },
    ),
    ...ofAtom,
  }),
  redeemed: object({
    redeemed: field(
      object({ codes: field(set(text(IDENTIFIER, 'a code'), 100_000), 'Any of these codes.', ['WELCOME-2022']) }),
      'The advertiser redeemed a code.',
      { codes: ['WELCOME-2022'] },
    ),
    ...ofAtom,
  }),
  activated: object({
    activated: field(oneOf('offer'), 'The advertiser activated the offer.', 'offer'),
    ...ofAtom,
  }),
};

export const KINDS_OF_CAMPAIGNS: readonly string[] = Object.keys(OF_CAMPAIGNS);
export const KINDS_OF_ADVERTISERS: readonly string[] = Object.keys(OF_ADVERTISERS);

const MOST_NESTED = 16;
export const MOST_CONDITIONS = 100;
const LAUNCHED = { launched: {} };

function conditionsAt(depth: number): Reader<ConditionTerms> {
  const inside = named('condition', depth < MOST_NESTED ? conditionsAt(depth + 1) : TOO_DEEP);
  const several = list(inside, MOST_CONDITIONS);
  return either({
    all: object({ all: field(several, 'All of these are met.', [{ activated: 'offer' }]), ...ofAny }),
    any: object({ any: field(several, 'At least one of these is met.', [{ activated: 'offer' }]), ...ofAny }),
    campaign: object({
      campaign: field(inside, 'One and the same campaign of the advertiser meets this.', LAUNCHED),
      ...ofAny,
    }),
    ...OF_CAMPAIGNS,
    ...OF_ADVERTISERS,
  });
}

const TOO_DEEP: Reader<ConditionTerms> = {
  read: (_, path, { fault }) => fault(path, `is nested more than ${MOST_NESTED} conditions deep`),
  schema: {},
};

const conditionOf = conditionsAt(1);
export const condition = named('condition', conditionOf);

export const CONDITION_DEFINITIONS = {
  anchor: anchorOf.schema,
  edge: edgeOf.schema,
  window: windowOf.schema,
  condition: conditionOf.schema,
};
