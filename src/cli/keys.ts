import { existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { type Command, Option } from 'commander';
import { newKey, parseKeys } from '../http/auth/api-keys.js';
import { SCOPES } from '../http/scopes.js';
import { print, RefusedError, type Output } from './shell.js';

interface Asked extends Output {
  readonly subject?: string;
  readonly scope: readonly string[];
  readonly advertiser?: readonly string[];
  readonly marketplace?: readonly string[];
  readonly notAfter?: string;
  readonly file?: string;
}

/** `api-key`: makes a key for a machine. It needs no ledger. */
export function addKeyCommand(program: Command): void {
  program
    .command('api-key <name>')
    .description('make an API key: it is shown once, and its hash goes into the file of keys')
    .addOption(new Option('--scope <scopes...>', 'what it may do').choices(SCOPES).makeOptionMandatory())
    .option('--subject <subject>', 'whom its events name as their actor; by default its name')
    .option('--advertiser <ids...>', 'bind it to these advertisers')
    .option('--marketplace <codes...>', 'bind it to these marketplaces')
    .option('--not-after <instant>', 'when it ends')
    .option('--file <path>', 'the file of keys; by default PROMOLEDGER_API_KEYS, else the entry is printed')
    .option('--json', 'for machines')
    .action(makeKey);
}

function makeKey(name: string, asked: Asked): void {
  const { key, sha256 } = refusing(() => newKey(name));
  const { subject = name, scope, advertiser, marketplace, notAfter } = asked;
  const entry = {
    id: name,
    sha256,
    subject,
    scopes: scope,
    ...(advertiser && { advertisers: advertiser }),
    ...(marketplace && { marketplaces: marketplace }),
    ...(notAfter && { notAfter }),
  };
  const file = asked.file ?? process.env['PROMOLEDGER_API_KEYS'];
  if (file) refusing(() => addTo(file, entry));
  else refusing(() => parseKeys(JSON.stringify({ keys: [entry] })));
  print(asked.json, { key, entry, file: file ?? null }, () => [
    key,
    file ? `Keep it: it is not shown again. ${file} has its hash.` : 'Keep it: it is not shown again. Its entry:',
    ...(file ? [] : [JSON.stringify(entry)]),
  ]);
}

/** Beside the file first, so that a service that reads it meanwhile never sees half of it. */
function addTo(file: string, entry: object): void {
  const text = existsSync(file) ? readFileSync(file, 'utf8') : '{"keys":[]}';
  parseKeys(text);
  const { keys } = JSON.parse(text) as { keys: object[] };
  const added = `${JSON.stringify({ keys: [...keys, entry] }, null, 2)}\n`;
  parseKeys(added);
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(`${file}.new`, added);
  renameSync(`${file}.new`, file);
}

function refusing<T>(attempt: () => T): T {
  try {
    return attempt();
  } catch (error) {
    throw new RefusedError((error as Error).message);
  }
}
