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
  /** Files it may import types of, besides. */
  readonly types?: RegExp;
  /** Packages and node: modules it may import. */
  readonly packages: RegExp;
}

const NOTHING = /^$/;
const ANYTHING = /./;
const DOMAIN = /^src\/[a-z-]+\/domain\//;
const PURE = /^(src\/kernel\/|src\/[a-z-]+\/domain\/|projections\/)/;

/** Who may import whom: the tree of the README, as data. */
const RULES: readonly Rule[] = [
  { files: /^src\/kernel\//, may: /^src\/kernel\//, packages: NOTHING },
  ...['accounts', 'audit', 'campaigns', 'fx', 'promotions'].map((name) => ({
    files: new RegExp(`^src/${name}/domain/`),
    may: new RegExp(`^src/(kernel|${name}/domain)/`),
    types: DOMAIN,
    packages: NOTHING,
  })),
  // What is told of credits follows what moves them: by the folds' definition, not by one of its own.
  {
    files: /^src\/notices\/domain\//,
    may: /^(projections\/credit-balances\.ts$|src\/(kernel|notices\/domain)\/)/,
    types: DOMAIN,
    packages: NOTHING,
  },
  { files: /^projections\//, may: /^(projections|src\/kernel)\//, types: DOMAIN, packages: NOTHING },
  { files: /^src\/event-store\/event-store\.ts$/, may: /^src\/kernel\//, packages: /^rxjs$/ },
  // An adapter knows the port, what embedded stores share, and its driver.
  {
    files: /^src\/event-store\/sqlite\//,
    may: /^src\/(kernel\/|event-store\/([a-z-]+\.ts$|sqlite\/))/,
    packages: /^(rxjs|node:(fs|path|sqlite|timers\/promises|url))$/,
  },
  {
    files: /^src\/event-store\/eventstoredb\//,
    may: /^src\/(kernel\/|event-store\/([a-z-]+\.ts$|eventstoredb\/))/,
    packages: /^(@eventstore\/db-client|rxjs|node:(crypto|fs|sqlite|timers\/promises))$/,
  },
  {
    files: /^src\/event-store\//,
    may: /^src\/(kernel\/|event-store\/[a-z-]+\.ts$)/,
    packages: /^(rxjs|node:(crypto|timers\/promises))$/,
  },
  // The one file of the services' own.
  {
    files: /^src\/commands\/snapshots\.ts$/,
    may: /^src\/kernel\/sqlite-codes\.ts$/,
    packages: /^node:(crypto|fs|sqlite)$/,
  },
  { files: /^src\/commands\/origin\.ts$/, may: NOTHING, packages: /^node:async_hooks$/ },
  // Read models that were built anew take the place of the former file.
  {
    files: /^src\/read-models\/database\.ts$/,
    may: /^src\/event-store\/event-store\.ts$/,
    packages: /^node:(fs|sqlite)$/,
  },
  // How a thread is told what to do, whatever that is.
  { files: /^src\/threads\//, may: NOTHING, packages: /^node:worker_threads$/ },
  // Application services and the reading side: no Nest, no HTTP, and of the stores the port alone.
  {
    files: /^src\/(accounts|audit|campaigns|commands|fx|promotions|read-models)\/[a-z-]+\.ts$/,
    may: /^(projections|src\/(kernel|threads|commands|read-models|audit|[a-z-]+\/domain|accounts|campaigns|fx|notices|promotions))\/(?!http\/)|^src\/event-store\/event-store\.ts$/,
    types: /^src\/settings\.ts$/,
    packages: /^(rxjs|node:(crypto|os|util|sqlite|timers\/promises|worker_threads))$/,
  },
  // Tells what the read models make known, and sends it over HTTP: beside the ledger, which knows nothing of it.
  {
    files: /^src\/notices\/[a-z-]+\.ts$/,
    may: /^src\/(kernel|notices|read-models|event-store\/event-store\.ts$)(?!.*\/http\/)/,
    packages: /^(standardwebhooks|node:(http|https|net|dns|sqlite))$/,
  },
  // Seals and proofs: the log's port, and files of their own.
  {
    files: /^src\/audit\/seals\//,
    may: /^src\/(kernel|threads|audit\/(seals|domain))\/|^src\/event-store\/event-store\.ts$/,
    packages: /^(rxjs|node:(crypto|fs|os|path|sqlite|timers\/promises|url|util|worker_threads))$/,
  },
  // The journal in the forms of other programs.
  {
    files: /^src\/audit\/exports\//,
    may: /^src\/(kernel|audit\/(exports\/|[a-z-]+\.ts$)|accounts\/domain)|^src\/event-store\/event-store\.ts$/,
    types: /^src\/read-models\/moment\.ts$/,
    packages: /^(hyparquet-writer|node:(sqlite|timers\/promises))$/,
  },
  // The folds brought to a server: they, and the adapter's connection.
  {
    files: /^src\/server-projections\//,
    may: /^(projections|src\/(kernel|event-store|server-projections))\//,
    types: /^src\/settings\.ts$/,
    packages: /^(@eventstore\/db-client|commander|node:(fs|util|timers\/promises))$/,
  },
  // The one place that knows tokens and keys.
  {
    files: /^src\/http\/auth\//,
    may: /^src\/(kernel|commands|http)\//,
    types: /^src\/settings\//,
    packages: /^(@nestjs\/(common|platform-fastify)|fastify|jose|node:(crypto|fs|fs\/promises|net|dns\/promises))$/,
  },
  // The one place that counts operations and holds connections to their limits.
  {
    files: /^src\/http\/limits\//,
    may: /^src\/(kernel\/|http\/|commands\/import\.ts$)/,
    packages: /^(fastify|ioredis|node:(crypto|http|net|sqlite))$/,
  },
  // The edge knows services and queries, never the domain behind them.
  {
    files: /^src\/([a-z-]+\/)?http\//,
    may: /^src\/(kernel|commands|read-models|audit|http|[a-z-]+\/http)\/|^src\/(accounts\/expiry|backup\/backups|notices\/(feed|notices-model|webhooks)|promotions\/(disbursements|preview|terms-schema)|event-store\/event-store)\.ts$/,
    packages: /^(@nestjs\/.*|class-validator|fastify|rxjs|node:.*)$/,
  },
  // Copies of a ledger's file: the one part besides composition that knows that there is a file.
  {
    files: /^src\/backup\/[a-z-]+\.ts$/,
    may: /^src\/(backup\/[a-z-]+\.ts$|event-store\/([a-z-]+\.ts$|sqlite\/))/,
    packages: /^node:(fs|path|worker_threads)$/,
  },
  // What an operator sees: told by observers of the core, and asking it as any client does.
  {
    files: /^src\/observability\//,
    may: /^src\/(kernel|observability|http|read-models|commands)\/|^src\/(event-store\/(event-store|observer)|settings\/observability)\.ts$/,
    types: /^src\/scheduler\.ts$/,
    packages: /^(@nestjs\/.*|@opentelemetry\/.*|fastify|prom-client|node:.*)$/,
  },
  // Composition: what joins the rest may know all of it.
  { files: /^src\/([a-z.-]+|(cli|demo|settings)\/[a-z-]+)\.ts$/, may: /^src\//, packages: ANYTHING },
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
const MONEY = /^(src\/kernel\/money\.ts|src\/(accounts|audit|fx|notices)\/domain\/|projections\/)/;

const ENTRY_POINTS: readonly string[] = [
  'src/main.ts',
  'src/cli.ts',
  'src/read-models/writer-thread.ts',
  'src/audit/seals/seals-thread.ts',
];
const LONGEST_FILE_LINES = 300;

const ROOT = fileURLToPath(new URL('..', import.meta.url));

interface Import {
  readonly from: string;
  /** A file of the project, or the name of a package. */
  readonly to: string;
  readonly inside: boolean;
  readonly typeOnly: boolean;
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
  return ts.preProcessFile(text, true, true).importedFiles.map(({ fileName, pos }) => {
    const inside = fileName.startsWith('.');
    const target = relative(ROOT, resolve(ROOT, dirname(file), fileName)).replace(/\.js$/, '.ts');
    // Statements end in a semicolon here, so the nearest one without is the one that names the file.
    const typeOnly = /^(import|export) type [^;]*$/m.test(text.slice(text.lastIndexOf(';', pos) + 1, pos).trimStart());
    return { from: file, to: inside ? target : fileName, inside, typeOnly };
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

function isAllowed({ from, to, inside, typeOnly }: Import): boolean {
  const rule = RULES.find(({ files }) => files.test(from));
  if (!rule) return false;
  if (!inside) return rule.packages.test(to);
  return rule.may.test(to) || (typeOnly && (rule.types?.test(to) ?? false));
}

describe('the tree', () => {
  it('imports only as its rules say', () => {
    const broken = imports.filter((each) => !isAllowed(each));
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
    const allowed = (from: string, to: string, typeOnly = false) =>
      isAllowed({ from, to, typeOnly, inside: to.endsWith('.ts') });
    expect(allowed('src/accounts/domain/decide.ts', 'src/fx/domain/conversion.ts', true)).toBe(true);
    expect(allowed('src/accounts/domain/decide.ts', 'src/fx/domain/conversion.ts')).toBe(false);
    expect(allowed('src/accounts/domain/decide.ts', 'node:crypto')).toBe(false);
    expect(allowed('src/accounts/accounts.ts', '@nestjs/common')).toBe(false);
    expect(allowed('src/accounts/accounts.ts', 'src/event-store/sqlite/sqlite-event-store.ts', true)).toBe(false);
    expect(allowed('src/cli.ts', 'test/support/client.ts')).toBe(false);
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
