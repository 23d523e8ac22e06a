import type { FactHandler, Handled } from '../commands/facts.js';
import { CommandHandling, type Outcome } from '../commands/handling.js';
import type { CommandObserver } from '../commands/observer.js';
import type { EventStore } from '../event-store/event-store.js';
import { enrollmentStream, promotionStream } from '../kernel/identifiers.js';
import type { Instant } from '../kernel/instant.js';
import type { Fault } from '../kernel/refusal.js';
import { enrollmentDecider, type EnrollmentCommand } from './domain/enrollment.js';
import type { EnrollmentEvent, PromotionEvent } from './domain/events.js';
import { parseTerms } from './domain/parse-terms.js';
import { promotionDecider, revisionMeant, type PromotionCommand, type PromotionState } from './domain/promotion.js';
import type { PromotionTerms } from './domain/terms.js';

interface Revision {
  readonly promotionId: string;
  readonly revision?: number;
  readonly terms: PromotionTerms;
  readonly reason: string;
  readonly effectiveAt?: Instant;
}

const ATTEMPTS = 20;
const HAS_TERMS = new Set(['PromotionPublished', 'PromotionRevised']);

const OF_ENROLLMENT: ReadonlySet<string> = new Set<EnrollmentEvent['type']>([
  'AdvertiserInvited',
  'InvitationWithdrawn',
  'OfferActivated',
  'CodeRedeemed',
  'ActionAttested',
]);

/** The promotions, and what advertisers have to do with them. */
export class Promotions implements FactHandler {
  readonly facts: FactHandler['facts'] = new Map<
    string,
    { optional?: string[]; asksOthers?: boolean; isOfAll?: boolean }
  >([
    ['PromotionPublished', { isOfAll: true }],
    ['PromotionRevised', { optional: ['effectiveAt'], asksOthers: true, isOfAll: true }],
    ['PromotionTerminated', { isOfAll: true }],
    ...[...OF_ENROLLMENT].map((type) => [type, { asksOthers: true }] as const),
  ]);
  private readonly promotions: CommandHandling<PromotionState, PromotionCommand, PromotionEvent>;
  private readonly enrollments: CommandHandling<null, EnrollmentCommand, EnrollmentEvent>;

  constructor(store: EventStore, observer?: CommandObserver) {
    this.promotions = new CommandHandling(store, promotionDecider, undefined, observer);
    this.enrollments = new CommandHandling(store, enrollmentDecider, undefined, observer);
  }

  check(type: string, data: unknown): readonly Fault[] {
    const terms: unknown = (data as { terms?: unknown } | null | undefined)?.terms;
    if (!HAS_TERMS.has(type) || typeof terms !== 'object' || terms === null || Array.isArray(terms)) return [];
    const parsed = parseTerms(terms);
    return 'faults' in parsed
      ? parsed.faults.map(({ path, message }) => ({ path: `/data/terms${path}`, message }))
      : [];
  }

  async handle(type: string, data: object, said: object): Promise<Handled> {
    if (OF_ENROLLMENT.has(type)) return this.enroll({ type, data } as EnrollmentEvent, said);
    const { promotionId } = data as { promotionId: string };
    const stream = promotionStream(promotionId);
    const whole = HAS_TERMS.has(type) ? withParsedTerms(data) : data;
    if (type !== 'PromotionRevised') {
      const command = { type, data: whole } as PromotionCommand;
      const id = promotionDecider.idOf(command as PromotionEvent);
      return {
        stream,
        id,
        outcome: await this.promotions.execute({ stream, command, id, said: { ...said, ...whole } }),
      };
    }
    return this.revise(stream, whole as Revision);
  }

  /** An unnumbered revision is the one that says the same, or the next; when another came first, the one after that. */
  private async revise(stream: string, said: Revision): Promise<Handled> {
    for (let attempt = 1; ; attempt += 1) {
      const revision = said.revision ?? revisionMeant(await this.stateOf(said.promotionId), said);
      const data = { ...said, revision };
      const id = `PromotionRevised:${revision}`;
      const command: PromotionCommand = { type: 'PromotionRevised', data };
      const outcome = await this.promotions.execute({ stream, command, id, said: { effectiveAt: undefined, ...data } });
      const wasTaken = outcome.status === 'rejected' && outcome.refusal.refused === 'conflicting-duplicate';
      if (!wasTaken || said.revision !== undefined || attempt === ATTEMPTS) return { stream, id, outcome };
    }
  }

  /** The terms as last revised; null when there is no such promotion. */
  async termsOf(promotionId: string): Promise<PromotionTerms | null> {
    return (await this.stateOf(promotionId)).revisions.at(-1)?.terms ?? null;
  }

  stateOf(promotionId: string): Promise<PromotionState> {
    return this.promotions.stateOf(promotionStream(promotionId));
  }

  /** Begins or completes a run. */
  run(command: Extract<PromotionCommand, { type: 'StartRun' | 'CompleteRun' }>): Promise<Outcome<PromotionEvent>> {
    const { promotionId, date } = command.data;
    const type = command.type === 'StartRun' ? 'DisbursementRunStarted' : 'DisbursementRunCompleted';
    // Whoever performs the run again means the run that was begun.
    return this.promotions.execute({
      stream: promotionStream(promotionId),
      command,
      id: `${type}:${date}`,
      said: { promotionId, date },
    });
  }

  private async enroll(fact: EnrollmentEvent, said: object): Promise<Handled> {
    const { promotionId, advertiserId } = fact.data;
    const stream = enrollmentStream(promotionId, advertiserId);
    const command: EnrollmentCommand = { ...fact, terms: await this.termsOf(promotionId) };
    const id = enrollmentDecider.idOf(fact);
    return { stream, id, outcome: await this.enrollments.execute({ stream, command, id, said }) };
  }
}

/** The terms were found valid before; this is their one canonical form. */
function withParsedTerms(data: object): object {
  const parsed = parseTerms((data as { terms: unknown }).terms);
  if ('faults' in parsed) throw new Error('terms that do not fit came past the gateway');
  return { ...data, terms: parsed.terms };
}
