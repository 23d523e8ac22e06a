import 'reflect-metadata';
import { GROUPS } from './groups.js';
import type { Effort } from './measure.js';

/** Measures one group of rows and sends them to the process that started this one. */
const [, , name, told] = process.argv as [string, string, string, string];
const { effort, events } = JSON.parse(told) as { effort: Effort; events: number };
const rows = await GROUPS[name]!.measure(effort, events);
process.send!(rows, () => process.exit(0));
