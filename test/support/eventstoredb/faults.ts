import { ConnectionLost, ServerError, deadlineExceeded } from './errors.js';

/** What a client asks for, as a fault sees it. */
export interface Asked {
  readonly method:
    | 'append'
    | 'read-stream'
    | 'read-all'
    | 'subscribe-stream'
    | 'subscribe-all'
    | 'projections'
    | 'features'
    | 'gossip';
  /** The service's method by which it came, such as `/event_store.client.streams.Streams/Append`. */
  readonly path: string;
  /** Of a stream, or of a projection; empty for what is about neither. */
  readonly name: string;
  /** When the client gives up, milliseconds since 1970. */
  readonly deadline: number;
  /** Kills the connection it came by. */
  drop(): void;
  /** Aborts when the client has gone. */
  readonly signal: AbortSignal;
}

/** Does its harm, or waits, or throws what the call is to end with. */
export type Fault = (asked: Asked) => Promise<void>;

/** An append that is to be answered as a conflict, whatever the log says. */
export class FeignedConflict extends Error {}

/**
 * When a fault strikes: when the call arrives, when it has done its work (its events are in the log) and the answer is not
 * sent, or when a read or a subscription has sent that many events.
 */
export type Moment = 'arrival' | 'commit' | { readonly afterEvents: number };

export interface Aim {
  readonly method?: Asked['method'];
  /** Names of streams or projections. */
  readonly where?: (name: string) => boolean;
  readonly when?: Moment;
  /** How often it strikes, by default once. */
  readonly times?: number;
}

export interface Armed {
  /** How often it has struck. */
  readonly struck: number;
  disarm(): void;
}

export const drop: Fault = async (asked) => {
  asked.drop();
  throw new ConnectionLost();
};

/** The connection stays, and nothing is ever heard. */
export const silence: Fault = async ({ signal }) => {
  if (!signal.aborted) await new Promise((resolve) => signal.addEventListener('abort', resolve, { once: true }));
  throw new ConnectionLost();
};

export const feignConflict: Fault = async () => {
  throw new FeignedConflict();
};

/** Ends the call with an error of the server, such as those of errors.ts. */
export const fail =
  (error: () => ServerError): Fault =>
  async () => {
    throw error();
  };

/** Takes `milliseconds`, or until the client's deadline. */
export const delay =
  (milliseconds: number): Fault =>
  async ({ deadline, signal }) => {
    const left = deadline - Date.now();
    await pause(Math.min(milliseconds, left), signal);
    if (milliseconds >= left) throw deadlineExceeded();
  };

function pause(milliseconds: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const done = (): void => {
      clearTimeout(timer);
      signal.removeEventListener('abort', done);
      resolve();
    };
    const timer = setTimeout(done, milliseconds);
    signal.addEventListener('abort', done);
    if (signal.aborted) done();
  });
}

interface Entry {
  readonly fault: Fault;
  readonly aim: Aim;
  left: number;
  struck: number;
}

/** The faults a test has armed. Those that fit a call strike in the order they were armed. */
export class Faults {
  private entries: Entry[] = [];

  arm(fault: Fault, aim: Aim = {}): Armed {
    const entry: Entry = { fault, aim, left: aim.times ?? 1, struck: 0 };
    this.entries.push(entry);
    return {
      get struck() {
        return entry.struck;
      },
      disarm: () => {
        this.entries = this.entries.filter((other) => other !== entry);
      },
    };
  }

  clear(): void {
    this.entries = [];
  }

  /** Nothing to wait for when no fault fits, so that calls keep their order. */
  strike(when: Moment, asked: Asked): Promise<void> | undefined {
    const fitting = this.entries.filter(({ aim }) => fits(aim, when, asked));
    if (fitting.length === 0) return undefined;
    for (const entry of fitting) {
      entry.left -= 1;
      entry.struck += 1;
    }
    this.entries = this.entries.filter(({ left }) => left > 0);
    return fitting.reduce((before, { fault }) => before.then(() => fault(asked)), Promise.resolve());
  }
}

function fits({ method, where, when = 'arrival' }: Aim, moment: Moment, { method: asked, name }: Asked): boolean {
  if (method && method !== asked) return false;
  if (where && !where(name)) return false;
  if (typeof when === 'string' || typeof moment === 'string') return when === moment;
  return when.afterEvents === moment.afterEvents;
}
