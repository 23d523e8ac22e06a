import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';

const HOME = 'bench/peers';

interface Lock {
  readonly packages: Readonly<Record<string, { readonly version?: string; readonly optional?: boolean }>>;
}

const read = (path: string): Lock => JSON.parse(readFileSync(path, 'utf8')) as Lock;

/** Installs what the ledger is measured against, when it is not there as the lock has it. */
export function installPeers(): void {
  if (!isInstalled()) execFileSync('npm', ['ci', '--no-audit', '--no-fund', '--prefix', HOME], { stdio: 'inherit' });
}

/** By npm's own account of what it installed last. */
function isInstalled(): boolean {
  const installed = `${HOME}/node_modules/.package-lock.json`;
  if (!existsSync(installed)) return false;
  const { packages } = read(installed);
  return Object.entries(read(`${HOME}/package-lock.json`).packages).every(
    ([path, { version, optional }]) => path === '' || optional === true || packages[path]?.version === version,
  );
}
