import { type Command, InvalidArgumentError } from 'commander';
import { isLedgerAccountName } from '../audit/http/books.controller.js';
import { isCurrency } from '../kernel/currencies.js';
import { DOTLESS_IDENTIFIER, MARKETPLACE } from '../kernel/identifiers.js';

/** What a list is kept to, checked as over HTTP: a filter that can match nothing is a mistake, and no empty answer. */
const FILTERS = {
  advertiser: ['--advertiser <id>', 'of it only', identifier],
  marketplace: ['--marketplace <code>', 'in it only', marketplace],
  promotion: ['--promotion <id>', 'of it only', identifier],
  currency: ['--currency <code>', 'in it only', currency],
  account: ['--account <name>', 'of a ledger account, or of all that begin with these levels', ledgerAccount],
} as const;

export interface Filters {
  readonly advertiser?: string;
  readonly marketplace?: string;
  readonly promotion?: string;
  readonly currency?: string;
  readonly account?: string;
}

export function filteredBy(command: Command, ...names: readonly (keyof typeof FILTERS)[]): Command {
  for (const name of names) {
    const [flags, description, parse] = FILTERS[name];
    command.option(flags, description, parse);
  }
  return command;
}

function identifier(text: string): string {
  if (!DOTLESS_IDENTIFIER.test(text)) {
    throw new InvalidArgumentError('It must be an identifier without a dot: 1 to 128 of A-Z a-z 0-9 _ : / -');
  }
  return text;
}

function marketplace(text: string): string {
  if (!MARKETPLACE.test(text)) throw new InvalidArgumentError('It must be a marketplace: two capital letters.');
  return text;
}

function currency(text: string): string {
  if (!isCurrency(text)) throw new InvalidArgumentError('It must be an active ISO 4217 currency code.');
  return text;
}

function ledgerAccount(text: string): string {
  if (!isLedgerAccountName(text)) {
    throw new InvalidArgumentError('It must be the name of a ledger account or its first levels.');
  }
  return text;
}
