import type { Instant } from '../kernel/instant.js';
import { NoticesModel } from '../notices/notices-model.js';
import { AccountsModel } from './accounts-model.js';
import { BooksModel } from './books-model.js';
import { CampaignsModel } from './campaigns-model.js';
import type { ReadModel, ReadModelDatabase } from './database.js';
import { LogTimes } from './log-times.js';
import { PromotionsModel } from './promotions-model.js';
import { RatesModel } from './rates-model.js';

/** Every model on one database, to be written by whoever owns it and to be asked by whoever reads it. */
export class Models {
  readonly times: LogTimes;
  readonly accounts: AccountsModel;
  readonly campaigns: CampaignsModel;
  readonly promotions: PromotionsModel;
  readonly rates: RatesModel;
  readonly notices: NoticesModel;
  /** In the order in which they are fed: the books look at the accounts. */
  readonly all: readonly ReadModel[];

  constructor(db: ReadModelDatabase, clock: () => Instant) {
    this.times = new LogTimes(db);
    this.accounts = new AccountsModel(db);
    const books = new BooksModel(db, this.accounts.known);
    this.campaigns = new CampaignsModel(db);
    this.promotions = new PromotionsModel(db);
    this.rates = new RatesModel(db);
    this.notices = new NoticesModel(db, clock);
    this.all = [this.times, this.accounts, books, this.campaigns, this.promotions, this.rates, this.notices];
  }
}
