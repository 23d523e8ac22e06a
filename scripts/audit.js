import { spawnSync } from 'node:child_process';

/**
 * Asks the registry for known vulnerabilities of what is installed to run the service. Ends with 0 when it knows of none
 * that is high or critical, 1 when it does, and 2 when it cannot tell: some mirrors have no audit endpoint, and no answer
 * is not a good one.
 */
const SEVERE = ['high', 'critical'];

const { stdout } = spawnSync('npm', ['audit', '--omit=dev', '--json'], {
  encoding: 'utf8',
  shell: process.platform === 'win32',
});
const report = parsed(stdout);
const counts = report?.metadata?.vulnerabilities;

if (!counts) {
  // The registry's own words may name an address that is nobody's business in a log.
  console.error('audit: NOT AUDITED. The registry that npm is set to has no answer to "npm audit"; ask another one.');
  process.exitCode = 2;
} else {
  const found = SEVERE.reduce((sum, severity) => sum + counts[severity], 0);
  for (const { name, severity, range } of Object.values(report.vulnerabilities)) {
    if (SEVERE.includes(severity)) console.error(`audit: ${severity}: ${name} ${range}`);
  }
  console.log(
    `audit: ${report.metadata.dependencies.prod} packages, ${found} with known high or critical vulnerabilities`,
  );
  process.exitCode = found > 0 ? 1 : 0;
}

function parsed(text) {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
