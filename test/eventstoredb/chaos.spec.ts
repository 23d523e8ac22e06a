import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { checkReplay } from '../../src/audit/replay-check.js';
import { Random } from '../../src/demo/random.js';
import { EventStore } from '../../src/event-store/event-store.js';
import { Queries } from '../../src/read-models/queries.js';
import { ReadModels } from '../../src/read-models/read-models.js';
import { agree } from '../model/player.js';
import type { Command } from '../support/auditor/facts.js';
import { minor, total, type Amount } from '../support/auditor/money.js';
import { EventStoreDbCluster } from '../support/eventstoredb/cluster.js';
import { EventStoreDbDouble } from '../support/eventstoredb/double.js';
import type { Faults } from '../support/eventstoredb/faults.js';
import type { EventLog } from '../support/eventstoredb/log.js';
import { type Service, startService } from '../support/server.js';
import { CAP_MINOR, eventsOf, LogAudit, type LoggedEvent } from './chaos/log-audit.js';
import { PersistentClients } from './chaos/persistent-clients.js';
import { ACCOUNTS, background, isAcknowledged, NOW, Race, RUN_DATE } from './chaos/race.js';
import { OF_A_CLUSTER, OF_A_NODE, type Trouble } from './chaos/troubles.js';

const seed = Number(process.env['CHAOS_SEED'] ?? Date.now() % 2 ** 31);

/** What a fact may be refused with: nothing that a ledger which knows all that was acknowledged would not say. */
const REFUSALS: Readonly<Record<string, readonly string[]>> = {
  CreditApplied: ['already-granted', 'cap-exceeded'],
  CreditRevoked: ['revocation-too-early'],
  // Of a click that was clawed back, before it was.
  ClickReversed: ['invalid-command'],
};

interface Server {
  readonly connectionString: string;
  readonly log: EventLog;
  readonly faults: Faults;
  stop(): Promise<void>;
}

/** Two instances of the service on one server, races in which the server misbehaves, and what must hold after them. */
function survives<S extends Server>(
  start: () => Promise<S>,
  troubles: readonly (readonly [string, Trouble<S>])[],
): void {
  const prefix = `t${randomUUID().replaceAll('-', '')}_`;
  const random = new Random(seed);
  const races: Race[] = [];
  let server: S;
  let instances: Service[] = [];
  let clients: PersistentClients;
  let log: LoggedEvent[];
  let last: string;
  let hasFailed = false;

  beforeAll(async () => {
    server = await start();
    const on = { connectionString: server.connectionString, prefix };
    instances = [await startService({ clock: NOW, on }), await startService({ clock: NOW, on })];
    clients = new PersistentClients(instances.map(({ client }) => client));
    await clients.send(background(), 0);
  });
  afterAll(async () => {
    await Promise.all(instances.map((instance) => instance.stop()));
    await server.stop();
  });

  it.each(troubles)(
    '%s: everything is acknowledged',
    async (_, trouble) => {
      if (hasFailed) throw new Error('an earlier race has failed, and this one is not run on what it left');
      hasFailed = true;
      const race = new Race(clients, random.fork(races.length), races.length);
      races.push(race);
      await race.prepare();
      const [strikes] = await Promise.all([trouble(server, race), race.run()]);
      expect(strikes.map(({ struck }) => struck)).not.toContain(0);
      server.faults.clear();
      hasFailed = false;
    },
    60_000,
  );

  describe('after that', () => {
    beforeAll(async () => {
      if (!hasFailed) await races[0]?.sweep(0, NOW);
      log = eventsOf(server.log, prefix);
      last = log.at(-1)!.position;
    });

    it('nothing that was acknowledged is lost, and nothing stands twice', () => {
      const ids = log.map(({ stream, id }) => `${stream} ${id}`);
      expect(new Set(ids).size).toBe(ids.length);
      const at = new Map(log.map((event) => [event.position, event]));
      for (const [{ type }, results] of clients.told) {
        for (const { status, error, key, stream, revision, position, event } of results) {
          // A fact is taken or refused, once and for all.
          expect(status === 'rejected').toBe(results[0]!.status === 'rejected');
          if (status === 'rejected') expect(REFUSALS[type]).toContain(error?.code);
          else
            expect(at.get(position!)).toEqual({ stream, id: `${type}:${key}`, type, revision, position, data: event });
        }
      }
    });

    it('nothing was recorded that nobody was told of, but what the ledger decides itself', () => {
      const told = new Set([...clients.told.values()].flatMap((results) => results.map(({ position }) => position)));
      const untold = log.filter(({ position }) => !told.has(position));
      const kinds = new Set(untold.map(({ type, data }) => [type, data['origin']].join(' ').trim()));
      expect([...kinds].sort()).toEqual([
        'CreditApplied run',
        'CreditExpired',
        'DisbursementRunCompleted',
        'DisbursementRunStarted',
      ]);
    });

    it('the caps hold', () => {
      for (const promotionId of races.map((race) => race.promotionId)) {
        for (const { advertiserId, marketplace } of ACCOUNTS) {
          const own = creditsIn(log).filter(
            (credit) =>
              credit.promotionId === promotionId && credit.stream === `account-${advertiserId}.${marketplace}`,
          );
          expect(total(own.map(({ granted }) => minor(granted)))).toBeLessThanOrEqual(CAP_MINOR);
          expect(new Set(own.map(({ product }) => product)).size).toBe(own.length);
        }
      }
    });

    it('no credit was ever overdrawn, and each has ended with nothing left', () => {
      for (const { stream, creditId } of creditsIn(log)) {
        const left = leftAfterEach(log, stream, creditId);
        const least = left.reduce((a, b) => (a < b ? a : b));
        expect({ creditId, least, last: left.at(-1) }).toEqual({ creditId, least: 0n, last: 0n });
      }
    });

    it('each run was performed once, and told alike', () => {
      for (const { promotionId, runs } of races) {
        const own = log.filter(({ stream }) => stream === `promotion-${promotionId}`);
        const events = own.map(({ id }) => id).slice(1);
        expect(events).toEqual([`DisbursementRunStarted:${RUN_DATE}`, `DisbursementRunCompleted:${RUN_DATE}`]);
        const completed = own.at(-1)!;
        const { credits, deferrals } = completed.data;
        for (const run of runs) expect(run).toMatchObject({ credits, deferrals });
      }
      const told = races.reduce((sum, race) => sum + race.swept, 0);
      expect(told).toBeLessThanOrEqual(log.filter(({ type }) => type === 'CreditExpired').length);
    });

    it('each instance answers what a replay of the log comes to', async () => {
      for (const { app, client } of instances) {
        expect(await client.get(`/v1/promotions?minPosition=${last}`)).toMatchObject({ status: 200 });
        const check = await checkReplay(app.get(EventStore), app.get(Queries), app.get(ReadModels));
        expect(check).toMatchObject({ events: log.length, differences: [] });
      }
    });

    it('the auditor agrees with what was decided, and with the balances of both, on both time axes', async () => {
      const commands = new Map(
        [...clients.told].map(([command, results]) => [results.find(isAcknowledged)?.position, command]),
      );
      const audit = new LogAudit(NOW, ({ position }) => commands.get(position) as Command);
      for (const event of log) audit.take(event);
      const known = [0.25, 0.5, 0.75, 1].map((part) => log[Math.ceil((log.length - 1) * part)]!.position);
      for (const { client } of instances) {
        for (const [{ advertiserId, marketplace }, day, position] of combinations(ACCOUNTS, DAYS, known)) {
          const asOf = `${day}T12:00:00.000Z`;
          const path = `/v1/accounts/${advertiserId}/${marketplace}/balance?asOf=${asOf}&knownAt=position:${position}`;
          const { body } = await client.get(path);
          agree(path, body, audit.balance(advertiserId, marketplace, asOf, position));
        }
      }
    });
  });
}

/** Before the first credit ends, at the run, between the two expiry runs, and when all is over. */
const DAYS = ['2022-09-20', '2022-10-04', '2022-10-12', '2022-10-25', '2022-12-30'] as const;

const combinations = <A, B, C>(as: readonly A[], bs: readonly B[], cs: readonly C[]): [A, B, C][] =>
  as.flatMap((a) => bs.flatMap((b) => cs.map((c): [A, B, C] => [a, b, c])));

interface Part {
  readonly creditId: string;
  readonly amount: Amount;
}

interface Granted {
  readonly promotionId: string;
  readonly creditId: string;
  readonly product: string;
  readonly granted: Amount;
}

interface Moved {
  readonly creditId?: string;
  readonly applied?: Amount;
  readonly draws?: readonly Part[];
  readonly restored?: readonly Part[];
  /** Expired or revoked. */
  readonly amount?: Amount;
}

const creditsIn = (log: readonly LoggedEvent[]): (Granted & { stream: string })[] =>
  log
    .filter(({ type }) => type === 'CreditApplied')
    .map(({ stream, data }) => ({ stream, ...(data as unknown as Granted) }));

/** What a credit holds after each event of its account, in the order of the log. */
function leftAfterEach(log: readonly LoggedEvent[], stream: string, creditId: string): bigint[] {
  let left = 0n;
  return log
    .filter((event) => event.stream === stream)
    .map(({ data }) => {
      const { applied, draws = [], restored = [], amount, creditId: about } = data as Moved;
      const sum = (parts: readonly Part[]) =>
        total(parts.filter((part) => part.creditId === creditId).map((part) => minor(part.amount)));
      left += sum(restored) - sum(draws);
      if (about === creditId && applied) left += minor(applied);
      if (about === creditId && amount) left -= minor(amount);
      return left;
    });
}

// On a server that is not ours nothing can be broken.
const onDoubles = process.env['EVENTSTOREDB_URL'] ? describe.skip : describe;

onDoubles(`two instances and many clients, CHAOS_SEED=${seed}, on a server with`, () =>
  survives(() => EventStoreDbDouble.start(), OF_A_NODE),
);

onDoubles(`two instances and many clients, CHAOS_SEED=${seed}, on a cluster with`, () =>
  survives(() => EventStoreDbCluster.start(), OF_A_CLUSTER),
);
