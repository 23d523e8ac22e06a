import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { PromotionTerms } from '../promotions/domain/terms.js';
import { epochMs } from '../kernel/instant.js';
import { ecbRates, pegRates } from './rates.js';
import type { Arrival } from './season.js';
import { CLOSE, FIRST_RATES, PROMOTION_ID } from './world.js';

/** The terms as published: row A of the examples. They are validated like any client's when they are submitted. */
export const readTerms = (): PromotionTerms =>
  JSON.parse(readPackageFile(`examples/promotions/${PROMOTION_ID}.json`)) as PromotionTerms;

/** The ECB's rates and the dirham's peg, up to the season's close. */
export const readRates = (): readonly Arrival[] =>
  [...ecbRates(readPackageFile('src/demo/data/ecb-reference-rates-2022.csv')), ...pegRates(FIRST_RATES, CLOSE)].filter(
    ({ arrivesMs }) => arrivesMs < epochMs(CLOSE),
  );

/** The compiler copies no data, so files are found from the package's root, wherever this module runs from. */
function readPackageFile(path: string): string {
  let folder = dirname(fileURLToPath(import.meta.url));
  while (!existsSync(join(folder, 'package.json')) && folder !== dirname(folder)) folder = dirname(folder);
  return readFileSync(join(folder, path), 'utf8');
}
