import { randomUUID } from 'node:crypto';
import type { INestApplicationContext } from '@nestjs/common';
import { InvalidArgumentError } from 'commander';
import { actingAs } from '../commands/origin.js';
import { parseInstant, type Instant } from '../kernel/instant.js';
import { isRefusal, type Refusal } from '../kernel/refusal.js';
import { createApp } from '../main.js';
import type { MomentAsked } from '../read-models/queries.js';
import { NotCaughtUpError, type ReadModels } from '../read-models/read-models.js';
import { loadSettings, type Settings } from '../settings.js';

/** What scripts can tell apart: 0 done, 1 failed, 2 refused or wrongly asked, 3 a check or a copy that differs, 4 nobody vouches. */
export const REFUSED = 2;
export const DIFFERS = 3;
export const UNVOUCHED = 4;

/** What every command that answers takes. */
export interface Output {
  readonly json?: boolean;
}

/** The application without its HTTP edge, on the store that the environment names. */
export async function withLedger(
  use: (app: INestApplicationContext) => Promise<void>,
  settings: Settings = loadSettings(process.env),
): Promise<void> {
  const app = await createApp(settings);
  try {
    await actingAs({ actor: 'cli', correlationId: randomUUID() }, () => use(app));
  } finally {
    await app.close();
  }
}

/** On a machine that has no read models yet they take their time: a request is told so, a command waits. */
export async function upToDate(models: ReadModels): Promise<void> {
  for (;;) {
    try {
      await models.caughtUp();
      return;
    } catch (error) {
      if (!(error instanceof NotCaughtUpError) || models.runner.failed) throw error;
    }
  }
}

export function print(json: boolean | undefined, answer: object, lines: () => readonly string[]): void {
  console.log(json ? JSON.stringify(answer) : lines().join('\n'));
}

/** A refusal ends a command with its detail. */
export class RefusedError extends Error {}

export function unlessRefused<T extends object>(answer: T | Refusal): T {
  if (!isRefusal(answer)) return answer;
  const { refused, detail, errors = [] } = answer;
  throw new RefusedError([`${refused}: ${detail}`, ...errors.map(({ message }) => `  ${message}`)].join('\n'));
}

export function instant(text: string): Instant {
  const parsed = parseInstant(text);
  if (!parsed) throw new InvalidArgumentError('It must be an RFC 3339 instant such as 2022-10-04T07:00:00Z.');
  return parsed;
}

export function knownAt(text: string): NonNullable<MomentAsked['knownAt']> {
  const position = /^position:(\d{1,18})$/.exec(text)?.[1];
  return position === undefined ? { instant: instant(text) } : { position: BigInt(position) };
}

export function count(text: string): number {
  if (!/^[1-9]\d{0,8}$/.test(text)) throw new InvalidArgumentError('It must be a whole number from 1.');
  return Number(text);
}
