import { epochMs, instantOf, type Instant } from '../kernel/instant.js';
import type { Arrival } from './season.js';

const WEEK_MS = 7 * 86_400_000;
const ISO_DATE = /^\d{4}-\d\d-\d\d$/;
const RATE = /^(0|[1-9][0-9]*)(\.[0-9]+)?$/;

/** The dirham's peg. A rate is good for a week, so a peg must be said again as often. */
const PEG = { base: 'USD', quote: 'AED', rate: '3.6725', source: 'CBUAE peg' };

/**
 * The ECB's reference rates as facts: one EUR in each currency of the file, effective from the publication at 16:00 in
 * Frankfurt, recorded then. Throws on a line that does not fit its header: a wrong rate would be worse than none.
 */
export function ecbRates(csv: string): readonly Arrival[] {
  const [header = '', ...lines] = csv.trim().split(/\r?\n/);
  const [first, ...quotes] = header.split(',');
  if (first !== 'date' || quotes.some((quote) => !/^[A-Z]{3}$/.test(quote)))
    throw new Error(`no rates header: ${header}`);
  return lines.flatMap((line) => {
    const [date = '', ...rates] = line.split(',');
    if (!ISO_DATE.test(date) || rates.length !== quotes.length || rates.some((rate) => !RATE.test(rate))) {
      throw new Error(`not a line of rates: ${line}`);
    }
    const effectiveAt = publishedAt(date);
    return quotes.map((quote, column) =>
      rateArrival({ base: 'EUR', quote, rate: rates[column] ?? '', source: 'ECB', effectiveAt }),
    );
  });
}

/** The peg, once a week from `from` to `to`. */
export function pegRates(from: Instant, to: Instant): readonly Arrival[] {
  const weeks = Math.floor((epochMs(to) - epochMs(from)) / WEEK_MS) + 1;
  return Array.from({ length: weeks }, (_, week) =>
    rateArrival({ ...PEG, effectiveAt: instantOf(epochMs(from) + week * WEEK_MS) }),
  );
}

const rateArrival = (data: { readonly effectiveAt: Instant; readonly [field: string]: string }): Arrival => ({
  arrivesMs: epochMs(data.effectiveAt),
  command: { type: 'FxRateRecorded', data },
});

function publishedAt(date: string): Instant {
  const published = Temporal.PlainDate.from(date).toZonedDateTime({ timeZone: 'Europe/Berlin', plainTime: '16:00' });
  return instantOf(published.epochMilliseconds);
}
