import { readdirSync, readFileSync } from 'node:fs';
import { parseInstant } from '../../src/kernel/instant.js';
import type { Answer, Client, Command, CommandResult, Problem } from './client.js';

/** A golden file, as test/golden/README.md describes it. */
export interface Scenario {
  readonly name: string;
  readonly about: string;
  readonly steps: readonly Step[];
}

interface Step {
  readonly n: number;
  readonly why?: string;
  readonly command?: Command;
  /** `terms` is a document's path in the project. */
  readonly publish?: { readonly promotionId: string; readonly terms: string };
  readonly revise?: {
    readonly promotionId: string;
    readonly terms: string;
    readonly reason: string;
    readonly effectiveAt?: string;
  };
  readonly run?: { readonly promotion: string; readonly date: string };
  readonly expiryRun?: { readonly asOf: string };
  readonly preview?: { readonly terms: string; readonly compareWith?: string; readonly asOf: string };
  readonly answers?: Readonly<Record<string, unknown>>;
  readonly expect?: {
    readonly get: string;
    readonly knownAt?: { readonly 'position of step': number };
    readonly equals: unknown;
  };
}

const PROJECT = new URL('../../', import.meta.url);

const readJson = (path: string): unknown => JSON.parse(readFileSync(new URL(path, PROJECT), 'utf8'));

export const readScenarios = (folder = 'test/golden'): Scenario[] =>
  readdirSync(new URL(folder, PROJECT))
    .filter((name) => name.endsWith('.json'))
    .map((name) => readJson(`${folder}/${name}`) as Scenario);

/** Plays every step in order and throws at the first whose answer is not as the file says. */
export async function play(scenario: Scenario, client: Client): Promise<void> {
  const positions = new Map<number, string>();
  let last = 0n;
  for (const step of scenario.steps) {
    const { answer, expected, asked } = await perform(step, client, positions, last);
    const actual = { status: answer.status, body: answer.body };
    const differences = differencesIn(actual, expected);
    if (differences.length > 0) throw new Error(report(scenario, step, asked, differences, expected, actual));
    const { position } = (answer.body ?? {}) as { position?: string | null };
    if (position && !step.expect) {
      positions.set(step.n, position);
      // A duplicate is answered with its original's position, which may be an old one.
      if (BigInt(position) > last) last = BigInt(position);
    }
  }
}

interface Performed {
  readonly asked: string;
  readonly answer: Answer<unknown>;
  readonly expected: { readonly status: number; readonly body: unknown };
}

async function perform(
  step: Step,
  client: Client,
  positions: ReadonlyMap<number, string>,
  last: bigint,
): Promise<Performed> {
  const command = commandOf(step);
  if (command) {
    const answer = await client.post<CommandResult | Problem>('/v1/commands', command);
    const { status = 201, ...body } = (step.answers ?? {}) as { status?: number };
    return { asked: `POST /v1/commands ${JSON.stringify(command)}`, answer, expected: { status, body } };
  }
  if (step.run) {
    const path = `/v1/promotions/${step.run.promotion}/disbursements/${step.run.date}`;
    const answer = await client.send('POST', path);
    const { status = 200, ...body } = (step.answers ?? {}) as { status?: number };
    return { asked: `POST ${path}`, answer, expected: { status, body } };
  }
  if (step.expiryRun) {
    const answer = await client.post('/v1/expiry-runs', step.expiryRun);
    return { asked: 'POST /v1/expiry-runs', answer, expected: { status: 200, body: step.answers ?? {} } };
  }
  if (step.preview) {
    const { terms, asOf, ...compared } = step.preview;
    const path = `/v1/promotions/preview?asOf=${asOf}&minPosition=${last}`;
    const answer = await client.post(path, { ...compared, terms: readJson(terms) });
    return { asked: `POST ${path} with ${terms}`, answer, expected: { status: 200, body: step.answers ?? {} } };
  }
  if (!step.expect) throw new Error(`step ${step.n} asks for nothing`);
  const { get, knownAt, equals } = step.expect;
  const path = `${get}${get.includes('?') ? '&' : '?'}${moment(knownAt, positions, last)}`;
  return { asked: `GET ${path}`, answer: await client.get(path), expected: { status: 200, body: equals } };
}

function commandOf({ command, publish, revise }: Step): Command | undefined {
  if (publish) return { type: 'PromotionPublished', data: { ...publish, terms: readJson(publish.terms) } };
  if (revise) return { type: 'PromotionRevised', data: { ...revise, terms: readJson(revise.terms) } };
  return command;
}

function moment(
  knownAt: { readonly 'position of step': number } | undefined,
  positions: ReadonlyMap<number, string>,
  last: bigint,
): string {
  if (!knownAt) return `minPosition=${last}`;
  const position = positions.get(knownAt['position of step']);
  if (position === undefined) throw new Error(`step ${knownAt['position of step']} was answered with no position`);
  return `knownAt=position:${position}`;
}

/**
 * Where `actual` does not contain `expected`: an object has at least the named fields, a list exactly as many elements,
 * instants are equal as instants, and anything else, amounts included, is equal as it stands.
 */
export function differencesIn(actual: unknown, expected: unknown, path = ''): string[] {
  if (Array.isArray(expected)) {
    if (!Array.isArray(actual)) return [`${path}: expected a list, got ${JSON.stringify(actual)}`];
    const counts =
      actual.length === expected.length ? [] : [`${path}: ${actual.length} elements, not ${expected.length}`];
    return [...counts, ...expected.flatMap((each, i) => differencesIn((actual as unknown[])[i], each, `${path}/${i}`))];
  }
  if (typeof expected === 'object' && expected !== null) {
    if (typeof actual !== 'object' || actual === null)
      return [`${path}: expected an object, got ${JSON.stringify(actual)}`];
    return Object.entries(expected).flatMap(([name, value]) =>
      differencesIn((actual as Record<string, unknown>)[name], value, `${path}/${name}`),
    );
  }
  if (Object.is(actual, expected)) return [];
  if (typeof actual === 'string' && typeof expected === 'string') {
    const instant = parseInstant(expected);
    if (instant !== undefined && parseInstant(actual) === instant) return [];
  }
  return [`${path}: expected ${JSON.stringify(expected)}, got ${JSON.stringify(actual)}`];
}

const report = (
  scenario: Scenario,
  step: Step,
  asked: string,
  differences: readonly string[],
  expected: unknown,
  actual: unknown,
): string =>
  [
    `${scenario.name}, step ${step.n}${step.why ? ` (${step.why})` : ''}`,
    asked,
    ...differences.map((difference) => `  ${difference}`),
    `expected ${JSON.stringify(expected)}`,
    `actual   ${JSON.stringify(actual)}`,
    `about    ${scenario.about}`,
  ].join('\n');
