import { spawnSync } from 'node:child_process';

/**
 * Asks the registry for known vulnerabilities of what is installed to run the service. Ends with 0 when it knows of none
 * that is high or critical, 1 when it does, and 2 when it cannot tell: some mirrors have no audit endpoint, and no answer
 * is not a good one.
 */
const SEVERE = ['high', 'critical'];

process.exitCode = audited('to run the service', ['--omit=dev'], (all) => all.prod);
// What builds and tests it runs on the machines of those who build it: reported, and no reason to stop a release.
audited('to build and test it, too', [], (all) => all.total);

/** 0, 1 or 2, as above. */
function audited(what, options, countOf) {
  const { stdout } = spawnSync('npm', ['audit', ...options, '--json'], {
    encoding: 'utf8',
    shell: process.platform === 'win32',
  });
  const report = parsed(stdout);
  const counts = report?.metadata?.vulnerabilities;
  if (!counts) {
    // The registry's own words may name an address that is nobody's business in a log.
    console.error(`audit: NOT AUDITED, ${what}: the registry that npm is set to has no answer to "npm audit".`);
    return 2;
  }
  const found = SEVERE.reduce((sum, severity) => sum + counts[severity], 0);
  for (const { name, severity, range } of Object.values(report.vulnerabilities)) {
    if (SEVERE.includes(severity)) console.error(`audit: ${severity}: ${name} ${range}`);
  }
  const packages = countOf(report.metadata.dependencies);
  console.log(`audit: ${packages} packages ${what}, ${found} with known high or critical vulnerabilities`);
  return found > 0 ? 1 : 0;
}

function parsed(text) {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
