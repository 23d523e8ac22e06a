import * as accounts from '../accounts/http/commands.js';
import * as campaigns from '../campaigns/http/commands.js';
import * as fx from '../fx/http/commands.js';
import * as promotions from '../promotions/http/commands.js';
import type { DtoClass } from './fields.js';

/** The class of each command's `data`, by the command's type: all that clients may send. */
export const COMMANDS: ReadonlyMap<string, DtoClass> = new Map<string, DtoClass>(
  Object.entries({ ...accounts, ...campaigns, ...promotions, ...fx }),
);
