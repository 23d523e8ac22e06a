import 'reflect-metadata';
import { commandRows } from './rows/commands.js';
import { httpRows } from './rows/http.js';
import type { Effort, Row } from './measure.js';

const quick = process.argv.includes('--quick');
const effort: Effort = quick ? { rounds: 3, share: 0.1 } : { rounds: 5, share: 1 };
const EVENTS = quick ? 50_000 : 1_000_000;

const rows: Row[] = [...(await commandRows(effort, EVENTS)), ...(await httpRows(effort, EVENTS))];

for (const { number, measure, figure, reference, ratio, target, met, note } of rows) {
  const verdict = met === null ? '' : met ? 'met' : 'NOT MET';
  console.log(
    [number.padStart(3), measure.padEnd(50), figure, reference, ratio, target, verdict, note ?? ''].join('  '),
  );
}
