import 'reflect-metadata';
import { createRequire } from 'node:module';
import {
  Body,
  Controller,
  HttpCode,
  Module,
  ParseArrayPipe,
  Post,
  ValidationPipe,
  type ValidationPipeOptions,
} from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { FastifyAdapter, type NestFastifyApplication } from '@nestjs/platform-fastify';
import * as classValidator from 'class-validator';
import { ClickSpent } from '../src/accounts/http/commands.js';
import { MoneyInput } from '../src/http/fields.js';
import { validateFully } from '../src/http/validation.js';

/** The ledger does without class-transformer: it is installed under bench/peers. */
type ClassTransformer = NonNullable<ValidationPipeOptions['transformerPackage']> & {
  readonly Type: (type: () => new () => object) => PropertyDecorator;
};

const PEERS = createRequire(new URL('../../bench/peers/package.json', import.meta.url));
const classTransformer = PEERS('class-transformer') as ClassTransformer;
const { Type } = classTransformer;
const { IsIn, ValidateNested } = classValidator;

/** The service's own DTO, with the decorators that it has there; what is nested is told the way Nest documents. */
class ClickCommand {
  @IsIn(['ClickSpent']) type!: string;
  @ValidateNested() @Type(() => ClickSpent) data!: ClickSpent;
}
Type(() => MoneyInput)(ClickSpent.prototype, 'cost');

const STOCK: ValidationPipeOptions = {
  transform: true,
  whitelist: true,
  forbidNonWhitelisted: true,
  // Our rules count on it: each may take for granted what the ones before it have shown.
  stopAtFirstError: true,
  validatorPackage: classValidator,
  transformerPackage: classTransformer,
};

/** What a request costs that is read and checked, and of which nothing comes. */
@Controller()
class ReferenceController {
  /** As Nest documents it: its ValidationPipe, which is class-transformer and class-validator. */
  @Post('stock')
  @HttpCode(201)
  one(@Body(new ValidationPipe(STOCK)) _: ClickCommand): object {
    return { valid: 1 };
  }

  @Post('stock-arrays')
  @HttpCode(201)
  many(@Body(new ParseArrayPipe({ ...STOCK, items: ClickCommand })) commands: ClickCommand[]): object {
    return { valid: commands.length };
  }

  /** Without the pipe and class-transformer: class-validator is called directly, which nobody is told to do. */
  @Post('direct')
  @HttpCode(201)
  direct(@Body() body: unknown): object {
    const commands = (Array.isArray(body) ? body : [body]) as { data: unknown }[];
    const valid = commands.filter(({ data }) => 'value' in validateFully(ClickSpent, data, '/data'));
    return { valid: valid.length };
  }
}

@Module({ controllers: [ReferenceController] })
class ReferenceModule {}

const app = await NestFactory.create<NestFastifyApplication>(
  ReferenceModule,
  new FastifyAdapter({ bodyLimit: 4 * 1024 * 1024 }),
  { logger: false },
);
await app.listen(Number(process.env['PORT']), '127.0.0.1');
console.log(`reference serves ${await app.getUrl()}`);
