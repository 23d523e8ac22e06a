import type { DatabaseSync, StatementSync } from 'node:sqlite';
import { type Instant, instantOf } from '../../kernel/instant.js';
import { PAGE } from '../embedded.js';
import { type EventMetadata, keptAsText, type LogFilter, type Recorded } from '../event-store.js';
import { reading } from './pending.js';

/** The statements of a ledger, prepared once. Rows come as arrays: they are read by the million. */
export type Statements = ReturnType<typeof prepareStatements>;

const EVENT = `
  SELECT s.name, e.revision, e.position, e.recorded_at, t.name, e.key, e.data, e.metadata
  FROM events e CROSS JOIN streams s USING (stream_id) CROSS JOIN types t USING (type_id)
`;

type EventRow = [string, number, number, number, string, string, string, string];

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

export const eventsOf = (statement: StatementSync, ...parameters: (string | number)[]): Recorded[] =>
  all<EventRow>(statement, ...parameters).map(eventOf);

/** Most of those who are given an event pass it on, or ask for its type alone: what is JSON is read when it is wanted. */
export function eventOf([stream, revision, position, recordedAtMs, type, key, data, metadata]: EventRow): Recorded {
  const id = `${type}:${key}`;
  let [readData, readMetadata]: [object?, EventMetadata?] = [];
  let recordedAt: Instant | undefined;
  const event: Recorded = {
    stream,
    revision,
    position: BigInt(position),
    get recordedAt() {
      return (recordedAt ??= instantOf(recordedAtMs));
    },
    id,
    type,
    get data() {
      return (readData ??= reading(() => JSON.parse(data) as object));
    },
    get metadata() {
      return (readMetadata ??= reading(() => JSON.parse(metadata) as EventMetadata));
    },
  };
  const text = () =>
    `{"stream":${JSON.stringify(stream)},"revision":${revision},"position":"${position}",` +
    `"recordedAt":"${event.recordedAt}","id":${JSON.stringify(id)},"type":${JSON.stringify(type)},` +
    `"data":${data},"metadata":${metadata}}`;
  return keptAsText(event, text);
}
