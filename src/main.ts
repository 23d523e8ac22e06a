import 'reflect-metadata';
import type { INestApplicationContext, LogLevel } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import { AppModule } from './app.module.js';
import { createAdapter, dressApp } from './http/server.js';
import type { Settings } from './settings.js';

/** A start that fails is told in one line by whoever started it, not by Nest in many. */
const QUIET_START = { logger: false, abortOnError: false } as const;
const LOGGED: LogLevel[] = ['error', 'warn'];

/** The application without its HTTP edge. */
export async function createApp(settings: Settings): Promise<INestApplicationContext> {
  const app = await NestFactory.createApplicationContext(AppModule.forSettings(settings), QUIET_START);
  app.useLogger(LOGGED);
  return app;
}

/** The service over HTTP, not listening yet. A signal, or `close()`, ends what runs and lets go of the store. */
export async function createHttpApp(settings: Settings): Promise<NestFastifyApplication> {
  const app = await NestFactory.create<NestFastifyApplication>(AppModule.forSettings(settings), createAdapter(), {
    bodyParser: false,
    ...QUIET_START,
  });
  app.useLogger(LOGGED);
  return dressApp(app).enableShutdownHooks();
}
