import 'reflect-metadata';
import { type INestApplicationContext, Logger } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import { AppModule, type Overrides } from './app.module.js';
import { identifyBy } from './http/auth/identify.js';
import { CONNECTION_LIMITS } from './http/limits/connections.js';
import { openCounters } from './http/limits/counters.js';
import { OperationsPerHour } from './http/limits/operations.js';
import { createAdapter, dressApp } from './http/server.js';
import { Gauges } from './observability/gauges.js';
import { Observability } from './observability/observability.js';
import { observeRequests, serveMetrics } from './observability/requests.js';
import type { Settings } from './settings.js';

/** A start that fails is told in one line by whoever started it, not by Nest in many. */
const QUIET_START = { logger: false, abortOnError: false } as const;

/** The application without its HTTP edge. What it says on stdout is its answer: its log is of warnings, on stderr. */
export async function createApp(settings: Settings): Promise<INestApplicationContext> {
  const { logLevel } = settings.observability;
  const observability = { ...settings.observability, logLevel: logLevel === 'error' ? logLevel : 'warn' } as const;
  const app = await NestFactory.createApplicationContext(
    AppModule.forSettings({ ...settings, observability }),
    QUIET_START,
  );
  app.useLogger(app.get(Observability).log);
  return app;
}

/** The service over HTTP, not listening yet. `close()` ends what runs and lets go of the store. */
export async function createHttpApp(settings: Settings, overrides?: Overrides): Promise<NestFastifyApplication> {
  const identify = identifyBy(settings.auth);
  const connections = { ...CONNECTION_LIMITS, maxConnections: settings.limits.maxConnections };
  const adapter = createAdapter(connections);
  const app = await NestFactory.create<NestFastifyApplication>(AppModule.forSettings(settings, overrides), adapter, {
    bodyParser: false,
    ...QUIET_START,
  });
  const observability = app.get(Observability);
  app.useLogger(observability.log);
  observability.metrics.collectProcess();
  observeRequests(app, observability);
  dressApp(app, { identify, ...operationsOf(settings), connections, stopSeconds: settings.life.stopSeconds });
  serveMetrics(app, observability, settings.observability.metrics, () => app.get(Gauges).refresh());
  return app;
}

/** Nothing is opened when nobody's operations are limited. */
function operationsOf({ limits, streamPrefix, cachePath }: Settings): { operations?: OperationsPerHour } {
  if (limits.operationsPerHour.size === 0) return {};
  const logger = new Logger('limits');
  const path = cachePath && `${cachePath}.limits`;
  const counters = openCounters({ redis: limits.store, prefix: streamPrefix, path }, (message) => logger.warn(message));
  return { operations: new OperationsPerHour(limits.operationsPerHour, counters) };
}
