import { setTimeout as sleep } from 'node:timers/promises';
import type { ServerScript } from './scripts.js';
import { BY_CATEGORY, type ProjectionServer, ProjectionsError, type ServerProjection } from './server.js';

export interface Deployed {
  readonly name: string;
  /** `restarted`: it was right but did not run, so its states may be another script's; they are made anew. */
  readonly done: 'created' | 'updated' | 'restarted' | 'enabled' | 'unchanged';
  readonly state: string;
  readonly reason: string;
}

/** How the server's script stands to ours. */
export type Version = 'current' | 'other' | 'missing';

export interface ProjectionStatus extends ServerProjection {
  readonly version: Version;
}

/** As of a server that runs none but its own. */
const NEVER_STARTED = 'the server does not start it, as one does that was not started with RunProjections=All';

/** How long projections may take to start, in ms. */
const STARTS_WITHIN_MS = 15_000;
const LOOK_EVERY_MS = 100;

/**
 * Brings every script to the server: creates those that are missing, replaces those that differ, and has all of them run.
 * Done again it changes nothing. A script that differs starts from the first event: states of the old one are forgotten.
 */
export async function deploy(server: ProjectionServer, scripts: readonly ServerScript[]): Promise<Deployed[]> {
  const done = [{ name: BY_CATEGORY, done: await categorize(server) }];
  for (const script of scripts) done.push({ name: script.name, done: await bring(server, script) });
  const until = Date.now() + STARTS_WITHIN_MS;
  const deployed: Deployed[] = [];
  for (const each of done) deployed.push({ ...each, ...(await settled(server, each.name, until)) });
  return deployed;
}

async function bring(server: ProjectionServer, { name, query }: ServerScript): Promise<Deployed['done']> {
  const known = await server.find(name);
  if (!known) {
    await server.create(name, query);
    return 'created';
  }
  const isCurrent = (await server.queryOf(name)) === query;
  if (isCurrent && !hasStopped(known)) return 'unchanged';
  // It is stopped first and enabled last: a deploy that is cut short leaves it stopped, and the next one starts over.
  await server.disable(name);
  if (!isCurrent) await server.update(name, query);
  await server.reset(name);
  await server.enable(name);
  return isCurrent ? 'restarted' : 'updated';
}

/** Without the server's own links from categories to streams, `fromCategory` reads nothing. */
async function categorize(server: ProjectionServer): Promise<Deployed['done']> {
  const known = await server.find(BY_CATEGORY);
  if (!known) throw new ProjectionsError('not-found', `the server has no projection ${BY_CATEGORY}`);
  // `first` and `-`, on a line each: a stream's category ends at the first hyphen of its name.
  const rule = (await server.queryOf(BY_CATEGORY))?.split(/\s+/).filter((part) => part !== '');
  if (rule && rule.join(' ') !== 'first -') {
    const detail = `${BY_CATEGORY} is set to ${JSON.stringify(rule.join(' '))}: it must be "first" and "-"`;
    throw new ProjectionsError(
      'refused',
      `the server does not keep categories as the ledger's streams need it: ${detail}`,
    );
  }
  if (isRunning(known)) return 'unchanged';
  await server.enable(BY_CATEGORY);
  return 'enabled';
}

/** Waits until it runs or has failed. */
async function settled(
  server: ProjectionServer,
  name: string,
  until: number,
): Promise<Omit<Deployed, 'name' | 'done'>> {
  for (;;) {
    const { state = 'Missing', reason = '' } = (await server.find(name)) ?? {};
    if (isRunning({ state }) || state.startsWith('Faulted')) return { state, reason };
    if (Date.now() > until) return { state, reason: reason || NEVER_STARTED };
    await sleep(LOOK_EVERY_MS);
  }
}

export async function status(server: ProjectionServer, scripts: readonly ServerScript[]): Promise<ProjectionStatus[]> {
  const found: ProjectionStatus[] = [];
  for (const script of scripts) found.push(await statusOf(server, script));
  return found;
}

export async function statusOf(server: ProjectionServer, { name, query }: ServerScript): Promise<ProjectionStatus> {
  const known = await server.find(name);
  if (!known) {
    return { name, version: 'missing', state: 'Missing', progress: -1, position: '', partitionsCached: 0, reason: '' };
  }
  return { ...known, version: (await server.queryOf(name)) === query ? 'current' : 'other' };
}

export const isRunning = ({ state }: Pick<ServerProjection, 'state'>): boolean => state.startsWith('Running');

/** For good; what is starting or stopping is on its way. */
const hasStopped = ({ state }: ServerProjection): boolean => /^(Stopped|Faulted|Aborted|Completed)/.test(state);
