import { expect, it } from '@jest/globals';
import { cellsOf, type Recorded, recordedIn } from '../../src/event-store/event-store.js';
import { StoredEvent } from '../../src/event-store/sqlite/stored-event.js';

it('events travel as they are, be their JSON spelt over several lines', () => {
  const spelt = JSON.stringify({ note: 'a\nb\u001ec', cost: { amount: '1.00' } }, null, 2);
  const stored = (revision: number) =>
    new StoredEvent(['note-1', revision, revision + 1, 0, 'Noted', `n${revision}`, spelt, '{\n"version": 1\n}']);
  const plain: Recorded = { ...stored(2), data: { note: 'of another store' } };
  const sent = [stored(0), stored(1), plain];
  expect([...recordedIn(structuredClone(cellsOf(sent)))]).toEqual(sent.map((event) => ({ ...event })));
  expect([...recordedIn(cellsOf([]))]).toEqual([]);
});
