import 'reflect-metadata';
import type { INestApplicationContext } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { ExpiryRuns } from '../../src/accounts/expiry.js';
import { AppModule, type Overrides } from '../../src/app.module.js';
import { CommandGateway, type ItemResult } from '../../src/commands/gateway.js';
import { parseInstant, type Instant } from '../../src/kernel/instant.js';
import { isRefusal } from '../../src/kernel/refusal.js';
import { Disbursements } from '../../src/promotions/disbursements.js';
import { Queries } from '../../src/read-models/queries.js';
import { ReadModels } from '../../src/read-models/read-models.js';
import { loadSettings } from '../../src/settings.js';
import type { Command } from '../support/auditor/facts.js';
import { NOW } from './world.js';

/** The ledger as the model test sees it. What is refused answers with its code. */
export interface LedgerUnderTest {
  submit(command: Command): Promise<ItemResult>;
  expire(asOf: string): Promise<object>;
  disburse(promotionId: string, date: string): Promise<object>;
  /** As of an instant, as known at a position of the log (undefined: all). */
  balance(advertiserId: string, marketplace: string, asOf: string, position?: string): Promise<object>;
}

/** The whole application but its HTTP edge, on a store in memory, with a fixed clock. */
export class InProcessLedger implements LedgerUnderTest {
  private constructor(readonly app: INestApplicationContext) {}

  /** `env` names another store than one in memory. */
  static async start(overrides: Overrides = {}, env: Record<string, string> = {}): Promise<InProcessLedger> {
    const settings = { PROMOLEDGER_STORE: 'memory:', PROMOLEDGER_SCHEDULER: 'off', PROMOLEDGER_CLOCK: NOW, ...env };
    const module = AppModule.forSettings(loadSettings(settings), overrides);
    return new InProcessLedger(await NestFactory.createApplicationContext(module, { logger: ['error', 'warn'] }));
  }

  stop(): Promise<void> {
    return this.app.close();
  }

  async submit(command: Command): Promise<ItemResult> {
    const [result] = await this.app.get(CommandGateway).submit([command]);
    if (!result) throw new Error('a command was not answered');
    return result;
  }

  async expire(asOf: string): Promise<object> {
    return coded(await this.app.get(ExpiryRuns).perform(instant(asOf)));
  }

  async disburse(promotionId: string, date: string): Promise<object> {
    return coded(await this.app.get(Disbursements).perform(promotionId, date));
  }

  async balance(advertiserId: string, marketplace: string, asOf: string, position?: string): Promise<object> {
    const queries = this.app.get(Queries);
    // Without a position it may answer of less than was just recorded.
    await this.app.get(ReadModels).caughtUp();
    const knownAt = position === undefined ? {} : { knownAt: { position: BigInt(position) } };
    const moment = await queries.moment({ asOf: instant(asOf), ...knownAt });
    return coded(queries.balance(moment, advertiserId, marketplace));
  }
}

function instant(text: string): Instant {
  const parsed = parseInstant(text);
  if (!parsed) throw new Error(`not an instant: ${text}`);
  return parsed;
}

const coded = (answer: object): object => (isRefusal(answer) ? { code: answer.refused } : answer);
