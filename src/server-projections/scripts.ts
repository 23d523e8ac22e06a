import { readFileSync } from 'node:fs';
import { type Fold, FOLDS } from './folds.js';

/** A fold as the server runs it. */
export interface ServerScript {
  /** Of the fold. */
  readonly fold: string;
  /** Of the projection on the server. */
  readonly name: string;
  readonly query: string;
}

/** Where `npm run build` puts the bundles (scripts/server-projections.ts), seen from the built src/. */
const BUNDLES = new URL('../../server-projections/', import.meta.url);

/** The scripts of all folds. The prefix of the ledger's streams is in the names too: two ledgers may share a server. */
export function serverScripts(streamPrefix: string, bundle: (fold: string) => string = builtBundle): ServerScript[] {
  return Object.keys(FOLDS).map((fold) => ({
    fold,
    name: `${streamPrefix}promoledger-${fold}`,
    query: `const STREAM_PREFIX = ${JSON.stringify(streamPrefix)};\n${bundle(fold)}`,
  }));
}

const builtBundle = (fold: string): string => readFileSync(new URL(`${fold}.js`, BUNDLES), 'utf8');

export const foldOf = ({ fold }: ServerScript): Fold => FOLDS[fold]!;
