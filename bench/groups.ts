import type { Shape } from './ledgers.js';
import type { Effort, Row } from './measure.js';

/** Rows that are measured together, in a process of their own: no row's heap weighs on another's. */
export interface Group {
  readonly rows: readonly string[];
  /** Ledgers that must be there. */
  readonly needs: readonly Shape[];
  /** On which part of the events it is measured, unless the whole is asked for; by default all of them. */
  readonly share?: number;
  /** What is measured, and how. */
  readonly how: string;
  measure(effort: Effort, events: number): Promise<readonly Row[]>;
}

/** Loaded when they are measured: some of them need what `bench/peers` installs. */
export const GROUPS: Readonly<Record<string, Group>> = {
  commands: {
    rows: ['1', '2', '3'],
    needs: ['wide'],
    how:
      'Clicks on the accounts of the ledger, by the service’s own application service (decide, append, acknowledge) in this ' +
      'process, each sent when the one before is acknowledged. By hand: the same rows, decided beforehand, written into ' +
      'a copy of the same ledger in one transaction each, or all that arrive in a turn of the event loop. Emmett appends ' +
      'the same events, decided beforehand, to an empty file that is equally durable.',
    measure: async (effort, events) => (await import('./rows/commands.js')).commandRows(effort, events),
  },
  http: {
    rows: ['4', '5'],
    needs: ['wide'],
    how:
      'The built service in a process of its own, 50 connections, clicks of 50 accounts. A turn ends when questions include ' +
      'what was posted: the read models are kept up. Against a Nest application on Fastify with the same route that checks the ' +
      'same commands, by the same DTO, and does nothing with them: the way Nest documents it, its ValidationPipe (class-' +
      'transformer and class-validator), which the targets are held to; and class-validator called without the pipe.',
    measure: async (effort, events) => (await import('./rows/http.js')).httpRows(effort, events),
  },
  rebuild: {
    rows: ['6', '7'],
    needs: [],
    share: 0.3,
    how:
      'Read models are built from the first event of the log by the service’s own runner and its thread. By hand: one loop ' +
      'scans the log in pages, parses each event, and inserts the same rows into the same tables, in transactions as large. ' +
      'Emmett’s consumer builds one projection, which counts the events of each stream. In memory, in a ' +
      'process that has loaded nothing else, the log is read and folded, and nothing is stored.',
    measure: async (effort, events) => (await import('./rows/rebuild.js')).rebuildRows(effort, events),
  },
  questions: {
    rows: ['8', '9'],
    needs: ['deep'],
    how:
      'Balances at instants and positions spread over the whole history, other ones in each turn, from the read models’ file. ' +
      'The fold reads the account’s events and folds them by the projection that the replay uses; both must give the same ' +
      'balance.',
    measure: async (effort, events) => (await import('./rows/questions.js')).questionRows(effort, events),
  },
  memory: {
    rows: ['10'],
    needs: ['wide'],
    share: 0.2,
    how: 'The greatest resident memory of the process as Linux tells it (VmHWM).',
    measure: async (effort, events) => (await import('./rows/memory.js')).memoryRows(effort, events),
  },
  start: {
    rows: ['11'],
    needs: ['wide'],
    how: 'From starting the process to the first 200 of /health/ready, files in the cache of the operating system.',
    measure: async (effort, events) => (await import('./rows/start.js')).startRows(effort, events),
  },
  growth: {
    rows: ['12'],
    needs: [],
    how: 'Deciding and folding alone, in this process.',
    measure: async (effort) => (await import('./rows/growth.js')).growthRows(effort),
  },
  posting: {
    rows: ['13'],
    needs: [],
    how: 'Arrays of 50 clicks over 50 connections.',
    measure: async (effort, events) => (await import('./rows/posting.js')).postingRows(effort, events),
  },
};
