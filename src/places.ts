import { closeSync, mkdirSync, openSync } from 'node:fs';
import { dirname } from 'node:path';
import { Sealer } from './audit/seals/sealer.js';
import { keepSeals } from './audit/seals/threaded-seals.js';
import { SigningKey } from './audit/seals/signing-key.js';
import { EventStore } from './event-store/event-store.js';
import { EventStoreDbStore } from './event-store/eventstoredb/eventstoredb-store.js';
import { MemoryEventStore } from './event-store/memory/memory-event-store.js';
import type { StoreObserver } from './event-store/observer.js';
import { ReadOnlyEventStore } from './event-store/read-only.js';
import { SqliteEventStore } from './event-store/sqlite/sqlite-event-store.js';
import { STREAM_CATEGORIES } from './kernel/identifiers.js';
import { instantOf } from './kernel/instant.js';
import { type Places } from './observability/figures.js';
import { Observability } from './observability/observability.js';
import { Deliveries } from './notices/deliveries.js';
import { ReadModelDatabase } from './read-models/database.js';
import { ReadModels } from './read-models/read-models.js';
import { openWriter } from './read-models/threaded-writer.js';
import type { Settings } from './settings.js';

const FILE = 'sqlite:';
const MEMORY = 'memory:';

/** What a ledger that is read only keeps beside it, it keeps in memory where nothing can be written there. */
export function withCache(settings: Settings): Settings {
  const { readOnly, cachePath } = settings;
  if (!readOnly || cachePath === null) return settings;
  try {
    closeSync(openSync(`${cachePath}.models`, 'a'));
    return settings;
  } catch {
    return { ...settings, cachePath: null };
  }
}

export type Report = (message: string) => void;

/** Of commands, whose answer is on stdout. */
const toStderr: Report = (message) => void process.stderr.write(`promoledger: ${message}\n`);

export function openStore(settings: Settings, report = toStderr, observer?: StoreObserver): EventStore {
  if (settings.readOnly) return new ReadOnlyEventStore(openWhole(settings, report));
  return openWhole(settings, report, observer);
}

function openWhole(settings: Settings, report: Report, observer?: StoreObserver): EventStore {
  const { store, streamPrefix, cachePath, readOnly } = settings;
  if (store.startsWith(FILE)) {
    const path = store.slice(FILE.length);
    return readOnly ? SqliteEventStore.openToRead(path) : SqliteEventStore.open(path, observer);
  }
  if (store === MEMORY) return new MemoryEventStore();
  if (cachePath !== null) mkdirSync(dirname(cachePath), { recursive: true });
  return new EventStoreDbStore({
    connectionString: store,
    streamPrefix,
    categories: STREAM_CATEGORIES,
    indexPath: cachePath === null ? ':memory:' : `${cachePath}.index`,
    report,
    ...(observer ? { observer } : {}),
  });
}

/** The read models lie beside the ledger: `ledger.db` has `ledger.db.models`. They catch up in the background. */
export async function openReadModels(
  store: EventStore,
  { cachePath, clock, fixedNow }: Settings,
  { projections }: Observability,
): Promise<ReadModels> {
  const path = cachePath === null ? ':memory:' : `${cachePath}.models`;
  const open = (file: string, { givesWay } = { givesWay: false }) => openWriter(file, { clock, fixedNow, givesWay });
  const writing = cachePath === null ? undefined : { writer: await open(path), open };
  const readModels = new ReadModels(store, new ReadModelDatabase(path), projections, clock, writing);
  await readModels.start();
  return readModels;
}

/** What is recorded has the real time, whatever PROMOLEDGER_CLOCK says. */
export const realNow = () => instantOf(Date.now());

/** A key that the settings name must be there; one beside the ledger is made when it is first needed. */
export function openSigningKey({ ledgerName: name, signingKey, readOnly }: Settings, report = toStderr): SigningKey {
  const mayCreate = !signingKey?.isSet && !readOnly;
  const key = new SigningKey({ name, path: signingKey?.path ?? null, mayCreate, report });
  if (signingKey?.isSet) key.verifierKey();
  return key;
}

/** The seals lie beside the ledger: `ledger.db` has `ledger.db.seals`. They follow the log in the background. */
export async function openSealer(store: EventStore, { cachePath }: Settings, report: Report): Promise<Sealer> {
  const seals = await keepSeals(cachePath === null ? '' : `${cachePath}.seals`, report);
  const sealer = new Sealer(store, seals, report);
  sealer.start();
  return sealer;
}

/** What is on its way to webhooks lies beside the ledger too, and is not made again from the log. */
export function openDeliveries({ cachePath, notices }: Settings): Deliveries | null {
  if (notices.endpoints.length === 0) return null;
  return new Deliveries(cachePath === null ? ':memory:' : `${cachePath}.notices`);
}

/** A ledger in a file has what can be made again beside it, on the same file system. */
export const placesOf = ({ store, cachePath }: Settings): Places =>
  store.startsWith(FILE) ? { ledger: store.slice(FILE.length), cache: null } : { ledger: null, cache: cachePath };
