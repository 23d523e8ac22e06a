import { APP_GUARD } from '@nestjs/core';
import { type DynamicModule, Inject, Module, type OnApplicationShutdown } from '@nestjs/common';
import { Accounts, type OfferAt } from './accounts/accounts.js';
import { accountDecider, type AccountState } from './accounts/domain/account.js';
import type { AccountCommand } from './accounts/domain/decide.js';
import type { AccountEvent } from './accounts/domain/events.js';
import { ExpiryRuns } from './accounts/expiry.js';
import { Diff } from './audit/diff.js';
import { GapReport } from './audit/gap.js';
import { Exports } from './audit/exports/exports.js';
import { Books } from './audit/journal.js';
import { LateFacts } from './audit/late-facts.js';
import { Periods } from './audit/periods.js';
import { Checkpoints } from './audit/seals/checkpoints.js';
import { Proofs } from './audit/seals/proofs.js';
import { Sealer } from './audit/seals/sealer.js';
import { SigningKey } from './audit/seals/signing-key.js';
import { Backups } from './backup/backups.js';
import { Campaigns } from './campaigns/campaigns.js';
import type { Validate } from './commands/facts.js';
import { CommandGateway } from './commands/gateway.js';
import { Snapshots } from './commands/snapshots.js';
import { EmbeddedEventStore } from './event-store/embedded.js';
import { EventStore } from './event-store/event-store.js';
import { Fx } from './fx/fx.js';
import { COMMANDS } from './http/commands-registry.js';
import { CONTROLLERS } from './http/controllers.js';
import { Readiness } from './http/health.controller.js';
import { ReadOnlyGuard } from './http/read-only.guard.js';
import { validateCommand } from './http/validation.js';
import type { Decider } from './kernel/decider.js';
import { Figures } from './observability/figures.js';
import { Gauges } from './observability/gauges.js';
import { Observability, type Outlets } from './observability/observability.js';
import { ServiceReadiness } from './observability/readiness.js';
import { webhookMetrics } from './observability/webhook-metrics.js';
import { NoticeFeed } from './notices/feed.js';
import { Webhooks } from './notices/webhooks.js';
import { Disbursements } from './promotions/disbursements.js';
import { offerAt } from './promotions/offers.js';
import { Previews } from './promotions/preview.js';
import { Promotions } from './promotions/promotions.js';
import { Queries } from './read-models/queries.js';
import { ReadModels } from './read-models/read-models.js';
import { Scheduler } from './scheduler.js';
import type { Settings } from './settings.js';
import {
  withCache,
  openStore,
  openReadModels,
  realNow,
  openSigningKey,
  openSealer,
  openDeliveries,
  placesOf,
} from './places.js';

/** What a test may put in the place of the real thing. */
export interface Overrides {
  readonly store?: EventStore;
  readonly outlets?: Outlets;
  readonly accountDecider?: Decider<AccountState, AccountCommand, AccountEvent>;
}

/** The whole service on one store. Everything is constructed here; the classes know nothing of Nest. */
@Module({})
export class AppModule implements OnApplicationShutdown {
  constructor(
    @Inject(EventStore) private readonly store: EventStore,
    @Inject(ReadModels) private readonly readModels: ReadModels,
    @Inject(Scheduler) private readonly scheduler: Scheduler,
    @Inject(Snapshots) private readonly snapshots: Snapshots,
    @Inject(Checkpoints) private readonly checkpoints: Checkpoints,
    @Inject(Sealer) private readonly sealer: Sealer,
    @Inject(Webhooks) private readonly webhooks: Webhooks,
    @Inject(Observability) private readonly observability: Observability,
  ) {}

  static async forSettings(given: Settings, overrides: Overrides = {}): Promise<DynamicModule> {
    const settings = withCache(given);
    const decider = overrides.accountDecider ?? accountDecider;
    const observability = await Observability.open(settings.observability, overrides.outlets);
    // Before all else: what lies beside a ledger that another process has must not be touched.
    const warn = (logger: string) => (message: string) => observability.log.write('warn', logger, message);
    const store = overrides.store ?? openStore(settings, warn('event-store'), observability.store);
    return {
      module: AppModule,
      controllers: CONTROLLERS,
      providers: [
        { provide: Observability, useValue: observability },
        { provide: EventStore, useValue: store },
        ...(settings.readOnly ? [{ provide: APP_GUARD, useValue: new ReadOnlyGuard() }] : []),
        {
          provide: ReadModels,
          useFactory: (store: EventStore, observability: Observability) =>
            openReadModels(store, settings, observability),
          inject: [EventStore, Observability],
        },
        // After the store: whoever has the ledger has what lies beside it.
        provide(Snapshots, [Observability, EventStore], ({ metrics }) => {
          return new Snapshots(settings.cachePath && `${settings.cachePath}.snapshots`, () => metrics.snapshots.inc());
        }),
        provide(Queries, [EventStore, ReadModels], (store, models) => new Queries(store, models, settings.clock)),
        provide(Promotions, [EventStore, Observability], (store, { commands }) => new Promotions(store, commands)),
        provide(
          Campaigns,
          [EventStore, Snapshots, Observability],
          (store, snapshots, { commands }) => new Campaigns(store, snapshots, commands),
        ),
        provide(
          Fx,
          [EventStore, Snapshots, Observability],
          (store, snapshots, { commands }) => new Fx(store, snapshots, commands),
        ),
        provide(
          Accounts,
          [EventStore, Promotions, ReadModels, Snapshots, Observability],
          (store, promotions, models, snapshots, { commands }) => {
            const offer: OfferAt = (promotionId, at, account) => offerAt(promotions, models, promotionId, at, account);
            const ratesNow = async () => models.rates.book(await models.caughtUp());
            return new Accounts(store, decider, offer, ratesNow, snapshots, commands);
          },
        ),
        provide(
          CommandGateway,
          [Observability, Accounts, Campaigns, Promotions, Fx],
          ({ commands }, ...handlers) => new CommandGateway(handlers, validated, commands),
        ),
        provide(
          Disbursements,
          [EventStore, Promotions, Accounts, ReadModels],
          (store, promotions, accounts, models) =>
            new Disbursements(store, promotions, accounts, models, settings.clock),
        ),
        provide(Books, [EventStore, ReadModels], (store, models) => new Books(store, models)),
        provide(Exports, [Books, EventStore], (books, store) => new Exports(books, store)),
        provide(Periods, [EventStore, Queries, ReadModels], (store, queries, models) => {
          return new Periods(store, queries, models, settings.clock);
        }),
        provide(LateFacts, [Books, ReadModels], (books, models) => new LateFacts(books, models)),
        provide(Diff, [EventStore, ReadModels], (store, models) => new Diff(store, models)),
        provide(GapReport, [EventStore, Queries, ReadModels], (store, queries, models) => {
          return new GapReport(store, queries, models);
        }),
        provide(Previews, [ReadModels], (models) => new Previews(models)),
        provide(
          ExpiryRuns,
          [Accounts, ReadModels],
          (accounts, models) => new ExpiryRuns(accounts, models, settings.clock),
        ),
        provide(
          Scheduler,
          [Queries, Disbursements, ExpiryRuns, Observability],
          (queries, disbursements, expiryRuns, { scheduler }) =>
            new Scheduler(queries, disbursements, expiryRuns, scheduler),
        ),
        provide(NoticeFeed, [ReadModels], (models) => new NoticeFeed(models, settings.clock)),
        provide(Webhooks, [NoticeFeed, Observability], (feed, { log, metrics }) => {
          const report = (message: string) => log.write('warn', 'webhooks', message);
          const observer = webhookMetrics(metrics.registry, () => webhooks.endpoints());
          const webhooks = new Webhooks(feed, openDeliveries(settings), settings.notices, report, { observer });
          return webhooks;
        }),
        provide(Backups, [EventStore, Observability], (store, { log }) => {
          return new Backups(store, settings.life.backups, Date.now, (message, error) =>
            error === undefined
              ? log.write('info', 'backups', message)
              : log.failure('error', 'backups', message, error),
          );
        }),
        provide(Figures, [EventStore, ReadModels, Queries], (store, models, queries) => {
          return new Figures(store, models, queries, settings.clock, store instanceof EmbeddedEventStore);
        }),
        provide(
          Gauges,
          [Observability, Figures],
          ({ metrics }, figures) => new Gauges(metrics, figures, placesOf(settings)),
        ),
        provide(Readiness, [ReadModels, Figures], (models, figures) => {
          return new ServiceReadiness(models, figures, placesOf(settings), settings.observability);
        }),
        provide(SigningKey, [EventStore], () => openSigningKey(settings, warn('seals'))),
        provide(Sealer, [EventStore], (store) => openSealer(store, settings, warn('seals'))),
        provide(Checkpoints, [EventStore, Sealer, SigningKey], (store, sealer, key) => {
          const options = { now: realNow, everyMs: settings.checkpointEveryMs, warn: warn('seals') };
          return new Checkpoints(store, sealer, key, options);
        }),
        provide(Proofs, [EventStore, Sealer], (store, sealer) => new Proofs(store, sealer, realNow)),
      ],
    };
  }

  /**
   * What runs is let finish: the scheduler first, then the models, and the store when nothing needs it. One that fails
   * keeps none of the others from ending.
   */
  async onApplicationShutdown(): Promise<void> {
    const ends: readonly (() => Promise<void> | void)[] = [
      () => this.scheduler.stop(),
      () => this.checkpoints.stop(),
      () => this.webhooks.stop(),
      () => this.readModels.close(),
      () => this.sealer.close(),
      () => this.store.close(),
      () => this.snapshots.close(),
      () => this.observability.close(),
    ];
    const failures: unknown[] = [];
    for (const end of ends) {
      try {
        await end();
      } catch (error) {
        failures.push(error);
      }
    }
    if (failures.length > 0) throw failures[0];
  }
}

const validated: Validate = (type, data) => {
  const dto = COMMANDS.get(type);
  return dto && validateCommand(dto, data);
};

type Constructed<T> = abstract new (...args: never[]) => T;
type Instances<Tokens extends readonly Constructed<unknown>[]> = {
  [K in keyof Tokens]: Tokens[K] extends Constructed<infer T> ? T : never;
};

/** A provider of `token`, made from the providers of `inject`. */
const provide = <T, const Tokens extends readonly Constructed<unknown>[]>(
  token: Constructed<T>,
  inject: Tokens,
  useFactory: (...args: Instances<Tokens>) => T | Promise<T>,
) => ({ provide: token, inject: [...inject], useFactory });
