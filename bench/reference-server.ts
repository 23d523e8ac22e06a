import 'reflect-metadata';
import { Body, Controller, HttpCode, Module, Post } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { FastifyAdapter, type NestFastifyApplication } from '@nestjs/platform-fastify';
import { ClickSpent } from '../src/accounts/http/commands.js';
import { validateFully } from '../src/http/validation.js';

/** What a request costs that is read and checked by class-validator, and of which nothing comes. */
@Controller('v1/commands')
class CommandsController {
  @Post()
  @HttpCode(201)
  submit(@Body() body: unknown): object {
    const commands = (Array.isArray(body) ? body : [body]) as { data: unknown }[];
    const valid = commands.filter(({ data }) => 'value' in validateFully(ClickSpent, data, '/data'));
    return { valid: valid.length };
  }
}

@Module({ controllers: [CommandsController] })
class ReferenceModule {}

const app = await NestFactory.create<NestFastifyApplication>(
  ReferenceModule,
  new FastifyAdapter({ bodyLimit: 4 * 1024 * 1024 }),
  { logger: false },
);
await app.listen(Number(process.env['PORT']), '127.0.0.1');
console.log(`reference serves ${await app.getUrl()}`);
