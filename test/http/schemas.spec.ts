import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import { TERMS_SCHEMA } from '../../src/promotions/terms-schema.js';
import { appOf, Fakes } from './fakes.js';

let app: NestFastifyApplication;
beforeAll(async () => {
  app = await appOf(new Fakes());
});
afterAll(() => app.close());

const get = (url: string) => app.inject({ method: 'GET', url });

describe('the schema of promotion terms', () => {
  it('is served as what it is', async () => {
    const response = await get('/v1/schemas/promotion-terms');
    expect(response.statusCode).toBe(200);
    expect(response.headers['content-type']).toMatch(/^application\/schema\+json\b/);
    expect(response.json()).toEqual(TERMS_SCHEMA);
  });

  it('takes no query', async () => {
    const response = await get('/v1/schemas/promotion-terms?version=2');
    expect(response.json()).toMatchObject({ code: 'invalid-command', errors: [{ path: '/version' }] });
  });

  it('is in the OpenAPI document', async () => {
    const { paths } = (await get('/openapi.json')).json<{ paths: Record<string, { get: { responses: object } }> }>();
    expect(paths['/v1/schemas/promotion-terms']?.get.responses).toMatchObject({
      200: { content: { 'application/schema+json': {} } },
    });
  });

  it('is the only one', async () => {
    expect((await get('/v1/schemas/terms')).json()).toMatchObject({ code: 'not-found' });
  });
});
