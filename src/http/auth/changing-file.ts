import { readFileSync, statSync } from 'node:fs';
import { Logger } from '@nestjs/common';
import { ProblemError } from '../problem.js';

const LOOK_EVERY_MS = 1000;

type Content<T> = { readonly value: T } | { readonly fault: string };

/**
 * What a file says, read again when it changes: a key that is struck out of it opens nothing a second later. While it
 * cannot be read or understood nobody is let in by it: what it said before may be just what was to be taken back.
 */
export class ChangingFile<T> {
  private readonly logger = new Logger('auth');
  private content: Content<T>;
  private version: string;
  private lookedAtMs: number;

  /** Throws when it cannot be read or understood now: a service that is just started is better told so. */
  constructor(
    private readonly path: string,
    private readonly parse: (text: string) => T,
    private readonly nowMs: () => number = Date.now,
  ) {
    this.version = this.versionNow();
    this.content = this.read();
    this.lookedAtMs = this.nowMs();
    if ('fault' in this.content) throw new Error(this.content.fault);
  }

  /** Throws a problem while the file is at fault. */
  current(): T {
    const nowMs = this.nowMs();
    if (Math.abs(nowMs - this.lookedAtMs) >= LOOK_EVERY_MS) {
      this.lookedAtMs = nowMs;
      this.look();
    }
    if ('value' in this.content) return this.content.value;
    throw new ProblemError('authentication-unavailable', 'Who asks cannot be found out now; ask again later.');
  }

  private look(): void {
    const version = this.versionNow();
    if (version === this.version) return;
    this.version = version;
    this.content = this.read();
    if ('fault' in this.content) this.logger.error(this.content.fault);
    else this.logger.log(`${this.path} was read again`);
  }

  private versionNow(): string {
    try {
      const { ino, size, mtimeNs, ctimeNs } = statSync(this.path, { bigint: true });
      return [ino, size, mtimeNs, ctimeNs].join();
    } catch {
      return 'gone';
    }
  }

  /** The text itself is never shown. */
  private read(): Content<T> {
    try {
      return { value: this.parse(readFileSync(this.path, 'utf8')) };
    } catch (error) {
      const { code, message } = error as NodeJS.ErrnoException;
      const reason = code === 'ENOENT' ? 'it is not there' : error instanceof SyntaxError ? 'it is not JSON' : message;
      return { fault: `${this.path} cannot be used: ${reason}` };
    }
  }
}
