import { globSync, mkdirSync, writeFileSync } from 'node:fs';
import { basename } from 'node:path';
import { fileURLToPath } from 'node:url';
import { buildSync } from 'esbuild';

/**
 * Bundles each fold of projections/ into one plain script for the projection engine of an EventStoreDB / KurrentDB server.
 * `npm run build` writes them to dist/server-projections, from where `promoledger projections deploy` takes them.
 *
 * The script expects one name to be defined in front of it, STREAM_PREFIX, which is known only when it is deployed.
 */
const ROOT = fileURLToPath(new URL('..', import.meta.url));
const FOLDER = `${ROOT}dist/server-projections/`;

/** The bundles by the names of their folds. */
export function bundles(): ReadonlyMap<string, string> {
  const files = globSync('projections/*.ts', { cwd: ROOT }).sort();
  return new Map(files.map((file) => [basename(file, '.ts'), bundle(basename(file, '.ts'))]));
}

/** A fold is what its file exports under the file's name: `creditBalances` of credit-balances.ts. */
function bundle(name: string): string {
  const fold = name.replace(/-([a-z])/g, (_, letter: string) => letter.toUpperCase());
  const { outputFiles } = buildSync({
    stdin: { contents: script(name, fold), resolveDir: ROOT, sourcefile: `${name}.server.js` },
    bundle: true,
    write: false,
    // Plain statements, which is what the engine takes. It has little stack for its parser in some hosts (that of the
    // tests is one), so nothing is wrapped in a function that need not be.
    format: 'esm',
    platform: 'neutral',
    // What the engine of 22.10 parses: BigInt, but no class fields and no logical assignment.
    target: 'es2020',
    charset: 'utf8',
    treeShaking: true,
    logLevel: 'error',
  });
  return outputFiles[0]!.text;
}

/** All events of the category go into the fold, so that one which it does not know stops both engines alike. */
const script = (name: string, fold: string): string => `
  import { ${fold} } from './projections/${name}.ts';

  fromCategory(STREAM_PREFIX + ${fold}.category)
    .foreachStream()
    .when({
      $init: () => ${fold}.initial(),
      $any: (state, event) => ${fold}.evolve(state, { type: event.eventType, data: event.data }),
    });
`;

if (import.meta.main) {
  mkdirSync(FOLDER, { recursive: true });
  for (const [name, text] of bundles()) writeFileSync(`${FOLDER}${name}.js`, text);
}
