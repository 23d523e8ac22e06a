import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from '@jest/globals';
import { MemoryEventStore } from '../../src/event-store/memory/memory-event-store.js';
import { instantOf } from '../../src/kernel/instant.js';
import { Gauges } from '../../src/observability/gauges.js';
import { Figures } from '../../src/observability/figures.js';
import { Metrics, PREFIX } from '../../src/observability/metrics.js';
import { Observability } from '../../src/observability/observability.js';
import { inTime, Sampled } from '../../src/observability/sampled.js';
import type { Queries } from '../../src/read-models/queries.js';
import type { ReadModels } from '../../src/read-models/read-models.js';
import { webhookMetrics } from '../../src/observability/webhook-metrics.js';
import { loadSettings } from '../../src/settings.js';

const textOf = (path: string) => readFileSync(fileURLToPath(new URL(`../../${path}`, import.meta.url)), 'utf8');
const DASHBOARD = textOf('ops/grafana/promoledger.json');
const ALERTS = textOf('ops/prometheus/alerts.yml');
const OPERATIONS = textOf('docs/operations.md');
const README = textOf('README.md');

const metrics = new Metrics();
metrics.collectProcess();
webhookMetrics(metrics.registry, () => []);
const known = new Map(metrics.registry.getMetricsAsArray().map(({ name, type }) => [name, String(type)]));

/** Every metric that a text names; a histogram's series count as the histogram. */
function namedIn(text: string): string[] {
  const named = [...text.matchAll(/promoledger_[a-z0-9_]+/g)].map(([name]) => name);
  const base = (name: string) => {
    const histogram = name.replace(/_(bucket|sum|count)$/, '');
    return known.get(histogram) === 'histogram' ? histogram : name;
  };
  return [...new Set(named.map(base))];
}

/** The rows of the tables below a heading, up to the next heading. */
const tableBelow = (text: string, heading: string): string[] =>
  text
    .slice(text.indexOf(`\n${heading}\n`))
    .slice(heading.length + 2)
    .split(/\n#+ /)[0]!
    .split('\n')
    .filter((line) => /^\| +`/.test(line));

describe('metrics', () => {
  it.each([
    ['the dashboard', DASHBOARD],
    ['the alerts', ALERTS],
    ['the metrics of docs/operations.md', tableBelow(OPERATIONS, '## Metrics').join('\n')],
    ['the run-book', OPERATIONS.slice(OPERATIONS.indexOf('\n## Run-book'))],
  ])('that %s names are there', (_, text) => {
    // `promoledger_process_…`: all that begin so.
    const named = namedIn(text).filter((name) => !/_(process|nodejs)_$/.test(name));
    expect(named.length).toBeGreaterThan(3);
    expect(named.filter((name) => !known.has(name))).toEqual([]);
  });

  it('of the ledger are all on the dashboard and in docs/operations.md', () => {
    const own = [...known.keys()].filter((name) => !/^promoledger_(process|nodejs)_/.test(name));
    expect(own.length).toBeGreaterThan(20);
    const [shown, told] = [new Set(namedIn(DASHBOARD)), new Set(namedIn(OPERATIONS))];
    expect(own.filter((name) => !shown.has(name))).toEqual([]);
    expect(own.filter((name) => !told.has(name))).toEqual([]);
  });

  it('have no label that could be an id', () => {
    const bounded = ['type', 'outcome', 'code', 'method', 'route', 'status', 'state', 'currency', 'place'];
    const labels = Object.values(metrics)
      .filter((each) => typeof each === 'object' && each !== null && 'labelNames' in each)
      .flatMap((each) => (each as unknown as { labelNames: string[] }).labelNames);
    expect(labels.length).toBeGreaterThan(10);
    expect(labels.filter((label) => !bounded.includes(label))).toEqual([]);
  });

  it('are what the dashboard asks of the data source that is chosen', () => {
    const { panels } = JSON.parse(DASHBOARD) as { panels: { type: string; datasource?: { uid: string } }[] };
    const graphs = panels.filter(({ type }) => type !== 'row');
    expect(graphs.length).toBeGreaterThan(20);
    expect(graphs.filter(({ datasource }) => datasource?.uid !== '${datasource}')).toEqual([]);
  });
});

describe('alerts', () => {
  it('have a run-book each, with symptom, cause, what to look at and what to do', () => {
    const alerts = [...ALERTS.matchAll(/- alert: (\w+)/g)].map((match) => match[1]!);
    expect(alerts.length).toBeGreaterThan(8);
    const sections = OPERATIONS.slice(OPERATIONS.indexOf('\n## Run-book')).split('\n### ').slice(1);
    expect(sections.map((section) => section.split('\n')[0]).sort()).toEqual([...alerts].sort());
    const parts = ['**Symptom**', '**Cause**', '**Look at**', '**Do**'];
    expect(sections.filter((section) => !parts.every((part) => section.includes(part)))).toEqual([]);
  });

  it('tell that the service is gone, and of an endpoint that says it is: neither has a lag', () => {
    const rules = [...ALERTS.matchAll(/- alert: (\w+)\n +expr: (.+)\n/g)].map(([, name, expr]) => [name, expr]);
    expect(Object.fromEntries(rules)).toMatchObject({
      PromoledgerDown: 'up{job="promoledger"} == 0',
      PromoledgerGone: 'absent(up{job="promoledger"})',
      PromoledgerWebhookDisabled: expect.stringContaining('promoledger_webhook_disabled) == 1'),
      PromoledgerWebhookDeadLetters: 'delta(promoledger_webhook_dead_letters[1h]) > 0',
      PromoledgerReadModelsHeld: 'promoledger_projection_held == 1',
    });
  });
});

describe('settings', () => {
  const read = new Set<string>();
  loadSettings(new Proxy({}, { get: (_, name) => void read.add(String(name)) }));
  const inTable = (text: string, heading: string) =>
    tableBelow(text, heading).map((line) => /`([A-Z_]+)`/.exec(line)?.[1]);

  it('are all in docs/operations.md, and no others', () => {
    expect(inTable(OPERATIONS, '## Settings').sort()).toEqual([...read].sort());
  });

  it('are all in the README, and no others', () => {
    expect(inTable(README, '### Settings').sort()).toEqual([...read].sort());
  });
});

describe('read models', () => {
  const observed = async () => {
    const lines: string[] = [];
    const { observability: settings } = loadSettings({ PROMOLEDGER_LOG_FORMAT: 'json' });
    const seen = await Observability.open(settings, { sink: (line) => lines.push(line) });
    const values = async () => {
      const text = await seen.metrics.registry.metrics();
      const found = text.matchAll(/^promoledger_projection_(stopped|held|rebuilding) (\d)$/gm);
      return Object.fromEntries([...found].map(([, name, value]): [string, number] => [name!, Number(value)]));
    };
    return { projections: seen.projections, metrics: seen.metrics, lines, values };
  };

  it('that wait for a disk are held, not stopped, until they go on by themselves; one line tells it', async () => {
    const { projections, lines, values } = await observed();
    for (let second = 0; second < 3; second += 1) projections.held(new Error('full'));
    expect(await values()).toMatchObject({ held: 1, stopped: 0 });
    expect(lines).toHaveLength(1);
    projections.projected(1n, 1, 0);
    expect(await values()).toMatchObject({ held: 0, stopped: 0 });
    projections.held(new Error('full'));
    expect(lines).toHaveLength(2);
    projections.stopped(new Error('a fault'));
    expect(await values()).toMatchObject({ held: 0, stopped: 1 });
  });

  it('that are built anew are told while it lasts', async () => {
    const { metrics: own, values } = await observed();
    const away = async () => Promise.reject(new Error('away'));
    const figures = { lag: away, runs: away, expiring: away, isRebuilding: true };
    const gauges = new Gauges(own, figures as unknown as Figures, { ledger: null, cache: null });
    await gauges.refresh();
    expect(await values()).toMatchObject({ rebuilding: 1, stopped: 0, held: 0 });
    figures.isRebuilding = false;
    await gauges.refresh();
    expect(await values()).toMatchObject({ rebuilding: 0 });
  });
});

describe('webhooks', () => {
  it('tell which endpoint is disabled, and what was forgotten of it', async () => {
    const registry = new Metrics().registry;
    const standing = { queued: 0, deadLetters: 3, lagSeconds: 0 };
    const { forgotten } = webhookMetrics(registry, () => [
      { id: 'crm', state: 'active', ...standing },
      { id: 'gone', state: 'disabled', ...standing },
    ]);
    forgotten('gone', 12);
    const text = await registry.metrics();
    expect(text).toContain('\npromoledger_webhook_disabled{endpoint="crm"} 0\n');
    expect(text).toContain('\npromoledger_webhook_disabled{endpoint="gone"} 1\n');
    expect(text).toContain('\npromoledger_webhook_forgotten_total{endpoint="gone"} 12\n');
  });
});

describe('a figure that costs something', () => {
  it('is taken once for all who ask within its time', async () => {
    let taken = 0;
    const figure = new Sampled(60_000, async () => (taken += 1));
    expect(await Promise.all([figure.value(), figure.value()])).toEqual([1, 1]);
    expect(await figure.value()).toBe(1);
  });

  it('is undefined when it cannot be told, and told again when it can', async () => {
    let isAway = true;
    const figure = new Sampled(0, async () => {
      if (isAway) throw new Error('away');
      return 7;
    });
    expect(await figure.value()).toBeUndefined();
    isAway = false;
    expect(await figure.value()).toBe(7);
  });

  it('keeps nobody waiting', async () => {
    const figure = new Sampled(0, () => new Promise<number>(() => undefined));
    expect(await figure.value()).toBeUndefined();
    expect(await inTime(new Promise(() => undefined), 1)).toBe('late');
  });
});

describe('how far the read models are behind', () => {
  const RECORDED = Date.now() - 90_000;

  async function lagAt(position: bigint, positionsAreEvents: boolean) {
    const store = new MemoryEventStore(() => RECORDED);
    for (const id of ['a', 'b', 'c']) {
      await store.append(`fx-${id}`, 'none', [{ id: `T:${id}`, type: 'T', data: {}, metadata: { version: 1 } }]);
    }
    const models = { runner: { position } } as unknown as ReadModels;
    return new Figures(store, models, {} as Queries, () => instantOf(0), positionsAreEvents).lag();
  }

  it.each([true, false])('is told in events and in seconds, whether positions are events (%j) or not', async (are) => {
    const { events, seconds } = await lagAt(1n, are);
    expect(events).toBe(2);
    expect(seconds).toBeGreaterThanOrEqual(90);
  });

  it('is nothing when all is included', async () => {
    expect(await lagAt(3n, true)).toEqual({ events: 0, seconds: 0 });
  });
});

describe('gauges of a ledger that cannot be asked', () => {
  it('have no samples, and say that the store is away', async () => {
    const away = async () => Promise.reject(new Error('away'));
    const figures = { lag: away, runs: away, expiring: away } as unknown as Figures;
    const own = new Metrics();
    await new Gauges(own, figures, { ledger: null, cache: null }).refresh();
    const text = await own.registry.metrics();
    expect(text).toContain(`\n${PREFIX}store_up 0\n`);
    const samples = text
      .split('\n')
      .filter((line) => /^promoledger_(projection_lag|disbursement|credits|disk)/.test(line));
    expect(samples).toEqual([]);
  });
});
