import type { Command } from './client.js';
import { granted, invited, opened, PROMOTION_ID, rate, TERMS } from './history.js';

/** A command that must be refused: `paths` are all the faults its answer lists, no more and no fewer. */
export interface BadCommand {
  readonly name: string;
  readonly body: unknown;
  readonly status: number;
  readonly code: string;
  readonly paths?: readonly string[];
}

type Data = Readonly<Record<string, unknown>>;

const NOW = '2022-10-10T08:00:00Z';
const ACCOUNT = { advertiserId: 'adv-1', marketplace: 'DE' };
const OWNER = { ...ACCOUNT, campaignId: 'c-new', product: 'SP' };
const CLICK: Data = {
  ...ACCOUNT,
  clickId: 'k-new',
  campaignId: 'c-1',
  product: 'SP',
  cost: { amount: '1.00', currency: 'EUR' },
  occurredAt: NOW,
};
const CHANGE: Data = {
  ...OWNER,
  changeId: 'h-new',
  partnerId: 'partner-1',
  method: 'PUT',
  path: '/v2/sp/campaigns',
  changes: 1,
  occurredAt: NOW,
};
const IMPRESSIONS: Data = {
  ...ACCOUNT,
  impressionsId: 'i-new',
  campaignId: 'c-1',
  product: 'SP',
  impressions: 1000,
  cpm: { amount: '2.50', currency: 'EUR' },
  occurredAt: NOW,
};
const GRANT: Data = { ...granted('grant-new', 'adv-1', 'DE', 'SB', '100.00').data };
const RATE: Data = rate('EUR', 'USD', '1.01', '2022-11-01T00:00:00Z').data;
const STANDING: Data = { ...ACCOUNT, standing: 'good', occurredAt: NOW };
const PAYMENT: Data = { ...ACCOUNT, valid: true, occurredAt: NOW };
const REVERSAL: Data = { ...ACCOUNT, clickId: 'k-1', reason: 'invalid traffic', occurredAt: '2022-10-12T00:00:00Z' };
const REVOCATION: Data = { ...ACCOUNT, creditId: 'grant-1', reason: 'fraud', clawback: false, occurredAt: NOW };
const INVITATION: Data = { promotionId: PROMOTION_ID, advertiserId: 'adv-2', partnerId: 'partner-1', occurredAt: NOW };
const ENROLLED = { promotionId: PROMOTION_ID, advertiserId: 'adv-2', occurredAt: NOW };
const WITHDRAWAL: Data = { ...ENROLLED, reason: 'sent in error' };
const REDEMPTION: Data = { ...ENROLLED, code: 'WELCOME' };
const ATTESTATION: Data = { ...ENROLLED, attestationId: 'a-new', action: 'certificate', attestedBy: 'academy' };
const OPENING: Data = opened('adv-2', 'FR', 'EUR').data;
const PAUSE: Data = { campaignId: 'c-1', reason: 'manual', occurredAt: NOW };
const END: Data = { campaignId: 'c-1', occurredAt: NOW };
const TERMINATION: Data = { promotionId: PROMOTION_ID, reason: 'budget spent', occurredAt: NOW };
const REVISION: Data = { promotionId: PROMOTION_ID, terms: TERMS, reason: 'a later end' };

const without = (data: Data, ...names: string[]): Data =>
  Object.fromEntries(Object.entries(data).filter(([name]) => !names.includes(name)));

const command = (type: string, data: unknown): Command => ({ type, data: data as Data });

/** `type` with `data` changed by `change` is an invalid command, whose faults are at these fields of its data. */
function invalid(name: string, type: string, data: Data, change: Data, ...fields: string[]): BadCommand {
  const paths = (fields.length > 0 ? fields : Object.keys(change)).map((field) => `/data/${field}`);
  return {
    name: `${type}: ${name}`,
    body: command(type, { ...data, ...change }),
    status: 400,
    code: 'invalid-command',
    paths,
  };
}

function refused(name: string, status: number, code: string, type: string, data: Data): BadCommand {
  return { name: `${type}: ${name}`, body: command(type, data), status, code };
}

const cost = (amount: unknown, currency: unknown = 'EUR'): Data => ({ cost: { amount, currency } });

const envelopes: readonly BadCommand[] = [
  { name: 'a number for a command', body: 5, status: 400, code: 'invalid-command', paths: [''] },
  { name: 'a text for a command', body: 'ClickSpent', status: 400, code: 'invalid-command', paths: [''] },
  { name: 'null for a command', body: null, status: 400, code: 'invalid-command', paths: [''] },
  { name: 'no type', body: { data: CLICK }, status: 400, code: 'invalid-command', paths: ['/type'] },
  {
    name: 'a type that is no text',
    body: { type: 7, data: CLICK },
    status: 400,
    code: 'invalid-command',
    paths: ['/type'],
  },
  {
    name: 'an unknown type',
    body: command('CreditMinted', CLICK),
    status: 400,
    code: 'invalid-command',
    paths: ['/type'],
  },
  {
    name: 'a type of every object',
    body: command('constructor', CLICK),
    status: 400,
    code: 'invalid-command',
    paths: ['/type'],
  },
  {
    name: 'an event of the expiry run',
    body: command('CreditExpired', { ...ACCOUNT, creditId: 'grant-1' }),
    status: 400,
    code: 'invalid-command',
    paths: ['/type'],
  },
  {
    name: 'the start of a run',
    body: command('DisbursementRunStarted', { promotionId: PROMOTION_ID, date: '2022-10-04' }),
    status: 400,
    code: 'invalid-command',
    paths: ['/type'],
  },
  {
    name: 'the end of a run',
    body: command('DisbursementRunCompleted', { promotionId: PROMOTION_ID, date: '2022-10-04' }),
    status: 400,
    code: 'invalid-command',
    paths: ['/type'],
  },
  { name: 'no data', body: { type: 'ClickSpent' }, status: 400, code: 'invalid-command', paths: ['/data'] },
  {
    name: 'data that is null',
    body: command('ClickSpent', null),
    status: 400,
    code: 'invalid-command',
    paths: ['/data'],
  },
  {
    name: 'data that is a list',
    body: command('ClickSpent', [CLICK]),
    status: 400,
    code: 'invalid-command',
    paths: ['/data'],
  },
  {
    name: 'an unknown field beside type and data',
    body: { type: 'ClickSpent', data: CLICK, position: '1' },
    status: 400,
    code: 'invalid-command',
    paths: ['/position'],
  },
  {
    name: 'faults in and beside data',
    body: { type: 'ClickSpent', data: { ...CLICK, clickId: '', colour: 'red' }, position: '1' },
    status: 400,
    code: 'invalid-command',
    paths: ['/data/clickId', '/data/colour', '/position'],
  },
];

const amounts: readonly BadCommand[] = [
  invalid('an amount that is a number', 'ClickSpent', CLICK, cost(1.5), 'cost/amount'),
  invalid('an amount with a comma', 'ClickSpent', CLICK, cost('1,50'), 'cost/amount'),
  invalid('an amount with an exponent', 'ClickSpent', CLICK, cost('1e2'), 'cost/amount'),
  invalid('an amount with a sign', 'ClickSpent', CLICK, cost('+1.00'), 'cost/amount'),
  invalid('a negative amount', 'ClickSpent', CLICK, cost('-1.00'), 'cost/amount'),
  invalid('an amount with a leading zero', 'ClickSpent', CLICK, cost('01.00'), 'cost/amount'),
  invalid('an amount that ends in its point', 'ClickSpent', CLICK, cost('1.'), 'cost/amount'),
  invalid('an amount that begins with its point', 'ClickSpent', CLICK, cost('.50'), 'cost/amount'),
  invalid('an amount with a line break', 'ClickSpent', CLICK, cost('1.00\n'), 'cost/amount'),
  invalid('an amount in other digits', 'ClickSpent', CLICK, cost('١.٠٠'), 'cost/amount'),
  invalid('zero', 'ClickSpent', CLICK, cost('0'), 'cost/amount'),
  invalid('zero with digits', 'ClickSpent', CLICK, cost('0.00'), 'cost/amount'),
  invalid('one cent above 10^15', 'ClickSpent', CLICK, cost('10000000000000.01'), 'cost/amount'),
  invalid('one yen above 10^15', 'ClickSpent', CLICK, cost('1000000000000001', 'JPY'), 'cost/amount'),
  invalid('an amount of a thousand digits', 'ClickSpent', CLICK, cost('9'.repeat(1000)), 'cost/amount'),
  invalid('an unknown currency', 'ClickSpent', CLICK, cost('1.00', 'EUX'), 'cost/currency'),
  invalid('a currency in small letters', 'ClickSpent', CLICK, cost('1.00', 'eur'), 'cost/currency'),
  invalid('no currency', 'ClickSpent', CLICK, { cost: { amount: '1.00' } }, 'cost/currency'),
  invalid('money that is a text', 'ClickSpent', CLICK, { cost: '1.00 EUR' }),
  invalid(
    'money with more fields',
    'ClickSpent',
    CLICK,
    { cost: { ...(CLICK['cost'] as object), minor: 100 } },
    'cost/minor',
  ),
  invalid('an amount and a currency', 'ClickSpent', CLICK, cost('x', 'y'), 'cost/amount', 'cost/currency'),
  ...[
    ['10.5', 'JPY'],
    ['1.005', 'EUR'],
    ['1.0005', 'KWD'],
    // Digits are counted, not what they say.
    ['1.000', 'EUR'],
  ].map(([amount, currency]) => ({
    name: `ClickSpent: ${amount} ${currency}`,
    body: command('ClickSpent', { ...CLICK, ...cost(amount, currency) }),
    status: 400,
    code: 'precision',
    paths: ['/data/cost/amount'],
  })),
  {
    name: 'CreditApplied: a tenth of a cent',
    body: command('CreditApplied', { ...GRANT, granted: { amount: '1.001', currency: 'USD' } }),
    status: 400,
    code: 'precision',
    paths: ['/data/granted/amount'],
  },
  invalid(
    'too many digits and another fault',
    'ClickSpent',
    CLICK,
    { ...cost('1.005'), clickId: '' },
    'cost/amount',
    'clickId',
  ),
];

const cpm = (amount: string, currency = 'EUR'): Data => ({ cpm: { amount, currency } });

const impressions: readonly BadCommand[] = [
  invalid('none at all', 'ImpressionsSpent', IMPRESSIONS, { impressions: 0 }),
  invalid('less than none', 'ImpressionsSpent', IMPRESSIONS, { impressions: -1000 }),
  invalid('half a one', 'ImpressionsSpent', IMPRESSIONS, { impressions: 0.5 }),
  invalid('a count that is a text', 'ImpressionsSpent', IMPRESSIONS, { impressions: '1000' }),
  invalid('more than 10^9', 'ImpressionsSpent', IMPRESSIONS, { impressions: 1_000_000_001 }),
  invalid('no price', 'ImpressionsSpent', without(IMPRESSIONS, 'cpm'), {}, 'cpm'),
  invalid('a price of zero', 'ImpressionsSpent', IMPRESSIONS, cpm('0.00'), 'cpm/amount'),
  invalid('a price in no currency', 'ImpressionsSpent', IMPRESSIONS, cpm('2.50', 'EUX'), 'cpm/currency'),
  invalid('a cost, which the ledger decides', 'ImpressionsSpent', IMPRESSIONS, { cost: IMPRESSIONS['cpm'] }),
  invalid(
    'a cost above 10^15 cents',
    'ImpressionsSpent',
    IMPRESSIONS,
    { impressions: 1001, ...cpm('10000000000000.00') },
    'impressions',
  ),
  invalid('a dot for an id', 'ImpressionsSpent', IMPRESSIONS, { impressionsId: '', advertiserId: 'adv.1' }),
  ...[
    [1, '5.00', 'EUR'],
    [50, '0.10', 'EUR'],
    [500, '1', 'JPY'],
  ].map(([count, price, currency]) => ({
    name: `ImpressionsSpent: ${count} at ${price} ${currency} a thousand`,
    body: command('ImpressionsSpent', { ...IMPRESSIONS, impressions: count, cpm: { amount: price, currency } }),
    status: 400,
    code: 'precision',
    paths: ['/data/impressions'],
  })),
  {
    name: 'ImpressionsSpent: a tenth of a cent for a thousand',
    body: command('ImpressionsSpent', { ...IMPRESSIONS, ...cpm('2.505') }),
    status: 400,
    code: 'precision',
    paths: ['/data/cpm/amount'],
  },
];

const enrollments: readonly BadCommand[] = [
  invalid('no reason', 'InvitationWithdrawn', without(WITHDRAWAL, 'reason'), {}, 'reason'),
  invalid('an unknown field', 'OfferActivated', ENROLLED, { marketplace: 'DE' }),
  invalid('a promotion with a dot', 'OfferActivated', ENROLLED, { promotionId: 'promo.1' }),
  invalid('a code of nothing', 'CodeRedeemed', REDEMPTION, { code: '' }),
  invalid('a code with a blank', 'CodeRedeemed', REDEMPTION, { code: 'WELCOME 2022' }),
  invalid('a code that is a number', 'CodeRedeemed', REDEMPTION, { code: 2022 }),
  invalid('nobody', 'ActionAttested', without(ATTESTATION, 'attestedBy'), {}, 'attestedBy'),
  invalid('an action in a sentence', 'ActionAttested', ATTESTATION, { action: 'passed the examination' }),
  invalid('no attestation', 'ActionAttested', ATTESTATION, { attestationId: null }),
  invalid(
    'everything missing',
    'ActionAttested',
    {},
    {},
    'promotionId',
    'advertiserId',
    'attestationId',
    'action',
    'attestedBy',
    'occurredAt',
  ),
];

const instants: readonly BadCommand[] = [
  ['a leap second', '2022-12-31T23:59:60Z'],
  ['24:00', '2022-10-10T24:00:00Z'],
  ['microseconds', '2022-10-10T08:00:00.000001Z'],
  ['no offset', '2022-10-10T08:00:00'],
  ['a date alone', '2022-10-10'],
  ['a blank for the T', '2022-10-10 08:00:00Z'],
  ['30 February', '2022-02-30T08:00:00Z'],
  ['month 13', '2022-13-01T08:00:00Z'],
  ['minute 60', '2022-10-10T08:60:00Z'],
  ['an offset of 24 hours', '2022-10-10T08:00:00+24:00'],
  ['a zone name', '2022-10-10T08:00:00 Europe/Berlin'],
  ['five digits of a year', '12022-10-10T08:00:00Z'],
  ['a number', 1665388800000],
  ['null', null],
].map(([name, occurredAt]) => invalid(`an instant with ${name}`, 'ClickSpent', CLICK, { occurredAt }));

const identifiers: readonly BadCommand[] = [
  invalid('a dot', 'AccountOpened', OPENING, { advertiserId: 'adv.1' }),
  invalid('129 characters', 'AccountOpened', OPENING, { advertiserId: 'a'.repeat(129) }),
  invalid('nothing', 'AccountOpened', OPENING, { advertiserId: '' }),
  invalid('an umlaut', 'AccountOpened', OPENING, { advertiserId: 'händler' }),
  invalid('a blank', 'AccountOpened', OPENING, { advertiserId: 'adv 1' }),
  invalid('a line break at the end', 'AccountOpened', OPENING, { advertiserId: 'adv-1\n' }),
  invalid('a number', 'AccountOpened', OPENING, { advertiserId: 7 }),
  invalid('a list', 'AccountOpened', OPENING, { advertiserId: ['adv-1'] }),
  invalid('a marketplace of three letters', 'AccountOpened', OPENING, { marketplace: 'DEU' }),
  invalid('a marketplace in small letters', 'AccountOpened', OPENING, { marketplace: 'de' }),
  invalid('a marketplace with a digit', 'AccountOpened', OPENING, { marketplace: 'D1' }),
  invalid('an unknown currency', 'AccountOpened', OPENING, { currency: 'XYZ' }),
  invalid('a click of 129 characters', 'ClickSpent', CLICK, { clickId: 'k'.repeat(129) }),
  invalid('a campaign with a hash', 'ClickSpent', CLICK, { campaignId: 'c#1' }),
  invalid('a promotion with a dot', 'AdvertiserInvited', INVITATION, { promotionId: 'promo.1' }),
  invalid('a partner of nothing', 'AdvertiserInvited', INVITATION, { partnerId: '' }),
  invalid('a product of nothing', 'ClickSpent', CLICK, { product: '' }),
];

const fields: readonly BadCommand[] = [
  invalid('an unknown field', 'AccountOpened', OPENING, { colour: 'red' }),
  invalid('everything missing', 'AccountOpened', {}, {}, 'advertiserId', 'marketplace', 'currency', 'occurredAt'),
  invalid('a standing of its own', 'AccountStandingChanged', STANDING, { standing: 'bad' }),
  invalid('a reason that is no text', 'AccountStandingChanged', STANDING, { reason: 5 }),
  invalid('a flag that is a text', 'PaymentMethodChanged', PAYMENT, { valid: 'true' }),
  invalid('no flag', 'PaymentMethodChanged', without(PAYMENT, 'valid'), {}, 'valid'),
  invalid('what only the ledger decides', 'ClickSpent', CLICK, { draws: [], billable: CLICK['cost'] }),
  invalid(
    'six faults at once',
    'ClickSpent',
    CLICK,
    { advertiserId: 'a.b', marketplace: 'x', clickId: null, ...cost('0', 'EUX'), colour: 1 },
    'advertiserId',
    'marketplace',
    'clickId',
    'cost/amount',
    'cost/currency',
    'colour',
  ),
  invalid('no reason', 'ClickReversed', without(REVERSAL, 'reason'), {}, 'reason'),
  invalid('an empty reason', 'ClickReversed', REVERSAL, { reason: '' }),
  invalid('a clawback that is a number', 'CreditRevoked', REVOCATION, { clawback: 1 }),
  invalid('an unknown field', 'CreditRevoked', REVOCATION, { amount: '1.00' }),
  invalid('an instant the ledger decides', 'CreditApplied', GRANT, { expiresAt: NOW, origin: 'run' }),
  invalid("the ledger's own creditId", 'CreditApplied', GRANT, { creditId: `${PROMOTION_ID}:adv-1:DE:SB` }),
  invalid(
    'a grant of zero',
    'CreditApplied',
    GRANT,
    { granted: { amount: '0.00', currency: 'USD' } },
    'granted/amount',
  ),
  invalid('a method that is a list', 'ApiChangeRecorded', CHANGE, { method: ['PUT'] }),
  invalid('no path', 'ApiChangeRecorded', without(CHANGE, 'path'), {}, 'path'),
  invalid('no changes at all', 'ApiChangeRecorded', CHANGE, { changes: 0 }),
  invalid('less than no changes', 'ApiChangeRecorded', CHANGE, { changes: -1 }),
  invalid('half a change', 'ApiChangeRecorded', CHANGE, { changes: 1.5 }),
  invalid('changes as a text', 'ApiChangeRecorded', CHANGE, { changes: '1' }),
  invalid('an end planned before it begins', 'CampaignActivated', { ...OWNER, occurredAt: NOW }, { plannedEnd: NOW }),
  invalid('a planned end that is none', 'CampaignActivated', { ...OWNER, occurredAt: NOW }, { plannedEnd: null }),
  invalid(
    'no owner',
    'CampaignActivated',
    { campaignId: 'c-new', occurredAt: NOW },
    {},
    'advertiserId',
    'marketplace',
    'product',
  ),
  invalid('a reason of its own', 'CampaignPaused', PAUSE, { reason: 'holiday' }),
  invalid('a field of a pause', 'CampaignEnded', END, { reason: 'manual' }),
  invalid('no reason', 'PromotionTerminated', without(TERMINATION, 'reason'), {}, 'reason'),
  invalid('no reason', 'PromotionRevised', without(REVISION, 'reason'), {}, 'reason'),
  invalid('a revision before the second', 'PromotionRevised', REVISION, { revision: 1 }),
  invalid('a calendar of its own', 'PromotionPublished', { promotionId: 'p-new', terms: TERMS }, { calendar: {} }),
  invalid('no terms', 'PromotionPublished', { promotionId: 'p-new' }, {}, 'terms'),
  invalid('terms that are a text', 'PromotionPublished', { promotionId: 'p-new' }, { terms: 'as usual' }),
  invalid('one currency to itself', 'FxRateRecorded', RATE, { quote: 'EUR' }),
  invalid('an unknown currency', 'FxRateRecorded', RATE, { base: 'EUX' }),
  invalid('a rate of zero', 'FxRateRecorded', RATE, { rate: '0.000' }),
  invalid('a rate below zero', 'FxRateRecorded', RATE, { rate: '-1.1' }),
  invalid('a rate that is a number', 'FxRateRecorded', RATE, { rate: 1.1 }),
  invalid('a rate above 10^15', 'FxRateRecorded', RATE, { rate: '1000000000000001' }),
  invalid('no source', 'FxRateRecorded', RATE, { source: '' }),
];

/** Well-formed, but refused by what `history` below made of the ledger. */
const byState: readonly BadCommand[] = [
  refused('no account', 404, 'unknown-account', 'ClickSpent', { ...CLICK, advertiserId: 'nobody' }),
  refused('no account', 404, 'unknown-account', 'PaymentMethodChanged', { ...PAYMENT, marketplace: 'FR' }),
  refused('no account before no promotion', 404, 'unknown-account', 'CreditApplied', {
    ...GRANT,
    advertiserId: 'nobody',
    promotionId: 'nothing',
  }),
  refused('no promotion', 404, 'unknown-promotion', 'CreditApplied', { ...GRANT, promotionId: 'nothing' }),
  refused('no promotion', 404, 'unknown-promotion', 'AdvertiserInvited', { ...INVITATION, promotionId: 'nothing' }),
  refused('no promotion', 404, 'unknown-promotion', 'PromotionTerminated', { ...TERMINATION, promotionId: 'nothing' }),
  refused('no promotion', 404, 'unknown-promotion', 'PromotionRevised', { ...REVISION, promotionId: 'nothing' }),
  refused('no click', 404, 'unknown-click', 'ClickReversed', { ...REVERSAL, clickId: 'k-none' }),
  refused('no credit', 404, 'unknown-credit', 'CreditRevoked', { ...REVOCATION, creditId: 'grant-none' }),
  refused('before the account', 400, 'invalid-command', 'ClickSpent', { ...CLICK, occurredAt: '2022-05-31T00:00:00Z' }),
  refused('before its click', 400, 'invalid-command', 'ClickReversed', {
    ...REVERSAL,
    occurredAt: '2022-10-10T07:59:59Z',
  }),
  refused('before it was applied', 400, 'invalid-command', 'CreditRevoked', {
    ...REVOCATION,
    creditId: 'grant-2',
    occurredAt: '2022-10-04T06:59:59Z',
  }),
  refused('a product the terms do not list', 400, 'invalid-command', 'CreditApplied', { ...GRANT, product: 'XX' }),
  refused('a marketplace the terms do not list', 400, 'invalid-command', 'CreditApplied', {
    ...GRANT,
    marketplace: 'SE',
  }),
  refused("not in the terms' currency", 422, 'currency-mismatch', 'CreditApplied', {
    ...GRANT,
    granted: { amount: '1.00', currency: 'EUR' },
  }),
  refused('before it was applied, and before a recorded draw', 422, 'revocation-too-early', 'CreditRevoked', {
    ...REVOCATION,
    occurredAt: '2022-10-04T06:59:59Z',
  }),
  refused('before a recorded draw', 422, 'revocation-too-early', 'CreditRevoked', {
    ...REVOCATION,
    occurredAt: '2022-10-10T07:59:59Z',
  }),
  refused('in dollars, of an account in euros', 422, 'currency-mismatch', 'ClickSpent', {
    ...CLICK,
    ...cost('1.00', 'USD'),
  }),
  refused('a second one for the product', 422, 'already-granted', 'CreditApplied', { ...GRANT, product: 'SP' }),
  refused('above the cap', 422, 'cap-exceeded', 'CreditApplied', {
    ...GRANT,
    granted: { amount: '500.01', currency: 'USD' },
  }),
  refused('no rate', 422, 'no-fx-rate', 'CreditApplied', { ...GRANT, marketplace: 'AE' }),
  refused('a rate that is too old', 422, 'stale-fx-rate', 'CreditApplied', {
    ...GRANT,
    appliedAt: '2022-10-31T00:00:00Z',
  }),
  refused('less than a yen', 400, 'precision', 'CreditApplied', {
    ...GRANT,
    marketplace: 'JP',
    granted: { amount: '0.01', currency: 'USD' },
  }),
  refused('another product', 422, 'campaign-mismatch', 'ApiChangeRecorded', {
    ...CHANGE,
    campaignId: 'c-1',
    product: 'SB',
  }),
  refused('another advertiser', 422, 'campaign-mismatch', 'CampaignActivated', {
    ...OWNER,
    campaignId: 'c-1',
    advertiserId: 'adv-2',
    occurredAt: NOW,
  }),
  refused('a partner the terms do not list', 422, 'partner-not-listed', 'AdvertiserInvited', {
    ...INVITATION,
    promotionId: 'listed-partners',
    partnerId: 'partner-9',
  }),
  refused('no account', 404, 'unknown-account', 'ImpressionsSpent', { ...IMPRESSIONS, marketplace: 'FR' }),
  refused('before the opening', 400, 'invalid-command', 'ImpressionsSpent', {
    ...IMPRESSIONS,
    occurredAt: '2022-05-01T00:00:00Z',
  }),
  refused('in dollars, of an account in euros', 422, 'currency-mismatch', 'ImpressionsSpent', {
    ...IMPRESSIONS,
    ...cpm('2.50', 'USD'),
  }),
  ...[
    ['InvitationWithdrawn', WITHDRAWAL],
    ['OfferActivated', ENROLLED],
    ['CodeRedeemed', REDEMPTION],
    ['ActionAttested', ATTESTATION],
  ].map(([type, data]) =>
    refused('no promotion', 404, 'unknown-promotion', type as string, { ...(data as Data), promotionId: 'nothing' }),
  ),
  refused('nobody who is invited', 422, 'not-invited', 'InvitationWithdrawn', WITHDRAWAL),
  refused('before the invitation', 400, 'invalid-command', 'InvitationWithdrawn', {
    ...WITHDRAWAL,
    advertiserId: 'adv-1',
    occurredAt: '2022-08-10T07:59:59Z',
  }),
  refused('a code the terms do not list', 422, 'unknown-code', 'CodeRedeemed', REDEMPTION),
  refused('another count', 409, 'conflicting-duplicate', 'ImpressionsSpent', {
    ...IMPRESSIONS,
    impressionsId: 'i-1',
    impressions: 1001,
  }),
  refused('another planned end', 409, 'conflicting-duplicate', 'CampaignActivated', {
    ...OWNER,
    campaignId: 'c-1',
    occurredAt: '2022-08-22T12:00:00Z',
    plannedEnd: '2022-12-01T00:00:00Z',
  }),
  refused('another instant', 409, 'conflicting-duplicate', 'OfferActivated', { ...ENROLLED, advertiserId: 'adv-1' }),
  refused('another action', 409, 'conflicting-duplicate', 'ActionAttested', {
    ...ATTESTATION,
    advertiserId: 'adv-1',
    attestationId: 'a-1',
    action: 'visit',
  }),
  refused('another currency', 409, 'conflicting-duplicate', 'AccountOpened', {
    ...OPENING,
    ...ACCOUNT,
    currency: 'USD',
  }),
  refused('another cost', 409, 'conflicting-duplicate', 'ClickSpent', { ...CLICK, clickId: 'k-1' }),
  refused('another rate', 409, 'conflicting-duplicate', 'FxRateRecorded', rate('EUR', 'USD', '0.9765').data),
  refused('another document', 409, 'conflicting-duplicate', 'PromotionPublished', {
    promotionId: PROMOTION_ID,
    terms: { ...TERMS, name: 'Another' },
  }),
];

/** What the commands above are judged against. */
export const history: readonly Command[] = [
  command('PromotionPublished', { promotionId: PROMOTION_ID, terms: TERMS }),
  command('PromotionPublished', {
    promotionId: 'listed-partners',
    terms: { ...TERMS, eligibility: { ...(TERMS['eligibility'] as object), partners: ['partner-1'] } },
  }),
  rate('EUR', 'USD', '0.9764'),
  rate('USD', 'JPY', '0.1'),
  opened('adv-1', 'DE', 'EUR'),
  opened('adv-1', 'JP', 'JPY'),
  opened('adv-1', 'AE', 'AED'),
  opened('adv-1', 'SE', 'SEK'),
  granted('grant-1', 'adv-1', 'DE', 'SP', '100.00'),
  granted('grant-2', 'adv-1', 'DE', 'SD', '50.00'),
  command('CampaignActivated', { ...OWNER, campaignId: 'c-1', occurredAt: '2022-08-22T12:00:00Z' }),
  command('ClickSpent', { ...CLICK, clickId: 'k-1', cost: { amount: '2.50', currency: 'EUR' } }),
  command('ImpressionsSpent', { ...IMPRESSIONS, impressionsId: 'i-1' }),
  invited('adv-1'),
  command('OfferActivated', { ...ENROLLED, advertiserId: 'adv-1', occurredAt: '2022-08-11T08:00:00Z' }),
  command('ActionAttested', { ...ATTESTATION, advertiserId: 'adv-1', attestationId: 'a-1' }),
];

export const badCommands: readonly BadCommand[] = [
  ...envelopes,
  ...amounts,
  ...impressions,
  ...enrollments,
  ...instants,
  ...identifiers,
  ...fields,
  ...byState,
];

/** Terms with faults of many kinds: the document as published, changed. */
export const badTerms: readonly { readonly name: string; readonly change: Data; readonly at: readonly string[] }[] = [
  { name: 'a version to come', change: { version: 3 }, at: ['/version'] },
  { name: 'an unknown part', change: { lottery: true }, at: ['/lottery'] },
  { name: 'no such zone', change: { timeZone: 'America/Los_Santos' }, at: ['/timeZone'] },
  {
    name: 'an end before its start',
    change: { period: { start: '2022-08-22T00:00', end: '2022-08-21T00:00' } },
    at: ['/period'],
  },
  { name: 'no products', change: { products: [] }, at: ['/products'] },
  { name: 'a marketplace in small letters', change: { marketplaces: ['DE', 'fr'] }, at: ['/marketplaces'] },
  { name: 'a duration in words', change: { fx: { maxAge: 'a week' } }, at: ['/fx/maxAge'] },
  {
    name: 'faults in five parts',
    change: {
      timeZone: 7,
      eligibility: { dormancy: 'P3Q' },
      expiry: { after: 'P30D' },
      fx: { maxAge: '-P7D' },
      award: { ...(TERMS['award'] as object), amount: { amount: '0.00', currency: 'USD' } },
    },
    at: ['/timeZone', '/eligibility/dormancy', '/expiry/settlementGrace', '/fx/maxAge', '/award/amount'],
  },
];
