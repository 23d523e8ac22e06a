#!/usr/bin/env node
// Runs on whatever Node is at hand: the ledger needs Node 26 and hands itself over to the one that npm installed with it.
import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const cli = new URL('../dist/src/cli.js', import.meta.url);
const bundledNode = findBundledNode();

if (Number(process.versions.node.split('.')[0]) < 26 && bundledNode) {
  handOver(bundledNode);
} else {
  await import('../scripts/check-node.js');
  if (!existsSync(cli)) {
    console.error('promoledger is not built yet: run "npm run build" once.');
    process.exit(1);
  }
  await import(cli.href);
}

/** The Node of the npm package "node", wherever npm has put it; undefined when its install script never ran. */
function findBundledNode() {
  try {
    const home = dirname(createRequire(import.meta.url).resolve('node/package.json'));
    const binary = join(home, 'bin', process.platform === 'win32' ? 'node.exe' : 'node');
    return existsSync(binary) ? binary : undefined;
  } catch {
    return undefined;
  }
}

/** Runs this very command on another Node, passes signals on, and ends as it ends. */
function handOver(node) {
  const args = [...process.execArgv, fileURLToPath(import.meta.url), ...process.argv.slice(2)];
  const child = spawn(node, args, { stdio: 'inherit' });
  const signals = ['SIGINT', 'SIGTERM', 'SIGHUP'];
  for (const signal of signals) process.on(signal, () => child.kill(signal));
  child.on('error', (error) => {
    console.error(`promoledger cannot start ${node}: ${error.message}`);
    process.exit(1);
  });
  child.on('exit', (code, signal) => {
    if (signal) {
      // Our own handler would swallow it, and the caller must see the same end.
      for (const each of signals) process.removeAllListeners(each);
      process.kill(process.pid, signal);
    } else {
      process.exitCode = code ?? 1;
    }
  });
}
