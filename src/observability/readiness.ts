import { type Check, Readiness } from '../http/health.controller.js';
import type { ReadModels } from '../read-models/read-models.js';
import type { ObservabilitySettings } from '../settings/observability.js';
import { diskFree, type Figures, type Places } from './figures.js';
import { inTime } from './sampled.js';

/** Each check is given so long, in ms: whoever asks has little patience himself. */
const PATIENCE_MS = 1000;
const MEBIBYTE = 1024 * 1024;

/** Whether the service can answer now: see `/health/ready`. Those who ask at the same time are answered together. */
export class ServiceReadiness extends Readiness {
  private underWay: Promise<readonly Check[]> | undefined;

  constructor(
    private readonly readModels: ReadModels,
    private readonly figures: Figures,
    private readonly places: Places,
    private readonly limits: Pick<ObservabilitySettings, 'readyLagSeconds' | 'readyFreeMebibytes'>,
  ) {
    super();
  }

  override checks(): Promise<readonly Check[]> {
    return (this.underWay ??= Promise.all([this.store(), this.projection(), this.disk()]).finally(() => {
      this.underWay = undefined;
    }));
  }

  private store(): Promise<Check> {
    return checked('store', 'store-unavailable', async () => {
      await this.readModels.head();
      return { detail: 'It answers.' };
    });
  }

  /** That they have caught up once: half a log answers nothing. And that they follow. */
  private projection(): Promise<Check> {
    return checked('readModels', 'not-caught-up', async () => {
      if (this.readModels.runner.failed) return { fault: 'They stand still.' };
      await this.readModels.ready();
      const { events, seconds } = await this.figures.lag();
      const detail = `They are ${events} events and ${seconds.toFixed(1)} s behind.`;
      return seconds > this.limits.readyLagSeconds ? { fault: detail } : { detail };
    });
  }

  private disk(): Promise<Check> {
    return checked('disk', 'store-unavailable', async () => {
      const free = [...(await diskFree(this.places))].map(([place, bytes]) => ({
        place,
        mebibytes: Math.floor(bytes / MEBIBYTE),
      }));
      const detail = free.map(({ place, mebibytes }) => `${mebibytes} MiB are free for the ${place}.`).join(' ');
      const isShort = free.some(({ mebibytes }) => mebibytes < this.limits.readyFreeMebibytes);
      return isShort ? { fault: detail } : { detail: detail || 'Nothing is written to a disk.' };
    });
  }
}

type Found = { readonly detail: string } | { readonly fault: string };

async function checked(name: Check['name'], code: Check['code'], look: () => Promise<Found>): Promise<Check> {
  const found = await inTime(look(), PATIENCE_MS).catch((): Found => ({ fault: FAILED[name] }));
  if (found === 'late') return { name, code, ok: false, detail: `No answer came within ${PATIENCE_MS} ms.` };
  return 'fault' in found
    ? { name, code, ok: false, detail: found.fault }
    : { name, code, ok: true, detail: found.detail };
}

/** What lies behind is in the log; the answer is for everybody. */
const FAILED: Readonly<Record<Check['name'], string>> = {
  store: 'The store cannot be reached.',
  readModels: 'How far they are cannot be told.',
  disk: 'What is left cannot be told.',
};
