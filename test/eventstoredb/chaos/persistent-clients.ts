import { setTimeout as pause } from 'node:timers/promises';
import type { Answer, Client, CommandResult, Problem } from '../../support/client.js';
import type { Command } from '../../support/auditor/facts.js';

/** What a fact was answered with. */
export type Result = CommandResult & { readonly key: string | null };

/** Nobody waits longer than this for an acknowledgment, in ms: no fault of these tests lasts so long. */
const PATIENCE_MS = 25_000;
/** The store was away, or what a grant depends on was not up to date: nothing of it is recorded, or nobody knows. */
const SEND_AGAIN: readonly (string | undefined)[] = ['store-unavailable', 'not-caught-up'];

/**
 * Clients of several instances of the service, who send whatever was not answered again until it is, to one instance after
 * the other. Any other answer but that of a ledger at work is an error.
 */
export class PersistentClients {
  /** What each fact was answered with in the end, each time that it was sent. */
  readonly told = new Map<Command, Result[]>();
  /** How often something had to be sent again. */
  resent = 0;
  /** The last that was acknowledged. */
  lastPosition = 0n;

  constructor(private readonly instances: readonly Client[]) {}

  /** Sends facts in one request, the first time to the instance given; their results in the order sent. */
  async send(commands: readonly Command[], instance: number): Promise<Result[]> {
    const results = new Map<Command, Result>();
    await this.untilDone(instance, async (client) => {
      const open = commands.filter((command) => !results.has(command));
      const answer = await client.post<{ results: Result[] }>('/v1/commands', open);
      if (isAway(answer)) return undefined;
      if (answer.status !== 200)
        throw new Error(`the facts were answered ${answer.status} ${JSON.stringify(answer.body)}`);
      open.forEach((command, place) => {
        const result = answer.body.results[place]!;
        if (!SEND_AGAIN.includes(result.error?.code)) results.set(command, result);
      });
      return results.size === commands.length ? results : undefined;
    });
    for (const [command, result] of results) this.note(command, result);
    return commands.map((command) => results.get(command)!);
  }

  ask<Body>(path: string, instance: number): Promise<Answer<Body>> {
    return this.clientOf(instance).get<Body>(path);
  }

  /** Asks for a run, the first time of the instance given; what it answered. */
  async perform<Body>(path: string, body: object, instance: number): Promise<Body> {
    return this.untilDone(instance, async (client) => {
      const answer = await client.post<Body>(path, body);
      if (isAway(answer)) return undefined;
      if (answer.status !== 200)
        throw new Error(`${path} was answered ${answer.status} ${JSON.stringify(answer.body)}`);
      return answer.body;
    });
  }

  private async untilDone<T>(instance: number, attempt: (client: Client) => Promise<T | undefined>): Promise<T> {
    const until = Date.now() + PATIENCE_MS;
    for (let next = instance; Date.now() < until; next += 1) {
      const done = await attempt(this.clientOf(next));
      if (done !== undefined) return done;
      this.resent += 1;
      await pause(20);
    }
    throw new Error(`nothing was acknowledged within ${PATIENCE_MS} ms`);
  }

  private note(command: Command, result: Result): void {
    this.told.set(command, [...(this.told.get(command) ?? []), result]);
    const position = BigInt(result.position ?? 0);
    if (position > this.lastPosition) this.lastPosition = position;
  }

  private clientOf(instance: number): Client {
    return this.instances[instance % this.instances.length]!;
  }
}

const isAway = ({ status, body }: Answer<unknown>): boolean =>
  status === 503 && SEND_AGAIN.includes((body as Problem | null)?.code);
