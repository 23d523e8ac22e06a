import { setTimeout as pause } from 'node:timers/promises';
import type { EventStoreDbCluster } from '../../support/eventstoredb/cluster.js';
import type { EventStoreDbDouble } from '../../support/eventstoredb/double.js';
import { deadlineExceeded, leaderInfo, serverNotReady, tooSlow } from '../../support/eventstoredb/errors.js';
import { delay, drop, fail, feignConflict, silence, type Aim, type Fault } from '../../support/eventstoredb/faults.js';

/** Something that happened, or did not, while clients raced. */
export interface Strike {
  readonly struck: number;
}

/** What a server does to its clients during a race: how often each part of it struck, when it is over. */
export type Trouble<Server> = (server: Server, race: { readonly isOn: boolean }) => Promise<readonly Strike[]>;

const ofAccounts = (name: string): boolean => /_account-/.test(name);
const ofPromotions = (name: string): boolean => /_promotion-/.test(name);

/** Arms a fault for each aim. */
const armed =
  (fault: (server: EventStoreDbDouble) => Fault, ...aims: readonly Aim[]): Trouble<EventStoreDbDouble> =>
  async (server) =>
    aims.map((aim) => server.faults.arm(fault(server), aim));

/** Facts of accounts, and the start and the completion of runs. */
const appends = (when: Aim['when'] & string, times = 6): Aim[] => [
  { method: 'append', when, where: ofAccounts, times },
  { method: 'append', when, where: ofPromotions, times: 2 },
];
const reads = (times = 4): Aim[] => [
  { method: 'read-stream', where: ofAccounts, times },
  { method: 'read-all', times: 2 },
];

/** Does something to the server in the middle of a race; it struck if the race was still on. */
async function midway(race: { readonly isOn: boolean }, what: () => unknown): Promise<Strike> {
  await pause(150);
  const struck = race.isOn ? 1 : 0;
  await what();
  return { struck };
}

const AWAY_MS = 1_000;

/** Breaks every connection, twice; the subscriptions that are made then break again, after some events each. */
const dropSubscriptions: Trouble<EventStoreDbDouble> = async (server, race) => {
  const aim = { method: 'subscribe-all', when: { afterEvents: 5 } } as const;
  const dropped = server.faults.arm(drop, { ...aim, times: 3 });
  const tooLate = server.faults.arm(fail(tooSlow), { ...aim, times: 2 });
  const cuts = [await midway(race, () => server.dropAll()), await midway(race, () => server.dropAll())];
  return [dropped, tooLate, ...cuts];
};

export const OF_A_NODE: readonly [string, Trouble<EventStoreDbDouble>][] = [
  ['connections that break before an append', armed(() => drop, ...appends('arrival'))],
  ['connections that break when the events are in the log already', armed(() => drop, ...appends('commit'))],
  [
    'connections that break in the middle of a read',
    armed(() => drop, ...reads(), { method: 'read-stream', when: { afterEvents: 2 }, times: 3 }),
  ],
  ['subscriptions that break', dropSubscriptions],
  ['delays', armed(() => delay(300), ...appends('arrival'), ...appends('commit'), ...reads())],
  ['silence', armed(() => silence, ...appends('commit', 1), ...reads(1))],
  [
    'a server that is not ready',
    armed(() => fail(serverNotReady), ...appends('arrival'), ...appends('commit', 3), ...reads()),
  ],
  ['deadlines that pass', armed(() => fail(deadlineExceeded), ...appends('arrival'), ...appends('commit'), ...reads())],
  [
    'a node that leads no longer',
    armed((server) => fail(() => leaderInfo(server.endpoint)), ...appends('arrival'), ...reads()),
  ],
  ['conflicts that are none', armed(() => feignConflict, ...appends('arrival'), ...appends('commit'))],
  [
    'a server that goes away for a second',
    async (server, race) => [
      await midway(race, async () => {
        await server.stop();
        await pause(AWAY_MS);
        await server.restart();
      }),
    ],
  ],
];

export const OF_A_CLUSTER: readonly [string, Trouble<EventStoreDbCluster>][] = [
  [
    'other leaders',
    async (cluster, race) => [await midway(race, () => cluster.elect(1)), await midway(race, () => cluster.elect(2))],
  ],
  [
    'no leader for a second',
    async (cluster, race) => [
      await midway(race, async () => {
        cluster.elect(undefined);
        await pause(AWAY_MS);
        cluster.elect(1);
      }),
    ],
  ],
  [
    'a leader that dies, and another that breaks its connections when the events are in the log already',
    async (cluster, race) => {
      const leader = cluster.nodes[1]!;
      const died = await midway(race, () => leader.stop());
      const strikes = appends('commit', 3).map((aim) => cluster.faults.arm(drop, aim));
      cluster.elect(0);
      await pause(AWAY_MS);
      await leader.restart();
      return [died, ...strikes];
    },
  ],
];
