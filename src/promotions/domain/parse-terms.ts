import { byCodeUnit } from '../../kernel/identifiers.js';
import type { Fault } from '../../kernel/refusal.js';
import { isObject, type Reading } from './terms-readers.js';
import { termsV1 } from './terms-v1.js';
import { termsV2 } from './terms-v2.js';
import type { PromotionTerms } from './terms.js';

/**
 * Reads a terms document. A document that does not fit is answered with every fault and its path (a JSON pointer into the
 * document); nothing is guessed and nothing unknown is ignored.
 */
export function parseTerms(
  document: unknown,
): { readonly terms: PromotionTerms } | { readonly faults: readonly Fault[] } {
  const faults: Fault[] = [];
  const reading: Reading = {
    fault(path, message) {
      faults.push({ path, message });
      return undefined;
    },
    sets: [],
  };
  const terms = (isVersion2(document) ? termsV2 : termsV1).read(document, '', reading);
  if (!terms || faults.length > 0) return { faults };
  for (const set of reading.sets) set.sort(byCodeUnit);
  return { terms };
}

/** Also by its stages, so that a document with a wrong version is told the faults of the version it is written in. */
const isVersion2 = (document: unknown): boolean =>
  isObject(document) && (document['version'] === 2 || (document['version'] !== 1 && Object.hasOwn(document, 'stages')));
