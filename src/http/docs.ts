import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import { openApiDocument } from './openapi.js';
import { NEEDING_NOTHING } from './scopes.js';

/** The files of Swagger UI that the page needs, from the copy that @nestjs/swagger brings along. */
const ASSETS: Readonly<Record<string, string>> = {
  'swagger-ui.css': 'text/css; charset=utf-8',
  'swagger-ui-bundle.js': 'text/javascript; charset=utf-8',
};

const PAGE = `<!doctype html>
<html lang="en">
  <head>
    <meta charset="utf-8">
    <meta name="viewport" content="width=device-width, initial-scale=1">
    <title>promoledger</title>
    <link rel="stylesheet" href="/docs/swagger-ui.css">
  </head>
  <body>
    <div id="ui"></div>
    <script src="/docs/swagger-ui-bundle.js"></script>
    <script src="/docs/start.js"></script>
  </body>
</html>
`;

const START = `SwaggerUIBundle({ url: '/openapi.json', dom_id: '#ui', deepLinking: true });\n`;

/** Serves `/openapi.json` and, at `/docs`, a page to browse it. The three routes need no plugin for static files. */
export function serveDocs(app: NestFastifyApplication): void {
  const document = JSON.stringify(openApiDocument(app));
  const own = createRequire(import.meta.url);
  const ui = dirname(createRequire(own.resolve('@nestjs/swagger')).resolve('swagger-ui-dist/package.json'));
  const fastify = app.getHttpAdapter().getInstance();
  // The interface is no secret; what is behind it is.
  const open = { config: NEEDING_NOTHING };
  fastify.get('/openapi.json', open, (_, reply) => reply.type('application/json').send(document));
  fastify.get('/docs', open, (_, reply) => reply.type('text/html; charset=utf-8').send(PAGE));
  fastify.get('/docs/start.js', open, (_, reply) => reply.type('text/javascript; charset=utf-8').send(START));
  for (const [name, type] of Object.entries(ASSETS)) {
    fastify.get(`/docs/${name}`, open, async (_, reply) => reply.type(type).send(await readFile(join(ui, name))));
  }
}
