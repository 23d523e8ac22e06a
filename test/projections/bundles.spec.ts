import { describe, expect, it } from '@jest/globals';
import ts from 'typescript';
import { bundles } from '../../scripts/server-projections.js';
import { serverScripts } from '../../src/server-projections/scripts.js';
import { PROJECTIONS } from './folds.js';

/**
 * What the engine of servers as old as 22.10 cannot do, and the engine of the tests, which is newer, would not tell: methods
 * it does not have yet, and, in a handler, computed keys of literals and instances of a script's own classes.
 */
const NEWER = new Set([
  'toSpliced',
  'toSorted',
  'toReversed',
  'with',
  'findLast',
  'findLastIndex',
  'groupBy',
  'hasOwn',
]);
/** Of the language: the engine's own. */
const BUILT_IN = new Set(['Error', 'Map', 'Set']);

function tooNew(node: ts.Node): string | undefined {
  if (ts.isComputedPropertyName(node)) return 'a computed key';
  if (ts.isClassLike(node)) return 'a class';
  if (ts.isNewExpression(node) && !BUILT_IN.has(node.expression.getText())) return node.getText();
  if (ts.isPropertyAccessExpression(node) && NEWER.has(node.name.text)) return node.name.text;
  if (ts.isIdentifier(node) && node.text === 'Temporal') return 'Temporal';
  return undefined;
}

function faultsIn(script: string): string[] {
  const faults: string[] = [];
  const visit = (node: ts.Node): void => {
    const fault = tooNew(node);
    if (fault !== undefined) faults.push(fault);
    ts.forEachChild(node, visit);
  };
  visit(ts.createSourceFile('script.js', script, ts.ScriptTarget.Latest, true));
  return faults;
}

describe('the scripts for servers', () => {
  const built = bundles();

  it('are of all folds', () => {
    expect([...built.keys()]).toEqual(Object.keys(PROJECTIONS));
  });

  it.each([...built])('%s keeps to what servers from 22.10 on can do', (_, script) => {
    expect(faultsIn(script)).toEqual([]);
  });

  it('would be found out', () => {
    const planted = 'class A {}; new A(); [1].toSpliced(0); ({ [key]: 1 }); Temporal.Now; new Map(); list.at(0)';
    expect(faultsIn(planted)).toEqual(['a class', 'new A()', 'toSpliced', 'a computed key', 'Temporal']);
  });

  it('carry the prefix of the streams, in their names too, so that ledgers can share a server', () => {
    const [script] = serverScripts('acme_', (fold) => `// ${fold}`);
    expect(script).toEqual({
      fold: 'credit-balances',
      name: 'acme_promoledger-credit-balances',
      query: 'const STREAM_PREFIX = "acme_";\n// credit-balances',
    });
  });
});
