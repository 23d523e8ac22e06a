import { spawnSync } from 'node:child_process';
import { globSync, readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { createClient } from '@hey-api/openapi-ts';

/**
 * Writes the TypeScript client of the document that the built service serves: `npm run client`. It is committed under
 * client/, so that a change of the interface shows in a diff; test/client/client.spec.ts fails while it is not what the
 * document says. With a folder as argument it is written there instead.
 */
const ROOT = fileURLToPath(new URL('..', import.meta.url));
const folder = process.argv[2] ?? `${ROOT}client`;

const { createHttpApp } = (await import(`${ROOT}dist/src/main.js`)) as typeof import('../src/main.js');
const { loadSettings } = (await import(`${ROOT}dist/src/settings.js`)) as typeof import('../src/settings.js');

const app = await createHttpApp(loadSettings({ PROMOLEDGER_STORE: 'memory:', PROMOLEDGER_LOG_LEVEL: 'error' }));
await app.init();
const document = (await app.inject('/openapi.json')).json<Record<string, unknown>>();
await app.close();

await createClient({
  input: document,
  output: { path: folder, importFileExtension: '.js', clean: true },
  plugins: ['@hey-api/typescript', '@hey-api/sdk', '@hey-api/client-fetch'],
  logs: { level: 'silent' },
});
// The operations and their types are checked with whatever options their user has. What the generator brings along,
// the same for every document, is written for looser ones than some.
for (const file of globSync('{client,core}/*.ts', { cwd: folder })) {
  const path = `${folder}/${file}`;
  writeFileSync(path, `// @ts-nocheck\n${readFileSync(path, 'utf8')}`);
}
const prettier = fileURLToPath(new URL('bin/prettier.cjs', import.meta.resolve('prettier/package.json')));
const options = ['--write', '--log-level', 'warn', '--config', `${ROOT}.prettierrc.json`, folder];
const { status } = spawnSync(process.execPath, [prettier, ...options], { stdio: 'inherit' });
process.exitCode = status ?? 1;
