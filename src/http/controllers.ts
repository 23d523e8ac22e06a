import type { Type } from '@nestjs/common';
import { AccountsController } from '../accounts/http/accounts.controller.js';
import { BooksController } from '../audit/http/books.controller.js';
import { ExportsController } from '../audit/http/exports.controller.js';
import { PeriodsController } from '../audit/http/periods.controller.js';
import { ReportsController } from '../audit/http/reports.controller.js';
import { ProofsController } from '../audit/http/proofs.controller.js';
import { ReadModelsController } from '../read-models/http/read-models.controller.js';
import { BackupsController } from '../backup/http/backups.controller.js';
import { FxController } from '../fx/http/fx.controller.js';
import { NoticesController } from '../notices/http/notices.controller.js';
import { WebhooksController } from '../notices/http/webhooks.controller.js';
import { PromotionsController } from '../promotions/http/promotions.controller.js';
import { SchemasController } from '../promotions/http/schemas.controller.js';
import { CommandsController } from './commands.controller.js';
import { EventsController } from './events.controller.js';
import { HealthController } from './health.controller.js';

/**
 * Everything that answers over HTTP. The module that declares them provides CommandGateway, Queries, Disbursements,
 * Previews, ExpiryRuns, EventStore, Books, Periods, LateFacts, Diff, GapReport, Exports, Proofs, Checkpoints, SigningKey,
 * NoticeFeed, Webhooks, Backups, ReadModels and Readiness.
 */
export const CONTROLLERS: Type[] = [
  CommandsController,
  AccountsController,
  PromotionsController,
  SchemasController,
  FxController,
  BooksController,
  ExportsController,
  PeriodsController,
  ReportsController,
  EventsController,
  ProofsController,
  NoticesController,
  WebhooksController,
  BackupsController,
  ReadModelsController,
  HealthController,
];
