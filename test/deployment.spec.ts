import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { createRequire } from 'node:module';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, describe, expect, it } from '@jest/globals';
import { loadSettings } from '../src/settings.js';

const ROOT = fileURLToPath(new URL('..', import.meta.url));
const text = (file: string) => readFileSync(join(ROOT, file), 'utf8');

interface Service {
  readonly image: string;
  readonly profiles?: readonly string[];
  readonly environment?: Readonly<Record<string, string>>;
  readonly ports?: readonly string[];
  readonly volumes: readonly string[];
  readonly entrypoint?: readonly string[];
  readonly command?: readonly string[];
  readonly depends_on?: Readonly<Record<string, { condition: string }>>;
  readonly healthcheck?: { readonly test: readonly string[] };
  readonly read_only?: boolean;
  readonly cap_drop?: readonly string[];
  readonly security_opt?: readonly string[];
}

interface Compose {
  readonly services: Readonly<Record<string, Service>>;
  readonly volumes: Readonly<Record<string, null>>;
}

/** A reader of YAML comes with @nestjs/swagger; Compose merges maps with `<<`, as YAML 1.1 does. */
function readCompose(): Compose {
  const require = createRequire(createRequire(import.meta.url).resolve('@nestjs/swagger'));
  const { load, YAML11_SCHEMA } = require('js-yaml') as {
    load: (text: string, options: { schema: unknown }) => unknown;
    YAML11_SCHEMA: unknown;
  };
  return load(text('docker-compose.yml'), { schema: YAML11_SCHEMA }) as Compose;
}

const compose = readCompose();
const services = Object.entries(compose.services);
const OURS = services.filter(([, { image }]) => image === 'promoledger');
const NODES = services.filter(([, { image }]) => image.includes('/kurrentdb:'));

const PASSWORDS: Readonly<Record<string, string>> = { KURRENTDB_ADMIN_PASSWORD: 'a1', KURRENTDB_OPS_PASSWORD: 'o1' };

/** As Compose does with these variables: `${NAME:-default}` is the default where it is not set, and `$$` a dollar. */
const interpolated = (value: string) =>
  value
    .replaceAll(/(?<!\$)\$\{(\w+):-(\w*)\}/g, (_, name: string, other: string) => PASSWORDS[name] ?? other)
    .replaceAll('$$', '$');

describe('docker-compose.yml', () => {
  it('starts the service on one node, and with the profile "cluster" on three', () => {
    const names = (profile?: string) =>
      services.filter(([, { profiles = [] }]) => profiles[0] === profile).map(([name]) => name);
    expect(names()).toEqual(['promoledger', 'kurrentdb']);
    expect(names('cluster')).toEqual(['promoledger-cluster', 'certificates', 'node1', 'node2', 'node3']);
  });

  it('pins every image that it does not build', () => {
    const others = services.map(([, { image }]) => image).filter((image) => image !== 'promoledger');
    for (const image of others) expect(image).toMatch(/:\d+\.\d+\.\d+$/);
  });

  it.each(OURS)('%s sets what the service reads, and starts by it', (_, { environment }) => {
    const given: Record<string, string> = Object.fromEntries(
      // The authority's file is there only in the container; any file will do here.
      Object.entries(environment!).map(([name, value]) => [
        name,
        interpolated(value).replace(/(?<=tlsCAFile=)[^&]*/, join(ROOT, 'LICENSE')),
      ]),
    );
    const read = new Set<string>();
    const env = new Proxy(given, {
      get: (target, name: string) => {
        read.add(name);
        return target[name];
      },
    });
    expect(loadSettings(env).store).toBe(given['PROMOLEDGER_STORE']);
    expect(Object.keys(given).filter((name) => !read.has(name))).toEqual([]);
  });

  it.each(OURS)('%s may do and write as little as it needs', (_, service) => {
    expect(service).toMatchObject({
      read_only: true,
      tmpfs: ['/tmp'],
      cap_drop: ['ALL'],
      security_opt: ['no-new-privileges:true'],
    });
    const written = service.volumes.filter((volume) => !volume.endsWith(':ro'));
    expect(written.map((volume) => volume.split(':')[1])).toEqual(['/data']);
  });

  it('lets nobody in but this machine, and no two at the same door', () => {
    const ports = services.flatMap(([, { ports = [] }]) => ports);
    for (const port of ports) expect(port).toMatch(/^127\.0\.0\.1:\d+:\d+$/);
    const doors = ports.map((port) => port.split(':')[1]);
    expect(new Set(doors).size).toBe(doors.length);
  });

  it('waits for health only where it is checked, and keeps what it says on volumes that there are', () => {
    for (const [, { depends_on = {}, volumes }] of services) {
      for (const [name, { condition }] of Object.entries(depends_on)) {
        const waited = compose.services[name];
        expect(waited).toBeDefined();
        if (condition === 'service_healthy') expect(waited!.healthcheck?.test.length).toBeGreaterThan(1);
      }
      for (const volume of volumes) expect(Object.keys(compose.volumes)).toContain(volume.split(':')[0]);
    }
    const data = NODES.map(([, { volumes }]) => volumes.find((volume) => volume.endsWith(':/var/lib/kurrentdb')));
    expect(new Set(data).size).toBe(4);
  });

  describe('passwords of the cluster', () => {
    const { entrypoint, command } = compose.services['certificates']!;
    // The rest makes certificates.
    const [check] = interpolated(command![0]!).split('cd /certificates');
    const checked = async (env: Readonly<Record<string, string>>) => {
      const [shell, ...args] = entrypoint!;
      const child = spawn(shell!, [...args, check!], {
        env: { PATH: process.env['PATH'], ...env },
        stdio: ['ignore', 'ignore', 'pipe'],
      });
      const said: unknown[] = [];
      child.stderr.on('data', (data) => said.push(data));
      const [code] = (await once(child, 'close')) as unknown[];
      return { code, said: said.join('') };
    };

    it('have no default, and the single node does without', () => {
      const asked = [...text('docker-compose.yml').matchAll(/(?<!\$)\$\{(\w+)([^}]*)\}/g)];
      expect(new Set(asked.map(([, name]) => name))).toEqual(new Set(Object.keys(PASSWORDS)));
      // Compose fills in the whole file, whatever the profile: `:?` would ask for them in vain.
      expect(new Set(asked.map(([, , otherwise]) => otherwise))).toEqual(new Set([':-']));
    });

    it.each(Object.keys(PASSWORDS))('must be set before a node starts: %s', async (name) => {
      const { [name]: _, ...others } = PASSWORDS;
      for (const env of [others, { ...others, [name]: '' }]) {
        const refused = await checked(env);
        expect(refused.code).not.toBe(0);
        expect(refused.said).toContain(`${name}: must be set`);
      }
    });

    it('are the way in for nodes and service', async () => {
      expect(await checked(PASSWORDS)).toEqual({ code: 0, said: '' });
      for (const [, { profiles = [], environment = {}, depends_on }] of NODES) {
        if (!profiles.includes('cluster')) continue;
        expect(interpolated(environment['KURRENTDB_DEFAULT_ADMIN_PASSWORD']!)).toBe('a1');
        expect(interpolated(environment['KURRENTDB_DEFAULT_OPS_PASSWORD']!)).toBe('o1');
        expect(depends_on).toEqual({ certificates: { condition: 'service_completed_successfully' } });
      }
      const store = compose.services['promoledger-cluster']!.environment!['PROMOLEDGER_STORE']!;
      expect(interpolated(store)).toContain('esdb://admin:a1@');
    });
  });

  it('introduces each node of the cluster to the others, by names that its certificate has', () => {
    const cluster = NODES.filter(([, { profiles = [] }]) => profiles.includes('cluster'));
    const store = compose.services['promoledger-cluster']!.environment!['PROMOLEDGER_STORE']!;
    for (const [name, { environment = {} }] of cluster) {
      const others = cluster.map(([other]) => `${other}:2113`).filter((other) => other !== `${name}:2113`);
      expect(environment).toMatchObject({
        KURRENTDB_CLUSTER_SIZE: '3',
        KURRENTDB_GOSSIP_SEED: others.join(),
        KURRENTDB_NODE_HOST_ADVERTISE_AS: name,
        KURRENTDB_REPLICATION_HOST_ADVERTISE_AS: name,
        KURRENTDB_CERTIFICATE_FILE: `/certificates/${name}/node.crt`,
      });
      expect(environment).not.toHaveProperty('KURRENTDB_INSECURE');
      expect(store).toContain(`${name}:2113`);
    }
  });
});

describe('Dockerfile', () => {
  const lines = text('Dockerfile').replaceAll('\\\n', ' ').split('\n');

  it('copies what there is, and what .dockerignore lets through', () => {
    const copied = lines
      .filter((line) => line.startsWith('COPY ') && !line.includes('--from='))
      .flatMap((line) => line.split(/ +/).slice(1, -1));
    expect(copied.filter((source) => !existsSync(join(ROOT, source)))).toEqual([]);
    const ignore = text('.dockerignore').trim().split('\n');
    expect(ignore).toContain('*');
    const kept = ignore.filter((line) => line.startsWith('!')).map((line) => line.slice(1));
    expect(kept.sort()).toEqual([...new Set(copied)].sort());
  });

  it('has the Node that everything is tested with', () => {
    const lock = JSON.parse(text('package-lock.json')) as { packages: Record<string, { version: string }> };
    expect(lines).toContain(`FROM node:${lock.packages['node_modules/node']!.version}-trixie-slim AS base`);
  });

  it('listens to others, and so asks who they are, by a file on its volume', () => {
    const [, variables] = /^ENV (.*)$/m.exec(lines.join('\n'))!;
    const env = Object.fromEntries(
      variables!
        .trim()
        .split(/ +/)
        .map((each) => each.split('=') as [string, string]),
    );
    expect(loadSettings(env)).toMatchObject({
      host: '0.0.0.0',
      auth: { tokens: null, apiKeys: '/data/api-keys.json' },
    });
  });

  it('ends as another user than root', () => {
    expect(lines.findLast((line) => line.startsWith('USER '))).toBe('USER node');
  });

  describe('health check', () => {
    const [, command] = /HEALTHCHECK .* CMD (\[.*\])/.exec(lines.join('\n'))!;
    const [, ...args] = JSON.parse(command!) as string[];
    let close = () => undefined as void;
    afterEach(() => close());

    it.each([
      [200, 0],
      [503, 1],
    ])('of a service that answers %d exits with %d', async (status, exitCode) => {
      const server = createServer(({ url }, response) =>
        response.writeHead(url === '/health/ready' ? status : 404).end(),
      );
      close = () => void server.close();
      await once(server.listen(0, '127.0.0.1'), 'listening');
      expect(await run((server.address() as AddressInfo).port)).toBe(exitCode);
    });

    it('of a service that is not there exits with 1', async () => {
      const server = createServer();
      await once(server.listen(0, '127.0.0.1'), 'listening');
      const { port } = server.address() as AddressInfo;
      await new Promise((resolve) => server.close(resolve));
      expect(await run(port)).toBe(1);
    });

    async function run(port: number): Promise<unknown> {
      const child = spawn(process.execPath, args, { env: { PORT: String(port) }, stdio: 'ignore' });
      return ((await once(child, 'exit')) as unknown[])[0];
    }
  });
});
