import { describe, expect, it } from '@jest/globals';
import { parseTerms } from '../../src/promotions/domain/parse-terms.js';
import { FAULTS_OF_SENSE, FAULTS_OF_SHAPE } from './terms-faults.js';
import { changed, EXAMPLES, type Change, usd, WHOLE } from './terms-examples.js';

const faultsIn = (document: unknown) => {
  const parsed = parseTerms(document);
  return 'faults' in parsed ? parsed.faults.map(({ path, message }) => [path, message]) : [];
};

const parsed = (document: unknown) => {
  const result = parseTerms(document);
  if ('faults' in result) throw new Error(JSON.stringify(result.faults));
  return result.terms;
};

describe('a document of version 2', () => {
  it.each([...FAULTS_OF_SHAPE, ...FAULTS_OF_SENSE])('may not have $what', ({ changes, faults }) => {
    expect(faultsIn(changed(WHOLE, ...changes))).toEqual(faults);
  });
});
