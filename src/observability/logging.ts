import { hash } from 'node:crypto';
import type { LoggerService } from '@nestjs/common';
import { once } from '../kernel/once.js';
import { LOG_LEVELS, type LogLevel } from '../settings/observability.js';
import { currentCorrelationId } from './scope.js';

export type LogFields = Readonly<Record<string, string | number | boolean | null | undefined>>;

/** Takes one line, without its end. */
export type LogSink = (line: string, level: LogLevel) => void;

export interface LogOptions {
  readonly level: LogLevel;
  readonly format: 'json' | 'text';
  readonly sink?: LogSink | undefined;
}

const toStreams: LogSink = (line, level) => {
  if (level === 'warn' || level === 'error') process.stderr.write(`${line}\n`);
  else stdout().add(`${line}\n`);
};

/** So long a line may wait for others, to share a system call with them. */
const GATHERED_MS = 10;

/** Most lines tell of a request: those that end shortly after one another are written together. */
class GatheringWriter {
  private text = '';

  constructor() {
    process.once('exit', () => this.flush());
  }

  add(line: string): void {
    if (this.text === '') setTimeout(() => this.flush(), GATHERED_MS);
    this.text += line;
  }

  private flush(): void {
    const { text } = this;
    this.text = '';
    if (text !== '') process.stdout.write(text);
  }
}

const stdout = once(() => new GatheringWriter());

/**
 * The log: a line an entry, `{ time, level, logger, message, correlationId?, … }`. What is known by name to hold persons
 * or secrets is never handed to it, and what might is taken out: see `redacted` and `errorFields`.
 */
export class Log implements LoggerService {
  private readonly least: number;
  private readonly sink: LogSink;

  constructor(private readonly options: LogOptions) {
    this.least = LOG_LEVELS.indexOf(options.level);
    this.sink = options.sink ?? toStreams;
  }

  write(level: LogLevel, logger: string, message: string, fields: LogFields = {}): void {
    if (LOG_LEVELS.indexOf(level) < this.least) return;
    const correlationId = fields['correlationId'] ?? currentCorrelationId();
    const entry = {
      time: new Date().toISOString(),
      level,
      logger,
      message: redacted(message),
      ...(correlationId === undefined ? {} : { correlationId }),
      ...fields,
    };
    this.sink(this.options.format === 'json' ? JSON.stringify(entry) : textOf(entry), level);
  }

  /** Something that was thrown. */
  failure(level: LogLevel, logger: string, message: string, thrown: unknown): void {
    this.write(level, logger, message, errorFields(thrown));
  }

  // What Nest, and whoever has a Logger of Nest's, calls: the name of the logger comes last.

  debug = (message: unknown, ...more: unknown[]): void => this.take('debug', message, more);
  verbose = (message: unknown, ...more: unknown[]): void => this.take('debug', message, more);
  log = (message: unknown, ...more: unknown[]): void => this.take('info', message, more);
  warn = (message: unknown, ...more: unknown[]): void => this.take('warn', message, more);
  error = (message: unknown, ...more: unknown[]): void => this.take('error', message, more);
  fatal = (message: unknown, ...more: unknown[]): void => this.take('error', message, more);

  private take(given: LogLevel, message: unknown, more: readonly unknown[]): void {
    const name = more.at(-1);
    const logger = typeof name === 'string' ? name : 'service';
    const level = given === 'info' && OF_NEST.has(logger) ? 'debug' : given;
    if (typeof message === 'string') this.write(level, logger, message);
    else this.failure(level, logger, 'something failed that should not', message);
  }
}

/** Loggers that tell of each module and route at a start. */
const OF_NEST = new Set(['NestFactory', 'InstanceLoader', 'RoutesResolver', 'RouterExplorer', 'NestApplication']);

/** Of so many actors the hash is remembered. */
const REMEMBERED_ACTORS = 1000;
const actorHashes = new Map<string, string>();

/** Who acted, so that lines of one caller can be told to be, and not who it is. */
export function actorHash(subject: string): string {
  const known = actorHashes.get(subject);
  if (known !== undefined) return known;
  const hashed = hash('sha256', subject).slice(0, 12);
  if (actorHashes.size >= REMEMBERED_ACTORS) actorHashes.clear();
  actorHashes.set(subject, hashed);
  return hashed;
}

const SECRETS: readonly (readonly [RegExp, string])[] = [
  // Names of streams: they hold ids of advertisers and campaigns.
  [/\b(account|campaign|enrollment)-[^\s"',;)]+/g, '$1-…'],
  [/\b(bearer|basic)\s+[^\s"',;]+/gi, '$1 …'],
  // API keys and tokens.
  [/\bplk_[\w-]+/g, '…'],
  [/\beyJ[\w-]+\.[\w-]+(\.[\w-]*)?/g, '…'],
  [/(?<=:\/\/)[^\s/@]+@/g, '…@'],
  [/[^\s"'<>()]+@[^\s"'<>()]+\.[a-z]{2,}/gi, '…'],
];

/** Has none of these forms, and is what most lines say. */
const ONE_WORD = /^[a-z]*$/;

/** Without what is known to be personal or secret by its form. */
export const redacted = (text: string): string =>
  ONE_WORD.test(text) ? text : SECRETS.reduce((left, [pattern, instead]) => left.replace(pattern, instead), text);

/** Errors whose text this service or the system wrote, of files, addresses and positions. */
const TOLD = /^(StoreUnavailableError|NotCaughtUpError|StoreInUseError|LedgerFileError|BackupFailedError)$/;
const OF_THE_SYSTEM = /^(E[A-Z]+|ERR_SQLITE_ERROR)$/;

/**
 * An error for the log: its kind, and where it was thrown. The text of one that nobody foresaw is left out, since it may
 * repeat what a client sent; the frames say which fault it is.
 */
export function errorFields(thrown: unknown): LogFields {
  if (!(thrown instanceof Error)) return { error: typeof thrown };
  const { code } = thrown as { code?: unknown };
  const isTold = TOLD.test(thrown.name) || OF_THE_SYSTEM.test(String(code));
  const frames = thrown.stack?.split('\n').filter((line) => line.startsWith('    at '));
  return {
    error: thrown.name,
    ...(typeof code === 'string' ? { code } : {}),
    ...(isTold ? { detail: redacted(thrown.message) } : { at: frames?.map((frame) => frame.trim()).join(' ← ') }),
  };
}

/** For people: one line too, whatever is in it. */
function textOf({ time, level, logger, message, ...fields }: Record<string, unknown>): string {
  const rest = Object.entries(fields).filter(([, value]) => value !== undefined);
  const shown = rest.map(([name, value]) => ` ${name}=${onOneLine(String(value))}`).join('');
  return `${String(time)} ${String(level).toUpperCase().padEnd(5)} ${String(logger)}: ${onOneLine(String(message))}${shown}`;
}

const onOneLine = (text: string): string => (/[\p{Cc}\u2028\u2029]/u.test(text) ? JSON.stringify(text) : text);
