import type { INestApplicationContext } from '@nestjs/common';
import { ExpiryRuns } from '../accounts/expiry.js';
import { CommandGateway } from '../commands/gateway.js';
import { isRefusal, type Refusal } from '../kernel/refusal.js';
import { Disbursements } from '../promotions/disbursements.js';
import type { Moment } from '../read-models/moment.js';
import { Queries } from '../read-models/queries.js';
import { ReadModels } from '../read-models/read-models.js';
import type { DemoLedger, Listing, Question } from './ledger.js';

const PAGE = 500;

/** The application itself as the demo's ledger: the services behind the HTTP interface, without the wire between. */
export class InProcessLedger implements DemoLedger {
  private readonly queries: Queries;

  constructor(private readonly app: INestApplicationContext) {
    this.queries = app.get(Queries);
  }

  submit(commands: readonly unknown[]) {
    return this.app.get(CommandGateway).submit(commands);
  }

  async disburse(promotionId: string, date: string) {
    return unlessRefused(await this.app.get(Disbursements).perform(promotionId, date));
  }

  async expire(asOf: Question['asOf']) {
    return unlessRefused(await this.app.get(ExpiryRuns).perform(asOf));
  }

  async accounts(listing: Listing) {
    return unlessRefused(this.queries.accounts(await this.moment(listing), paging(listing)));
  }

  async statement(advertiserId: string, marketplace: string, listing: Listing) {
    const moment = await this.moment(listing);
    return unlessRefused(this.queries.statement(moment, advertiserId, marketplace, paging(listing)));
  }

  async balance(advertiserId: string, marketplace: string, question: Question) {
    return unlessRefused(this.queries.balance(await this.moment(question), advertiserId, marketplace));
  }

  /** Answers include all that was submitted before. */
  private async moment({ asOf, knownAt }: Question): Promise<Moment> {
    await this.app.get(ReadModels).caughtUp();
    const position = knownAt === undefined ? undefined : BigInt(knownAt.replace('position:', ''));
    return this.queries.moment(position === undefined ? { asOf } : { asOf, knownAt: { position } });
  }
}

const paging = ({ cursor }: Listing) => (cursor === undefined ? { limit: PAGE } : { limit: PAGE, cursor });

function unlessRefused<T extends object>(answer: T | Refusal): T {
  if (isRefusal(answer)) throw new Error(answer.detail);
  return answer;
}
