import { Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import { ExpiryRuns } from '../../src/accounts/expiry.js';
import { Backups } from '../../src/backup/backups.js';
import { CommandGateway, type ItemResult } from '../../src/commands/gateway.js';
import { EventStore } from '../../src/event-store/event-store.js';
import { MemoryEventStore } from '../../src/event-store/memory/memory-event-store.js';
import { CONTROLLERS } from '../../src/http/controllers.js';
import { type Check, Readiness } from '../../src/http/health.controller.js';
import { createAdapter, dressApp } from '../../src/http/server.js';
import { instantOf } from '../../src/kernel/instant.js';
import { NoticeFeed } from '../../src/notices/feed.js';
import { Webhooks } from '../../src/notices/webhooks.js';
import { Disbursements } from '../../src/promotions/disbursements.js';
import { Previews } from '../../src/promotions/preview.js';
import { Queries } from '../../src/read-models/queries.js';

export const NOW = instantOf(Date.parse('2022-10-10T00:00:00Z'));

/** What each service is called with, and what it answers: set by a test, recorded for it. */
export class Fakes {
  readonly calls: unknown[][] = [];
  readonly store = new MemoryEventStore();
  /** The answer to every call but `submit` and `moment`; an Error is thrown. */
  answer: object = { items: [], next: null };
  /** How the gateway takes a command. */
  take: (command: unknown) => Partial<ItemResult> = () => ({});
  known = 42n;
  checks: readonly Check[] = [];
  private position = 0;

  async submit(commands: readonly unknown[]): Promise<ItemResult[]> {
    this.calls.push(['submit', commands.length]);
    return commands.map((command) => {
      const given = this.take(command);
      const nowhere = { stream: null, revision: null, position: null };
      this.position += 1;
      const somewhere = { stream: 's', revision: 0, position: String(this.position), event: { of: this.position } };
      return { type: 'T', key: 'k', status: 'appended', ...(given.error ? nowhere : somewhere), ...given };
    });
  }

  /** A service of which every method records its call. */
  service(): object {
    const target = {
      moment: async (input: { asOf?: string; knownAt?: { position?: bigint } }) => {
        this.calls.push(['moment', input]);
        return { asOf: input.asOf ?? NOW, known: input.knownAt?.position ?? this.known };
      },
    };
    return new Proxy(target, {
      get: (own, name) => {
        // Nest looks at its providers for hooks and asks whether they are promises.
        if (typeof name === 'symbol' || /^on|^then$|^before|Hook$/.test(name)) return undefined;
        if (name === 'moment') return own.moment;
        return async (...args: unknown[]) => {
          this.calls.push([name, ...args]);
          if (this.answer instanceof Error) throw this.answer;
          return this.answer;
        };
      },
    });
  }
}

/** The controllers over fakes, dressed as the service is. */
export async function appOf(fakes: Fakes): Promise<NestFastifyApplication> {
  @Module({
    controllers: CONTROLLERS,
    providers: [
      { provide: CommandGateway, useValue: fakes },
      { provide: Queries, useFactory: () => fakes.service() },
      { provide: Disbursements, useFactory: () => fakes.service() },
      { provide: Previews, useFactory: () => fakes.service() },
      { provide: ExpiryRuns, useFactory: () => fakes.service() },
      { provide: NoticeFeed, useFactory: () => fakes.service() },
      { provide: Webhooks, useFactory: () => fakes.service() },
      { provide: Backups, useFactory: () => fakes.service() },
      { provide: EventStore, useValue: fakes.store },
      { provide: Readiness, useValue: { checks: async () => fakes.checks } },
    ],
  })
  class FakeModule {}
  const options = { bodyParser: false, logger: false } as const;
  const app = dressApp(await NestFactory.create<NestFastifyApplication>(FakeModule, createAdapter(), options));
  await app.init();
  await app.getHttpAdapter().getInstance().ready();
  return app;
}
