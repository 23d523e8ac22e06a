import { mkdtempSync, rmSync } from 'node:fs';
import * as fs from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import type { Recorded } from '../../src/event-store/event-store.js';
import { instantOf } from '../../src/kernel/instant.js';

const synced: string[] = [];
const opened = new Map<number, string>();
jest.unstable_mockModule('node:fs', () => ({
  ...fs,
  openSync: (path: string, flags: string) => {
    const file = fs.openSync(path, flags);
    opened.set(file, path);
    return file;
  },
  fsyncSync: (file: number) => {
    fs.fsyncSync(file);
    synced.push(opened.get(file)!);
  },
}));
const { ReadModelDatabase } = await import('../../src/read-models/database.js');
const { LocalWriter } = await import('../../src/read-models/writer.js');

let directory: string;
let path: string;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'promoledger-apart-'));
  path = join(directory, 'models.db.next');
  synced.length = 0;
});
afterEach(() => rmSync(directory, { recursive: true }));

const NOTES = 'CREATE TABLE IF NOT EXISTS notes (position INTEGER PRIMARY KEY, text TEXT NOT NULL)';
const event = (position: bigint, text: string): Recorded => ({
  stream: 'note-1',
  revision: Number(position) - 1,
  position,
  recordedAt: instantOf(0),
  id: `Noted:${position}`,
  type: 'Noted',
  data: { text },
  metadata: { version: 1 },
});

/** Writes each event's text down; it fails at one that says so, after it has written it. */
function writerOf(db: InstanceType<typeof ReadModelDatabase>) {
  db.create(NOTES);
  const insert = db.prepare('INSERT INTO notes VALUES (?, ?)');
  const apply = ({ position, data }: Recorded) => {
    const { text } = data as { text: string };
    insert.run(position, text);
    if (text === 'no') throw new Error('no');
  };
  return new LocalWriter(db, [{ apply, forget: () => undefined }], true);
}

describe('a file of read models that is built apart', () => {
  it('takes back what fails, whole', async () => {
    const db = ReadModelDatabase.apart(path);
    const writer = writerOf(db);
    await writer.write([event(1n, 'a'), event(2n, 'b')], [], 0n);
    await expect(writer.write([event(3n, 'c'), event(4n, 'no')], [], 2n)).rejects.toThrow('no');
    expect(db.checkpoint()?.position).toBe(2n);
    expect(db.prepare('SELECT text FROM notes').all()).toEqual([{ text: 'a' }, { text: 'b' }]);
    await writer.write([event(3n, 'c')], [], 2n);
    await writer.close();
  });

  it('is on disk once it is closed, and is written like any other from then on', async () => {
    const writer = writerOf(ReadModelDatabase.apart(path));
    await writer.write([event(1n, 'a')], [], 0n);
    expect(synced).toEqual([]);
    await writer.close();
    expect(synced).toEqual([path]);
    const db = new ReadModelDatabase(path);
    expect(db.isCurrent).toBe(true);
    expect(db.prepare('PRAGMA journal_mode').get()).toEqual({ journal_mode: 'wal' });
    expect(db.prepare('PRAGMA synchronous').get()).toEqual({ synchronous: 1n });
    expect(db.checkpoint()?.position).toBe(1n);
    db.close();
  });
});
