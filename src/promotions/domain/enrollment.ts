import { never, type Decider } from '../../kernel/decider.js';
import { refuse } from '../../kernel/refusal.js';
import type { EnrollmentEvent } from './events.js';
import type { EnrollmentFacts } from './facts.js';
import { rulesOf } from './rules.js';
import type { ConditionTerms, PromotionTerms } from './terms.js';

/** A fact of an advertiser in a promotion, and what the promotion says. */
export type EnrollmentCommand = EnrollmentEvent & {
  /** Of the promotion as last revised; null when there is none. */
  readonly terms: PromotionTerms | null;
};

/**
 * What an advertiser has to do with a promotion. Facts are taken in any order of their effective times; what they are
 * worth is asked when conditions are evaluated, by the terms of that time.
 */
export const enrollmentDecider: Decider<null, EnrollmentCommand, EnrollmentEvent> = {
  initial: null,

  decide({ terms, ...fact }, _, recorded) {
    const { promotionId, advertiserId } = fact.data;
    if (!terms) return refuse('unknown-promotion', `no promotion ${promotionId} is published`);
    switch (fact.type) {
      case 'AdvertiserInvited': {
        const { partners } = rulesOf(terms).eligibility;
        return partners && !partners.includes(fact.data.partnerId)
          ? refuse('partner-not-listed', `the terms do not list partner ${fact.data.partnerId}`)
          : [fact];
      }
      case 'InvitationWithdrawn': {
        const invitation = recorded(invitationId(fact.data));
        if (!invitation) return refuse('not-invited', `${advertiserId} was not invited to ${promotionId}`);
        return fact.data.occurredAt < invitation.data.occurredAt
          ? refuse('invalid-command', `the invitation itself is of ${invitation.data.occurredAt}`)
          : [fact];
      }
      case 'CodeRedeemed': {
        const { code } = fact.data;
        const isListed = rulesOf(terms).stages.some(({ qualifying }) => names(qualifying, code));
        return isListed ? [fact] : refuse('unknown-code', `the terms do not list the code ${code}`);
      }
      case 'OfferActivated':
      case 'ActionAttested':
        return [fact];
      default:
        return never(fact);
    }
  },

  evolve: (state) => state,

  idOf(event) {
    switch (event.type) {
      case 'AdvertiserInvited':
        return invitationId(event.data);
      case 'InvitationWithdrawn':
      case 'OfferActivated':
        return `${event.type}:${event.data.promotionId}.${event.data.advertiserId}`;
      case 'CodeRedeemed':
        return `${event.type}:${event.data.code}`;
      case 'ActionAttested':
        return `${event.type}:${event.data.attestationId}`;
      default:
        return never(event);
    }
  },

  refersTo: ({ type, data }) => (type === 'InvitationWithdrawn' ? [invitationId(data)] : []),
};

const invitationId = ({ promotionId, advertiserId }: EnrollmentEvent['data']): string =>
  `AdvertiserInvited:${promotionId}.${advertiserId}`;

/** Whether a condition, or one within it, asks for the code. */
function names(condition: ConditionTerms, code: string): boolean {
  if ('all' in condition) return condition.all.some((part) => names(part, code));
  if ('any' in condition) return condition.any.some((part) => names(part, code));
  if ('campaign' in condition) return names(condition.campaign, code);
  return 'redeemed' in condition && condition.redeemed.codes.includes(code);
}

/** The facts as conditions look at them; `events` in effective order, ties in the order recorded. */
export const enrollmentOf = (events: readonly EnrollmentEvent[]): EnrollmentFacts =>
  events.reduce<EnrollmentFacts>((facts, { type, data }) => {
    const at = data.occurredAt;
    switch (type) {
      case 'AdvertiserInvited':
        return { ...facts, invitation: { partnerId: data.partnerId, at } };
      case 'InvitationWithdrawn':
        return { ...facts, withdrawnAt: at };
      case 'OfferActivated':
        return { ...facts, activatedAt: at };
      case 'CodeRedeemed':
        return { ...facts, redeemed: [...facts.redeemed, { code: data.code, at }] };
      case 'ActionAttested':
        return { ...facts, attested: [...facts.attested, { action: data.action, by: data.attestedBy, at }] };
      default:
        return never(type);
    }
  }, NOTHING_YET);

const NOTHING_YET: EnrollmentFacts = {
  invitation: null,
  withdrawnAt: null,
  activatedAt: null,
  redeemed: [],
  attested: [],
};
