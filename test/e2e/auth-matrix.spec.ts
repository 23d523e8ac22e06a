import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { needing, type Need, type Reach, type Scope, SCOPES } from '../../src/http/scopes.js';
import { DOTLESS_IDENTIFIER, IDENTIFIER } from '../../src/kernel/identifiers.js';
import { type Guarded, startGuarded } from '../support/guarded.js';

const need = (reach: Reach, ...anyOf: Scope[]): Need => ({ anyOf, reach });

/** What each route is to need, said here once more and by hand. The routes themselves are asked of the running service. */
const NEEDS: Readonly<Record<string, Need | 'nothing'>> = {
  'GET /health/live': 'nothing',
  'GET /health/ready': 'nothing',
  'GET /openapi.json': 'nothing',
  'GET /docs': 'nothing',
  'GET /docs/start.js': 'nothing',
  'GET /docs/swagger-ui.css': 'nothing',
  'GET /docs/swagger-ui-bundle.js': 'nothing',
  'GET /metrics': need('unbound', 'audit:read'),
  'POST /v1/commands': need('own', 'facts:write', 'grants:write'),
  'POST /v1/import': need('own', 'facts:write', 'grants:write'),
  'GET /v1/accounts': need('own', 'ledger:read'),
  'GET /v1/accounts/:advertiserId/:marketplace/balance': need('path', 'ledger:read'),
  'GET /v1/accounts/:advertiserId/:marketplace/statement': need('path', 'ledger:read'),
  'GET /v1/accounts/:advertiserId/:marketplace/clicks/:clickId': need('path', 'ledger:read'),
  'GET /v1/accounts/:advertiserId/:marketplace/qualification': need('path', 'ledger:read'),
  'POST /v1/expiry-runs': need('unbound', 'runs:execute'),
  'GET /v1/convert': need('anybody', 'ledger:read'),
  'GET /v1/promotions': need('anybody', 'ledger:read'),
  'POST /v1/promotions/preview': need('unbound', 'audit:read'),
  'GET /v1/promotions/:promotionId': need('anybody', 'ledger:read'),
  'GET /v1/promotions/:promotionId/disbursements': need('own', 'ledger:read'),
  'POST /v1/promotions/:promotionId/disbursements/:date': need('unbound', 'runs:execute'),
  'GET /v1/schemas/promotion-terms': need('anybody', 'ledger:read'),
  'GET /v1/events': need('unbound', 'audit:read'),
  'GET /v1/events/live': need('unbound', 'audit:read'),
  'GET /v1/journal': need('unbound', 'audit:read'),
  'GET /v1/trial-balance': need('unbound', 'audit:read'),
  'GET /v1/liability': need('unbound', 'audit:read'),
  'GET /v1/exports/log': need('unbound', 'audit:read'),
  'GET /v1/exports/:format': need('unbound', 'audit:read'),
  'GET /v1/periods': need('unbound', 'audit:read'),
  'GET /v1/periods/:period': need('unbound', 'audit:read'),
  'GET /v1/periods/:period/late-facts': need('unbound', 'audit:read'),
  'POST /v1/periods/:period/close': need('unbound', 'admin'),
  'GET /v1/audit/status': need('unbound', 'audit:read'),
  'GET /v1/audit/key': need('anybody', 'audit:read'),
  'GET /v1/audit/checkpoints': need('unbound', 'audit:read'),
  'POST /v1/audit/checkpoints': need('unbound', 'admin'),
  'GET /v1/audit/checkpoints/latest': need('unbound', 'audit:read'),
  'GET /v1/audit/proofs/inclusion': need('unbound', 'audit:read'),
  'GET /v1/audit/proofs/consistency': need('unbound', 'audit:read'),
  'GET /v1/diff': need('unbound', 'audit:read'),
  'GET /v1/diff/:advertiserId/:marketplace': need('path', 'audit:read'),
  'GET /v1/reports/gap': need('unbound', 'audit:read'),
  'GET /v1/notices': need('own', 'ledger:read'),
  'GET /v1/notices/live': need('own', 'ledger:read'),
  'GET /v1/webhooks': need('unbound', 'admin'),
  'GET /v1/webhooks/dead-letters': need('unbound', 'admin'),
  'POST /v1/webhooks/dead-letters/:id/resend': need('unbound', 'admin'),
  'POST /v1/webhooks/:endpoint/resend': need('unbound', 'admin'),
  'POST /v1/admin/backups': need('unbound', 'admin'),
  'GET /v1/admin/backups': need('unbound', 'admin'),
  'GET /v1/admin/read-models': need('unbound', 'admin'),
  'POST /v1/admin/read-models/rebuild': need('unbound', 'admin'),
  'DELETE /v1/webhooks/dead-letters/:id': need('unbound', 'admin'),
  'DELETE /v1/webhooks/:endpoint/dead-letters': need('unbound', 'admin'),
};

const BINDINGS: readonly [name: string, claims: Record<string, unknown>][] = [
  ['unbound', {}],
  ['bound to advertisers', { promoledger_advertisers: ['adv-1'] }],
  ['bound to marketplaces', { promoledger_marketplaces: ['DE'] }],
  ['bound to both', { promoledger_advertisers: ['adv-1'], promoledger_marketplaces: ['DE'] }],
  ['bound to nobody', { promoledger_advertisers: [] }],
];

let service: Guarded;
beforeAll(async () => {
  service = await startGuarded();
});
afterAll(() => service.stop());

/** The routes that answer, from the router's own drawing of its tree: `GET /v1/…`, without the HEAD that goes with each GET. */
function routesOf(tree: string): string[] {
  const routes: string[] = [];
  const above: string[] = [];
  for (const line of tree.split('\n')) {
    const [, indent = '', piece = '', methods] = /^((?:[│ ] {3})*)[├└]── (\S*)(?: \(([A-Z, ]+)\))?/.exec(line) ?? [];
    above.splice(indent.length / 4, Infinity, piece);
    for (const method of methods?.split(', ') ?? []) if (method !== 'HEAD') routes.push(`${method} ${above.join('')}`);
  }
  return routes.sort();
}

const PARAMETERS: Readonly<Record<string, string>> = { advertiserId: 'adv-1', marketplace: 'DE', date: '2022-10-04' };
const pathOf = (route: string): [method: string, path: string] => {
  const [method, path] = route.split(' ') as [string, string];
  return [method, path.replaceAll(/:(\w+)/g, (_, name: string) => PARAMETERS[name] ?? 'some')];
};

describe('every route', () => {
  it('is in this table, and every row of it is a route', () => {
    const tree = service.app.getHttpAdapter().getInstance().printRoutes({ commonPrefix: false });
    expect(routesOf(tree)).toEqual(Object.keys(NEEDS).sort());
  });

  it('that needs nobody known answers everybody, and no other does', async () => {
    for (const [route, needed] of Object.entries(NEEDS)) {
      const answer = await service.call(...pathOf(route));
      const isLetIn = answer.status !== 401;
      expect([route, isLetIn]).toEqual([route, needed === 'nothing']);
      const head = route.startsWith('GET ') ? await service.call('HEAD', pathOf(route)[1]) : answer;
      expect([route, head.status === 401]).toEqual([route, needed !== 'nothing']);
    }
  });

  describe.each(BINDINGS)('a caller %s', (_, claims) => {
    it.each([...SCOPES, 'none'])('with the scope %s passes where it may, and only there', async (scope) => {
      const token = await service.provider.token({ ...claims, scope: scope === 'none' ? 'openid' : scope });
      const isBound = Object.keys(claims).length > 0;
      for (const [route, needed] of Object.entries(NEEDS)) {
        const may =
          needed === 'nothing' ||
          ((scope === 'admin' || needed.anyOf.some((each) => each === scope)) &&
            !(isBound && needed.reach === 'unbound'));
        const { status, body, headers } = await service.call(...pathOf(route), token);
        const isTurnedAway = status === 401 || status === 403;
        expect([route, isTurnedAway ? [status, body.code] : 'passes']).toEqual([
          route,
          may ? 'passes' : [403, 'forbidden'],
        ]);
        if (!may) {
          const challenge = `Bearer realm="promoledger", error="insufficient_scope", scope="${needed.anyOf.join(' ')}"`;
          expect(headers.get('www-authenticate')).toBe(challenge);
        }
      }
    });
  });

  it('says in the OpenAPI document what it needs', async () => {
    const { body } = await service.call('GET', '/openapi.json');
    const paths = body['paths'] as Record<string, Record<string, Record<string, unknown>>>;
    for (const [route, needed] of Object.entries(NEEDS)) {
      const [method, path] = route.split(' ') as [string, string];
      const operation = paths[path.replaceAll(/:(\w+)/g, '{$1}')]?.[method.toLowerCase()];
      if (!operation) continue;
      expect([route, operation['x-promoledger-needs']]).toEqual([route, needed === 'nothing' ? undefined : needed]);
      expect([route, operation['security']]).toEqual([
        route,
        needed === 'nothing' ? undefined : [{ bearer: needed.anyOf }],
      ]);
    }
    expect(body['components']).toMatchObject({ securitySchemes: { bearer: { type: 'http', scheme: 'bearer' } } });
  });
});

describe('a route', () => {
  it('that declares nothing answers nobody, not even who may do everything', async () => {
    const other = await startGuarded({}, (fastify) => fastify.get('/v1/forgotten', () => 'secret'));
    const token = await other.provider.token({ scope: 'admin' });
    const answer = await other.call('GET', '/v1/forgotten', token);
    expect([answer.status, answer.body.code, answer.text.includes('secret')]).toEqual([403, 'forbidden', false]);
    await other.stop();
  });

  it('that says its path names the account, and names none, answers no bound caller', async () => {
    const config = needing('ledger:read', 'path');
    const other = await startGuarded({}, (fastify) => {
      fastify.get('/v1/of/:marketplace', { config }, () => 'secret');
      fastify.get(
        '/v1/who/:advertiserId',
        { config },
        ({ params }) => (params as { advertiserId: string }).advertiserId,
      );
    });
    const asked = async (path: string, claims: object) =>
      other.call('GET', path, await other.provider.token({ scope: 'ledger:read', ...claims }));
    expect((await asked('/v1/of/DE', {})).text).toBe('secret');
    expect((await asked('/v1/of/DE', { promoledger_advertisers: ['adv-1'] })).status).toBe(403);
    expect((await asked('/v1/who/adv-1', { promoledger_advertisers: ['adv-1'] })).text).toBe('adv-1');
    for (const claims of [{ promoledger_advertisers: ['adv-2'] }, { promoledger_marketplaces: ['DE'] }]) {
      const { text } = await asked('/v1/who/adv-1', claims);
      // No account can be opened under the name that stands in for others.
      expect([text, DOTLESS_IDENTIFIER.test(text), IDENTIFIER.test(text)]).toEqual(['(nobody)', false, false]);
    }
    await other.stop();
  });
});
