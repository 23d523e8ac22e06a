import type { DatabaseSync, StatementSync } from 'node:sqlite';
import { type LogReader, PAGE } from '../embedded.js';
import type { LogEntry, LogFilter } from '../event-store.js';
import { reading } from './pending.js';
import { type EventRow, StoredEvent } from './stored-event.js';

/** The statements of a ledger, prepared once. Rows come as arrays: they are read by the million. */
export type Statements = ReturnType<typeof prepareStatements>;

const EVENT = `
  SELECT s.name, e.revision, e.position, e.recorded_at, t.name, e.key, e.data, e.metadata
  FROM events e CROSS JOIN streams s USING (stream_id) CROSS JOIN types t USING (type_id)
`;

export function prepareStatements(db: DatabaseSync) {
  const prepare = (sql: string) => {
    const statement = db.prepare(sql);
    statement.setReturnArrays(true);
    return statement;
  };
  return {
    begin: prepare('BEGIN IMMEDIATE'),
    commit: prepare('COMMIT'),
    rollback: prepare('ROLLBACK'),
    tail: prepare('SELECT position, recorded_at FROM events ORDER BY position DESC LIMIT 1'),
    types: prepare('SELECT name, type_id FROM types'),
    stream: prepare(
      `SELECT stream_id, (SELECT max(revision) FROM events e WHERE e.stream_id = s.stream_id)
       FROM streams s WHERE name = ?`,
    ),
    place: prepare('SELECT revision, position FROM events WHERE stream_id = ? AND type_id = ? AND key = ?'),
    addStream: prepare('INSERT INTO streams (name) VALUES (?)'),
    addType: prepare('INSERT INTO types (name) VALUES (?)'),
    addEvent: prepare(
      `INSERT INTO events (position, stream_id, revision, type_id, key, data, metadata, recorded_at)
       VALUES (?, ?, ?, ?, ?, ?, ?, ?)`,
    ),
    event: prepare(`${EVENT} WHERE e.stream_id = ? AND e.type_id = ? AND e.key = ?`),
    forwards: prepare(`${EVENT} WHERE e.stream_id = ? AND e.revision >= ? ORDER BY e.revision LIMIT ${PAGE}`),
    backwards: prepare(`${EVENT} WHERE e.stream_id = ? AND e.revision <= ? ORDER BY e.revision DESC LIMIT ${PAGE}`),
    entries: prepare(
      'SELECT stream_id, type_id, data FROM events WHERE position > ? AND position <= ? ORDER BY position',
    ),
    streamName: prepare('SELECT name FROM streams WHERE stream_id = ?'),
    typeName: prepare('SELECT name FROM types WHERE type_id = ?'),
  };
}

/** A window of the log; its parameters are the position before the first, the last, and the filter's prefixes. */
export function prepareLog(db: DatabaseSync, filter: LogFilter | undefined): StatementSync {
  const prefixed = filter?.streamPrefixes.map((_, index) => `substr(s.name, 1, length(?${index + 3})) = ?${index + 3}`);
  const kept = prefixed ? `AND (${['FALSE', ...prefixed].join(' OR ')})` : '';
  const statement = db.prepare(`${EVENT} WHERE e.position > ?1 AND e.position <= ?2 ${kept} ORDER BY e.position`);
  statement.setReturnArrays(true);
  return statement;
}

/** Typed access to rows: the statements above fix their shapes. */
export const one = <Row>(statement: StatementSync, ...parameters: (string | number)[]) =>
  statement.get(...parameters) as Row | undefined;
export const all = <Row>(statement: StatementSync, ...parameters: (string | number)[]) =>
  statement.all(...parameters) as unknown as Row[];

/** Each is made when it is its turn, and gone when it is dealt with: what lives shortly costs the least. */
export function* eventsIn(rows: readonly EventRow[]): Generator<StoredEvent> {
  for (const row of rows) yield reading(() => new StoredEvent(row));
}

export const eventsOf = (statement: StatementSync, ...parameters: (string | number)[]): StoredEvent[] =>
  all<EventRow>(statement, ...parameters).map((row) => new StoredEvent(row));

const REMEMBERED_NAMES = 50_000;

/** What a fold reads, from the log alone: each name is looked up once, which is less than a join, and one text for all. */
export function entriesOf({ entries, streamName, typeName }: Statements): LogReader<LogEntry> {
  const [nameOfStream, nameOfType] = [namesOf('stream', streamName), namesOf('type', typeName)];
  return function* (after, through) {
    type Row = [streamId: number, typeId: number, data: string];
    const rows = reading(() => all<Row>(entries, Number(after), Number(through)));
    for (const [streamId, typeId, data] of rows) {
      yield reading(() => ({
        stream: nameOfStream(streamId),
        type: nameOfType(typeId),
        data: JSON.parse(data) as object,
      }));
    }
  };
}

function namesOf(what: string, lookUp: StatementSync): (id: number) => string {
  const names = new Map<number, string>();
  return (id) => {
    const known = names.get(id);
    if (known !== undefined) return known;
    const row = one<[name: string]>(lookUp, id);
    if (!row) throw new Error(`an event is of ${what} ${id}, which has no name`);
    if (names.size >= REMEMBERED_NAMES) names.clear();
    names.set(id, row[0]);
    return row[0];
  };
}
