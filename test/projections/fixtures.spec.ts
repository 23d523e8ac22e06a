import { readdirSync } from 'node:fs';
import { describe, expect, it } from '@jest/globals';
import { calendarOf } from '../../src/promotions/domain/calendar.js';
import type { PromotionTerms } from '../../src/promotions/domain/terms.js';
import { fixturesOf, foldedByStream, PROJECTIONS } from './folds.js';

const FOLDER = new URL('../../projections/fixtures/', import.meta.url);

it('every projection has fixtures, and every fixture a projection', () => {
  expect(readdirSync(FOLDER).sort()).toEqual(Object.keys(PROJECTIONS).map((name) => `${name}.json`));
});

describe.each(Object.entries(PROJECTIONS))('%s', (name, projection) => {
  const fixtures = fixturesOf(name);

  it.each(fixtures)('$name', ({ events, states }) => {
    expect(foldedByStream(projection, events)).toStrictEqual(states);
  });

  it('has fixtures of its own category only, three at least', () => {
    const streams = fixtures.flatMap(({ events, states }) => [
      ...events.map(({ stream }) => stream),
      ...Object.keys(states),
    ]);
    expect(fixtures.length).toBeGreaterThanOrEqual(3);
    expect(streams.filter((stream) => !stream.startsWith(`${projection.category}-`))).toEqual([]);
  });

  it('has states that live on as JSON: none loses anything there, and a fold goes on from what comes back', () => {
    for (const { events, states } of fixtures) {
      const parts = Map.groupBy(events, ({ stream }) => stream);
      for (const [stream, told] of parts) {
        const state = told.reduce<object>(
          (before, { type, data }) => {
            const after = projection.evolve(before, { type, data } as never);
            const back = JSON.parse(JSON.stringify(after)) as object;
            expect(back).toStrictEqual(after);
            return back;
          },
          JSON.parse(JSON.stringify(projection.initial())) as object,
        );
        expect(state).toStrictEqual(states[stream]);
      }
    }
  });
});

it("the calendars of the promotions' fixtures are those of their terms", () => {
  const told = fixturesOf('disbursements').flatMap(({ events }) => events.filter(({ data }) => 'calendar' in data));
  expect(told.length).toBeGreaterThan(0);
  for (const { data } of told) expect(data['calendar']).toEqual(calendarOf(data['terms'] as PromotionTerms));
});
