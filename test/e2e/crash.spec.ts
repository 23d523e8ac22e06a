import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { Client, Command, CommandResult, LoggedEvent } from '../support/client.js';
import { granted, opened, published } from '../support/history.js';
import { pause, ServiceProcess } from '../support/server.js';

/** A seed replays the commands and the moments chosen; how far the service has come by then is the machine's. */
const SEED = Number(process.env['CRASH_SEED'] ?? Math.floor(Math.random() * 2 ** 31));
const COMMANDS = 20_000;
const LANES = 4;
const ACCOUNTS_PER_LANE = 4;
const BATCH = 125;
const KILLS_OF_BATCHES = 8;
const KILLS_OF_IMPORTS = 3;

/** Mulberry32: small, seeded, good enough to choose moments. */
function randomOf(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

const random = randomOf(SEED);
const below = (limit: number): number => Math.floor(random() * limit);

/** What one writer sends, in order: its own accounts with three credits each, clicks early and late, and reversals. */
function laneOf(lane: number): Command[] {
  const accounts = Array.from({ length: ACCOUNTS_PER_LANE }, (_, i) => `lane-${lane}-${i}`);
  const commands = accounts.flatMap((account) => [
    opened(account, 'US', 'USD'),
    ...['SP', 'SB', 'SD'].map((product) => granted(`grant-${product}`, account, 'US', product, '200.00')),
  ]);
  const clicks: { readonly account: string; readonly clickId: string }[] = [];
  while (commands.length < COMMANDS / LANES) {
    const reversed = clicks.length > 50 && below(20) === 0 ? clicks.splice(below(clicks.length), 1)[0] : undefined;
    if (reversed) {
      commands.push({
        type: 'ClickReversed',
        data: {
          advertiserId: reversed.account,
          marketplace: 'US',
          clickId: reversed.clickId,
          reason: 'invalid traffic',
          occurredAt: '2022-10-30T00:00:00Z',
        },
      });
      continue;
    }
    const click = { account: accounts[below(accounts.length)] as string, clickId: `click-${commands.length}` };
    clicks.push(click);
    commands.push({
      type: 'ClickSpent',
      data: {
        advertiserId: click.account,
        marketplace: 'US',
        clickId: click.clickId,
        campaignId: 'campaign-1',
        product: ['SP', 'SB', 'SD'][below(3)],
        cost: { amount: `0.${String(1 + below(99)).padStart(2, '0')}`, currency: 'USD' },
        occurredAt: new Date(Date.UTC(2022, 9, 1) + below(28 * 86_400) * 1000).toISOString(),
      },
    });
  }
  return commands;
}

interface Acknowledged {
  readonly command: Command;
  readonly position: string;
  readonly stream: string;
  readonly revision: number;
}

/** One writer: how far it has come, and everything it was told is kept. */
interface Lane {
  readonly commands: readonly Command[];
  readonly acknowledged: Acknowledged[];
}

class CutOffError extends Error {}

/** Sends the lane's next batch; throws when the service dies over it. */
async function sendNext(client: Client, lane: Lane): Promise<void> {
  const from = lane.acknowledged.length;
  const batch = lane.commands.slice(from, from + BATCH);
  const answer = client.post<{ results: CommandResult[] }>('/v1/commands', batch);
  const { status, body } = await answer.catch((error: unknown) => {
    throw new CutOffError('the service did not answer', { cause: error });
  });
  if (status !== 200) throw new Error(`a batch was answered with ${status} ${JSON.stringify(body)}`);
  lane.acknowledged.push(...body.results.map((result, i) => acknowledgement(batch[i] as Command, result)));
}

function acknowledgement(command: Command, { status, stream, revision, position, error }: CommandResult): Acknowledged {
  if (status === 'rejected' || stream === null || revision === null || position === null) {
    throw new Error(`rejected ${JSON.stringify(command)}: ${JSON.stringify(error)}`);
  }
  return { command, stream, revision, position };
}

/** All writers at once, until `enough` says stop or the service is gone. */
async function work(client: Client, lanes: readonly Lane[], enough: () => boolean): Promise<void> {
  await Promise.all(
    lanes.map(async (lane) => {
      while (lane.acknowledged.length < lane.commands.length && !enough()) await sendNext(client, lane);
    }),
  );
}

const keyOf = (type: string, data: Readonly<Record<string, unknown>>): string =>
  [type, data['clickId'], data['creditId']].join(' ');

/** Every acknowledged command stands in the log exactly once, at the place that was told. */
function expectKept(log: readonly LoggedEvent[], acknowledged: readonly Acknowledged[]): void {
  const places = new Map(log.map((event) => [event.position, event]));
  expect(places.size).toBe(log.length);
  const facts = new Set(log.map((event) => `${event.stream} ${keyOf(event.type, event.data)}`));
  expect(facts.size).toBe(log.length);
  const lost = acknowledged.filter(({ command, position, stream, revision }) => {
    const event = places.get(position);
    const same = event && keyOf(event.type, event.data) === keyOf(command.type, command.data);
    return !same || event.stream !== stream || event.revision !== revision;
  });
  expect(lost).toEqual([]);
}

/** Each stream's events in order, without what differs from one run to the next: positions and times of recording. */
function streamsOf(log: readonly LoggedEvent[]): Record<string, unknown[]> {
  const streams: Record<string, unknown[]> = {};
  for (const { stream, revision, type, data } of log) (streams[stream] ??= []).push({ revision, type, data });
  return streams;
}

const lastPosition = (acknowledged: readonly Acknowledged[]): string =>
  String(acknowledged.reduce((last, { position }) => (BigInt(position) > last ? BigInt(position) : last), 0n));

async function balancesOf(client: Client, position: string): Promise<unknown[]> {
  const accounts = Array.from(
    { length: LANES * ACCOUNTS_PER_LANE },
    (_, i) => `lane-${i % LANES}-${Math.floor(i / LANES)}`,
  );
  return Promise.all(
    accounts.map(async (account) => {
      const path = `/v1/accounts/${account}/US/balance?asOf=2022-10-31T00:00:00Z&minPosition=${position}`;
      const { status, body } = await client.get<Record<string, unknown>>(path);
      expect(status).toBe(200);
      return { ...body, position: null };
    }),
  );
}

describe(`a service killed again and again (CRASH_SEED=${SEED})`, () => {
  let killed: ServiceProcess;
  let untouched: ServiceProcess;

  beforeAll(() => {
    killed = new ServiceProcess();
    untouched = new ServiceProcess();
  });

  afterAll(async () => {
    await killed.remove();
    await untouched.remove();
  });

  it('keeps all that it acknowledged, and ends as one that was never killed', async () => {
    const lanes: Lane[] = Array.from({ length: LANES }, (_, lane) => ({ commands: laneOf(lane), acknowledged: [] }));
    const file = lanes.flatMap(({ commands }) => commands);
    const acknowledged = () => lanes.flatMap((lane) => lane.acknowledged);
    let client = await killed.start();
    await client.append(published());

    /** Starts it again and looks whether all is there that was acknowledged so far. */
    const restart = async () => {
      client = await killed.start();
      expectKept(await client.log(lastPosition(acknowledged())), acknowledged());
      for (const lane of lanes) {
        const latest = lane.acknowledged.slice(-BATCH);
        if (latest.length === 0) continue;
        const commands = latest.map(({ command }) => command);
        const { body } = await client.post<{ results: CommandResult[] }>('/v1/commands', commands);
        expect(body.results.map(({ status, position }) => ({ status, position }))).toEqual(
          latest.map(({ position }) => ({ status: 'duplicate', position })),
        );
      }
    };

    for (let kill = 1; kill <= KILLS_OF_BATCHES; kill += 1) {
      const target = (COMMANDS * 0.6 * (kill - random())) / KILLS_OF_BATCHES;
      let alive = true;
      const cutOff = work(client, lanes, () => !alive).catch((error: unknown) => error);
      const pauseOrFail = async (ms: number) => {
        const failure = await Promise.race([pause(ms), cutOff]);
        if (failure) throw new Error('it failed before it was killed', { cause: failure });
      };
      while (acknowledged().length < target) await pauseOrFail(2);
      await pauseOrFail(below(40));
      const killing = killed.kill();
      alive = false;
      const failure = await cutOff;
      await killing;
      // Being cut off is what this is about; anything else is not.
      if (failure && !(failure instanceof CutOffError)) throw new Error('a writer failed', { cause: failure });
      await restart();
    }

    for (let kill = 1; kill <= KILLS_OF_IMPORTS; kill += 1) {
      const importing = client.import(file).catch((error: unknown) => error);
      await Promise.race([pause(50 + below(700)), importing]);
      await killed.kill();
      await importing;
      await restart();
    }

    const { lines, summary } = await client.import(file);
    expect(lines.filter((line) => (line as CommandResult).status === 'rejected')).toEqual([]);
    expect(summary).toMatchObject({ read: COMMANDS, rejected: 0 });
    expect(summary.appended + summary.duplicate).toBe(COMMANDS);
    expect(summary.duplicate).toBeGreaterThanOrEqual(acknowledged().length);

    const reference = await untouched.start();
    await reference.append(published());
    const untroubled = (await reference.import(file)).summary;
    expect(untroubled).toMatchObject({ read: COMMANDS, appended: COMMANDS });

    const log = await client.log(summary.lastPosition ?? '');
    const referenceLog = await reference.log(untroubled.lastPosition ?? '');
    expectKept(log, acknowledged());
    expect(log).toHaveLength(COMMANDS + 1);
    expect(streamsOf(log)).toEqual(streamsOf(referenceLog));
    const [last, referenceLast] = [log, referenceLog].map((events) => events.at(-1)?.position ?? '0') as [
      string,
      string,
    ];
    expect(await balancesOf(client, last)).toEqual(await balancesOf(reference, referenceLast));
  }, 240_000);
});
