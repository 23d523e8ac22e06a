import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from '@jest/globals';
import ts from 'typescript';

interface Rule {
  /** Files it is for; the first rule that fits a file is its rule. */
  readonly files: RegExp;
  /** Files of the project it may import. */
  readonly may: RegExp;
  /** Packages and node: modules it may import. */
  readonly packages: RegExp;
}

const NOTHING = /^$/;
const ANYTHING = /./;
const PURE = /^(src\/kernel\/|src\/[a-z-]+\/domain\/|projections\/)/;

/** Who may import whom: the tree of the README, as data. */
const RULES: readonly Rule[] = [
  { files: /^src\/kernel\//, may: /^src\/kernel\//, packages: NOTHING },
  { files: /^src\/[a-z-]+\/domain\//, may: /^src\/(kernel|[a-z-]+\/domain)\//, packages: NOTHING },
  { files: /^projections\//, may: /^(projections|src\/kernel|src\/[a-z-]+\/domain)\//, packages: NOTHING },
  { files: /^src\/event-store\/event-store\.ts$/, may: /^src\/kernel\//, packages: /^rxjs$/ },
  { files: /^src\/event-store\/memory\//, may: /^src\/(kernel|event-store)\/(?!sqlite)/, packages: /^rxjs$/ },
  { files: /^src\/event-store\/sqlite\//, may: /^src\/(kernel|event-store)\/(?!memory)/, packages: /^(rxjs|node:.*)$/ },
  { files: /^src\/event-store\//, may: /^src\/(kernel|event-store)\//, packages: /^(rxjs|node:.*|@nestjs\/common)$/ },
  { files: ANYTHING, may: /^(src|projections)\//, packages: ANYTHING },
];

/** What would make the core depend on when, where or how it runs. */
const BANNED_CALLS: ReadonlySet<string> = new Set([
  'Date.now',
  'Math.random',
  'Temporal.Now',
  'performance.now',
  'crypto.randomUUID',
]);
const BANNED_NAMES: ReadonlySet<string> = new Set([
  'process',
  'console',
  'globalThis',
  'fetch',
  'setTimeout',
  'setInterval',
  'setImmediate',
  'queueMicrotask',
  'require',
]);

/** Where amounts are: no number of JavaScript may come near them. */
const MONEY = /^(src\/kernel\/money\.ts|src\/(accounts|fx)\/domain\/|projections\/)/;

const ENTRY_POINTS: readonly string[] = ['src/main.ts', 'src/cli.ts'];
const LONGEST_FILE_LINES = 400;

const ROOT = fileURLToPath(new URL('..', import.meta.url));

interface Import {
  readonly from: string;
  /** A file of the project, or the name of a package. */
  readonly to: string;
  readonly inside: boolean;
}

const sources = ['src', 'projections'].flatMap((folder) => filesUnder(folder));
const imports = sources.flatMap(importsOf);

function filesUnder(folder: string): string[] {
  const home = join(ROOT, folder);
  if (!existsSync(home)) return [];
  return readdirSync(home, { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.ts'))
    .map((name) => join(folder, name))
    .sort();
}

function importsOf(file: string): Import[] {
  const text = readFileSync(join(ROOT, file), 'utf8');
  return ts.preProcessFile(text, true, true).importedFiles.map(({ fileName }) => {
    const inside = fileName.startsWith('.');
    const target = relative(ROOT, resolve(ROOT, dirname(file), fileName)).replace(/\.js$/, '.ts');
    return { from: file, to: inside ? target : fileName, inside };
  });
}

type Check = (node: ts.Node) => string | undefined;

/** What `check` finds wrong in a file's nodes, each with its line. */
function faultsIn(file: string, check: Check, text = readFileSync(join(ROOT, file), 'utf8')): string[] {
  const source = ts.createSourceFile(file, text, ts.ScriptTarget.Latest, true);
  const faults: string[] = [];
  const visit = (node: ts.Node): void => {
    const fault = check(node);
    if (fault) faults.push(`${file}:${source.getLineAndCharacterOfPosition(node.getStart()).line + 1} ${fault}`);
    ts.forEachChild(node, visit);
  };
  visit(source);
  return faults;
}

function impurity(node: ts.Node): string | undefined {
  if (ts.isDecorator(node)) return 'a decorator';
  if (ts.isAwaitExpression(node)) return 'await';
  if (node.kind === ts.SyntaxKind.AsyncKeyword) return 'async';
  if (ts.isNewExpression(node) && node.expression.getText() === 'Date' && !node.arguments?.length) return 'new Date()';
  if (ts.isPropertyAccessExpression(node) && BANNED_CALLS.has(node.getText())) return node.getText();
  if (ts.isIdentifier(node) && BANNED_NAMES.has(node.text) && isUse(node)) return node.text;
  return undefined;
}

/** Whether an identifier is a value of that name, and not a property or a field that happens to be called so. */
function isUse(node: ts.Identifier): boolean {
  const { parent } = node;
  if (ts.isPropertyAccessExpression(parent)) return parent.expression === node;
  return !ts.isPropertyAssignment(parent) && !ts.isPropertySignature(parent) && !ts.isTypeReferenceNode(parent);
}

function inexactness(node: ts.Node): string | undefined {
  if (ts.isNumericLiteral(node) && /[.e]/i.test(node.getText())) return `the float ${node.getText()}`;
  if (!ts.isCallExpression(node)) return undefined;
  const called = node.expression.getText();
  return /^(Number\.)?parseFloat$|^Number$|\.toFixed$|^Math\.(round|floor|ceil)$/.test(called)
    ? `${called}()`
    : undefined;
}

describe('the tree', () => {
  it('imports only as its rules say', () => {
    const broken = imports.filter(({ from, to, inside }) => {
      const rule = RULES.find(({ files }) => files.test(from));
      return !(inside ? rule?.may : rule?.packages)?.test(to);
    });
    expect(broken.map(({ from, to }) => `${from} imports ${to}`)).toEqual([]);
  });

  it('has a pure core: no clock, no chance, no waiting, no decorators, no machine', () => {
    expect(sources.filter((file) => PURE.test(file)).flatMap((file) => faultsIn(file, impurity))).toEqual([]);
  });

  it('counts money exactly', () => {
    const money = sources.filter((file) => MONEY.test(file));
    expect(money).not.toEqual([]);
    expect(money.flatMap((file) => faultsIn(file, inexactness))).toEqual([]);
  });

  it('would find what it looks for', () => {
    const planted = [
      'const now = Date.now();',
      'const then = new Date();',
      'const chance = () => Math.random();',
      'const home = process.env;',
      'async function wait() { await 1; }',
      '@injectable class Thing {}',
      'const half = amount * 0.5;',
      'const loose = Number(amount) + parseFloat(amount);',
    ].join('\n');
    expect(faultsIn('planted.ts', impurity, planted)).toEqual([
      'planted.ts:1 Date.now',
      'planted.ts:2 new Date()',
      'planted.ts:3 Math.random',
      'planted.ts:4 process',
      'planted.ts:5 async',
      'planted.ts:5 await',
      'planted.ts:6 a decorator',
    ]);
    expect(faultsIn('planted.ts', inexactness, planted)).toEqual([
      'planted.ts:7 the float 0.5',
      'planted.ts:8 Number()',
      'planted.ts:8 parseFloat()',
    ]);
  });

  it('has files that a reader can hold in mind', () => {
    const lines = (file: string) => readFileSync(join(ROOT, file), 'utf8').trimEnd().split('\n').length;
    expect(sources.filter((file) => lines(file) > LONGEST_FILE_LINES)).toEqual([]);
  });

  it('has no file that nothing leads to', () => {
    const reached = new Set<string>();
    const follow = (file: string): void => {
      if (reached.has(file)) return;
      reached.add(file);
      for (const { from, to, inside } of imports) if (from === file && inside) follow(to);
    };
    ENTRY_POINTS.forEach(follow);
    expect(sources.filter((file) => !reached.has(file))).toEqual([]);
  });
});
