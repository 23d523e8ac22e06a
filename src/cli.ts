import 'reflect-metadata';
import { setFlagsFromString } from 'node:v8';
import { Command } from 'commander';
import { Checkpoints } from './audit/seals/checkpoints.js';
import { addAuditCommands } from './cli/audit.js';
import { addBooksCommands } from './cli/books.js';
import { addExportCommand } from './cli/export.js';
import { addKeyCommand } from './cli/keys.js';
import { addKnowledgeCommands } from './cli/knowledge.js';
import { addLedgerCommands } from './cli/ledger.js';
import { addLifeCommands } from './cli/life.js';
import { stopOnSignals } from './cli/stop.js';
import { DIFFERS, print, REFUSED, RefusedError } from './cli/shell.js';
import { CopyRefusedError } from './event-store/copy.js';
import { ReadOnlyError } from './event-store/read-only.js';
import { EventStore } from './event-store/event-store.js';
import { isOnLoopback } from './http/auth/identify.js';
import { createHttpApp } from './main.js';
import { Webhooks } from './notices/webhooks.js';
import { Observability } from './observability/observability.js';
import { Scheduler } from './scheduler.js';
import { addProjectionCommands } from './server-projections/command.js';
import { loadSettings, SettingsError, storeShown } from './settings.js';
import { checkPlaces, faultOfClock } from './start-checks.js';

/**
 * Where there is much memory, V8 lets the old generation grow to four times what lives before it collects: of an import
 * and of a rebuild, whose events live a moment longer than the young generation keeps them, it is mostly garbage. A quarter
 * again takes 120 MB from their peak, and no throughput that was to be measured. The young generation stays as large as
 * loading all this has made it: twice that, which it would come to, takes 30 MB more and spares next to nothing.
 */
setFlagsFromString('--heap-growing-percent=25');
setFlagsFromString('--semi-space-growth-factor=1');

const REFUSALS = [RefusedError, CopyRefusedError, ReadOnlyError];

const program = new Command('promoledger')
  .description('An event-sourced, bitemporal ledger for advertising promotional credits.')
  .showHelpAfterError()
  .exitOverride();

program
  .command('serve')
  .description('serve the API')
  .option('--read-only', 'answer questions, and record nothing')
  .action(serve);
addLedgerCommands(program);
addKeyCommand(program);
addKnowledgeCommands(program);
addAuditCommands(program);
addBooksCommands(program);
addExportCommand(program);
addLifeCommands(program);

addProjectionCommands(program, {
  settings: () => loadSettings(process.env),
  print,
  refuse: (detail) => {
    throw new RefusedError(detail);
  },
  failed: () => void (process.exitCode = 1),
  differs: () => void (process.exitCode = DIFFERS),
});

async function serve({ readOnly }: { readOnly?: boolean }): Promise<void> {
  const settings = loadSettings({ ...process.env, ...(readOnly ? { PROMOLEDGER_READ_ONLY: 'on' } : {}) });
  const isOpen = settings.auth === null;
  if (isOpen && !(await isOnLoopback(settings.host))) {
    throw new SettingsError([
      `HOST ${settings.host} is reached from elsewhere, and nothing says how callers are known: ` +
        'set PROMOLEDGER_API_KEYS or PROMOLEDGER_AUTH_JWKS, or listen on 127.0.0.1',
    ]);
  }
  const { faults, warnings } = await checkPlaces(settings);
  if (faults.length > 0) throw new SettingsError(faults);
  const app = await createHttpApp(settings);
  const { log } = app.get(Observability);
  const clock = await faultOfClock(app.get(EventStore), Date.now());
  for (const warning of clock === null ? warnings : [...warnings, clock]) log.write('warn', 'promoledger', warning);
  stopOnSignals(
    () => app.close(),
    (level, message) => log.write(level, 'promoledger', message),
  );
  await app.listen(settings.port, settings.host);
  if (settings.scheduler) {
    app.get(Scheduler).start();
    app.get(Checkpoints).start();
  }
  if (!settings.readOnly) app.get(Webhooks).start();
  const where = `${await app.getUrl()}/v1 from ${storeShown(settings.store)}`;
  const toWhom = isOpen ? '; without authentication, so on loopback only' : '';
  const how = settings.readOnly ? '; it is read-only' : '';
  log.write('info', 'promoledger', `promoledger serves ${where}${toWhom}; the API is described at /docs${how}`);
}

try {
  await program.parseAsync();
} catch (error) {
  if (error instanceof Error && 'exitCode' in error) {
    // Commander has told it already.
    process.exitCode = error.exitCode === 0 ? 0 : REFUSED;
  } else {
    console.error(`promoledger: ${error instanceof Error ? error.message : String(error)}`);
    process.exitCode = REFUSALS.some((refusal) => error instanceof refusal) ? REFUSED : 1;
  }
}
