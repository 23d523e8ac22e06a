import 'reflect-metadata';
import { NestFactory } from '@nestjs/core';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import { AppModule } from './app.module.js';
import { createAdapter, dressApp } from './http/server.js';
import type { Settings } from './settings.js';

/** The service over HTTP, not listening yet. A signal, or `close()`, ends what runs and lets go of the store. */
export async function createHttpApp(settings: Settings): Promise<NestFastifyApplication> {
  const app = await NestFactory.create<NestFastifyApplication>(AppModule.forSettings(settings), createAdapter(), {
    bodyParser: false,
    logger: ['error', 'warn'],
  });
  return dressApp(app).enableShutdownHooks();
}
