import type { FactHandler, Handled } from '../commands/facts.js';
import { CommandHandling, type Outcome } from '../commands/handling.js';
import type { EventStore } from '../event-store/event-store.js';
import { enrollmentStream, promotionStream } from '../kernel/identifiers.js';
import type { Fault } from '../kernel/refusal.js';
import type { AdvertiserInvited, EnrollmentEvent, PromotionEvent } from './domain/events.js';
import { parseTerms } from './domain/parse-terms.js';
import {
  enrollmentDecider,
  promotionDecider,
  revisionMeant,
  type InviteAdvertiser,
  type PromotionCommand,
  type PromotionState,
} from './domain/promotion.js';
import type { PromotionTerms } from './domain/terms.js';

interface Revision {
  readonly promotionId: string;
  readonly revision?: number;
  readonly terms: PromotionTerms;
  readonly reason: string;
}

const ATTEMPTS = 20;
const HAS_TERMS = new Set(['PromotionPublished', 'PromotionRevised']);

/** The promotions and who is invited to them. */
export class Promotions implements FactHandler {
  readonly facts = new Map([
    ['PromotionPublished', {}],
    ['PromotionRevised', { asksOthers: true }],
    ['PromotionTerminated', {}],
    ['AdvertiserInvited', { asksOthers: true }],
  ]);
  private readonly promotions: CommandHandling<PromotionState, PromotionCommand, PromotionEvent>;
  private readonly enrollments: CommandHandling<null, InviteAdvertiser, EnrollmentEvent>;

  constructor(store: EventStore) {
    this.promotions = new CommandHandling(store, promotionDecider);
    this.enrollments = new CommandHandling(store, enrollmentDecider);
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
    if (type === 'AdvertiserInvited') return this.invite(data as AdvertiserInvited['data'], said);
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
      const outcome = await this.promotions.execute({ stream, command, id, said: data });
      const wasTaken = outcome.status === 'rejected' && outcome.refusal.refused === 'conflicting-duplicate';
      if (!wasTaken || said.revision !== undefined || attempt === ATTEMPTS) return { stream, id, outcome };
    }
  }

  /** The terms as last revised; null when there is no such promotion. */
  async termsOf(promotionId: string): Promise<PromotionTerms | null> {
    return (await this.stateOf(promotionId)).current?.terms ?? null;
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

  private async invite(data: AdvertiserInvited['data'], said: object): Promise<Handled> {
    const stream = enrollmentStream(data.promotionId, data.advertiserId);
    const command: InviteAdvertiser = { type: 'AdvertiserInvited', data, terms: await this.termsOf(data.promotionId) };
    const id = enrollmentDecider.idOf(command);
    return { stream, id, outcome: await this.enrollments.execute({ stream, command, id, said }) };
  }
}

/** The terms were found valid before; this is their one canonical form. */
function withParsedTerms(data: object): object {
  const parsed = parseTerms((data as { terms: unknown }).terms);
  if ('faults' in parsed) throw new Error('terms that do not fit came past the gateway');
  return { ...data, terms: parsed.terms };
}
