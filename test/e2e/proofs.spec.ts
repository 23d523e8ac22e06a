import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { ConsistencyProof, InclusionProof, SealStatus } from '../../src/audit/seals/proofs.js';
import type { Signed } from '../../src/audit/seals/checkpoints.js';
import type { Problem } from '../../src/http/problem.js';
import { opened, payable, published, rate } from '../support/history.js';
import { startService, type Service } from '../support/server.js';
import { hashOfEvent, includes, isConsistent, openSigned, readCheckpoint } from '../support/verifier.js';

const hex = (text: string) => Buffer.from(text, 'hex');

describe('proofs over HTTP, by an auditor who believes the verifier key and nothing else', () => {
  let service: Service;
  let vkey: string;
  const checkpoints: Signed[] = [];

  beforeAll(async () => {
    service = await startService({ clock: '2022-12-01T00:00:00Z' });
    await service.client.append(published());
    await service.client.append(rate('EUR', 'USD', '0.9764'));
    await service.client.append(opened('adv-1', 'DE', 'EUR'));
    checkpoints.push(await sign());
    await service.client.append(payable('adv-1', 'DE'));
    await service.client.append(opened('adv-2', 'DE', 'EUR'));
    checkpoints.push(await sign());
    vkey = (await get<{ verifierKey: string }>('key')).body.verifierKey;
  });
  afterAll(() => service.stop());

  const get = <T extends object>(path: string) => service.client.get<T>(`/v1/audit/${path}`);
  const sign = async () => (await service.client.post<Signed>('/v1/audit/checkpoints', {})).body;

  /** The signed root of a checkpoint. */
  const believed = (note: string) => {
    const { size, root } = readCheckpoint(openSigned(note, vkey));
    return { size, root };
  };

  it('a checkpoint is what its note says, and is signed again only when there is news', async () => {
    expect(checkpoints.map(({ treeSize }) => treeSize)).toEqual([3, 6]);
    for (const { note, treeSize, rootHash } of checkpoints) {
      expect(believed(note)).toEqual({ size: treeSize, root: hex(rootHash) });
    }
    expect(await sign()).toEqual(checkpoints[1]);
    const response = await fetch(`${service.client.url}/v1/audit/checkpoints/latest`);
    expect(response.headers.get('content-type')).toBe('text/plain; charset=utf-8');
    expect(await response.text()).toBe(checkpoints[1]!.note);
  });

  it('every event that a checkpoint covers is in its tree, as the log lists it', async () => {
    const { items } = (await service.client.get<{ items: { position: string; id: string }[] }>('/v1/events')).body;
    for (const { position, id } of items.slice(0, 6)) {
      const { body } = await get<InclusionProof>(`proofs/inclusion?position=${position}`);
      expect(body.event.id).toBe(id);
      expect(body.position).toBe(position);
      const { size, root } = believed(body.checkpoint!.note);
      const proof = { leafIndex: body.leafIndex, treeSize: size, path: body.path.map(hex), root };
      expect(includes({ ...proof, hash: hashOfEvent(body.event) })).toBe(true);
      expect(includes({ ...proof, hash: hashOfEvent({ ...body.event, type: 'Other' }) })).toBe(false);
      const { stream, revision } = body.event;
      const place = `stream=${encodeURIComponent(stream)}&revision=${revision}`;
      expect((await get(`proofs/inclusion?${place}`)).body).toEqual(body);
    }
    const { body } = await get<InclusionProof>('proofs/inclusion?position=2&treeSize=3');
    expect(body.checkpoint).toEqual(checkpoints[0]);
  });

  it('the first tree is the beginning of the second', async () => {
    const { body } = await get<ConsistencyProof>('proofs/consistency?from=3&to=6');
    const [first, second] = [body.from, body.to].map(({ checkpoint }) => believed(checkpoint!.note));
    expect(isConsistent({ first: first!, second: second!, path: body.path.map(hex) })).toBe(true);
    expect((await get('proofs/consistency?from=3')).body).toEqual(body);
  });

  it('lists checkpoints by page, and as they were known', async () => {
    interface Page {
      readonly items: readonly Signed[];
      readonly next: string | null;
      readonly position: string;
    }
    const first = (await get<Page>('checkpoints?limit=1')).body;
    expect(first).toMatchObject({ items: [checkpoints[0]], next: '3', knownAt: null, position: '7' });
    expect((await get<Page>('checkpoints?limit=1&cursor=3')).body).toMatchObject({
      items: [checkpoints[1]],
      next: null,
    });
    expect((await get<Page>('checkpoints?knownAt=position:6')).body).toMatchObject({
      items: [checkpoints[0]],
      knownAt: 'position:6',
      position: '6',
    });
  });

  it('says how far sealing is', async () => {
    const { body } = await get<SealStatus>('status');
    expect(body).toMatchObject({
      treeSize: 7,
      position: '7',
      head: '7',
      lagEvents: 0,
      lagSeconds: 0,
      uncoveredEvents: 1,
      lastCheckpoint: checkpoints[1],
      failure: null,
      verifierKey: vkey,
    });
  });

  it.each([
    ['proofs/inclusion', 400, 'invalid-command', '/position'],
    ['proofs/inclusion?position=1&stream=a&revision=1', 400, 'invalid-command', '/position'],
    ['proofs/inclusion?stream=a', 400, 'invalid-command', '/position'],
    ['proofs/inclusion?position=x', 400, 'invalid-command', '/position'],
    ['proofs/inclusion?position=2&treeSize=1', 400, 'invalid-command', '/treeSize'],
    ['proofs/inclusion?position=2&treeSize=99', 400, 'invalid-command', '/treeSize'],
    ['proofs/inclusion?position=0', 404, 'unknown-event', undefined],
    ['proofs/inclusion?position=99', 404, 'unknown-event', undefined],
    ['proofs/inclusion?stream=account-nobody.DE&revision=0', 404, 'unknown-event', undefined],
    ['proofs/inclusion?position=7', 404, 'no-checkpoint', undefined],
    ['proofs/consistency', 400, 'invalid-command', '/from'],
    ['proofs/consistency?from=0', 400, 'invalid-command', '/from'],
    ['proofs/consistency?from=5&to=3', 400, 'invalid-command', '/from'],
    ['proofs/consistency?from=3&to=99', 400, 'invalid-command', '/to'],
    ['checkpoints?cursor=x', 400, 'invalid-command', '/cursor'],
    ['checkpoints?limit=0', 400, 'invalid-command', '/limit'],
    ['status?asOf=now', 400, 'invalid-command', '/asOf'],
  ])('GET %s is refused with %d %s', async (path, status, code, fault) => {
    const answer = await get<Problem>(path);
    expect(answer.status).toBe(status);
    expect(answer.body.code).toBe(code);
    expect(answer.body.errors?.[0]?.path).toBe(fault);
  });

  it('no checkpoint is there before one is signed', async () => {
    const fresh = await startService();
    const ask = (path: string) => fresh.client.get<Problem>(`/v1/audit/${path}`);
    expect((await ask('checkpoints/latest')).body.code).toBe('no-checkpoint');
    expect((await ask('proofs/consistency?from=1')).body.code).toBe('no-checkpoint');
    expect((await fresh.client.post<Problem>('/v1/audit/checkpoints', {})).body.code).toBe('no-checkpoint');
    expect((await ask('checkpoints')).body).toMatchObject({ items: [], next: null, position: '0' });
    await fresh.stop();
  });
});

const CLI = fileURLToPath(new URL('../../bin/promoledger.js', import.meta.url));
const BUILT = fileURLToPath(new URL('../../dist/src/cli.js', import.meta.url));

describe('promoledger verify', () => {
  const directory = mkdtempSync(join(tmpdir(), 'promoledger-'));
  const ledger = join(directory, 'ledger.db');
  afterAll(() => rmSync(directory, { recursive: true, force: true }));

  function run(...args: string[]) {
    const env = { ...process.env, PROMOLEDGER_STORE: `sqlite:${ledger}` };
    const { status, stdout, stderr } = spawnSync(process.execPath, [CLI, ...args], { env, encoding: 'utf8' });
    return { status, stdout, stderr };
  }

  it('verifies the ledger, or its log file and checkpoints alone, and tells by its exit code', () => {
    if (!existsSync(BUILT)) throw new Error('dist/ is missing: run "npm run build" first');
    expect(run('verify')).toMatchObject({ status: 2, stderr: expect.stringContaining(`there is no file ${ledger}`) });
    expect(existsSync(ledger)).toBe(false);

    const commands = [opened('adv-1', 'DE', 'EUR'), payable('adv-1', 'DE'), rate('EUR', 'USD', '0.9764')];
    const facts = join(directory, 'facts.ndjson');
    writeFileSync(facts, commands.map((command) => `${JSON.stringify(command)}\n`).join(''));
    expect(run('import', facts).status).toBe(0);
    const checkpoint = run('checkpoint');
    expect(checkpoint.status).toBe(0);
    const vkey = /verifier key, for auditors, is ([^\s"]+)/.exec(checkpoint.stdout + checkpoint.stderr)![1]!;
    const note = `${checkpoint.stdout.slice(checkpoint.stdout.indexOf('promoledger\n'))}`;
    expect(readCheckpoint(openSigned(note, vkey)).size).toBe(3);
    const clean = run('verify', '--json');
    expect(clean.status).toBe(0);
    expect(JSON.parse(clean.stdout)).toMatchObject({ faults: [], events: 4, checkpoints: 1, signatures: 'checked' });

    // What the ledger says of itself is no fact of anybody.
    expect(run('replay', '--check').status).toBe(0);

    const [log, notes] = [join(directory, 'log.ndjson'), join(directory, 'notes')];
    writeFileSync(notes, note);
    expect(run('export', 'log', '--out', log).status).toBe(0);
    const exported = run('verify', log, '--checkpoints', notes, '--key', vkey);
    expect(exported).toMatchObject({ status: 0, stdout: expect.stringContaining('The ledger is what was sealed.') });
    expect(run('verify', log, '--key', 'nonsense').status).toBe(2);
    expect(run('verify', log, '--checkpoints', log).status).toBe(2);

    const db = new DatabaseSync(ledger);
    db.exec(`UPDATE events SET data = replace(data, 'adv-1', 'adv-2') WHERE position = 2`);
    db.close();
    const tampered = run('verify');
    expect(tampered.status).toBe(3);
    expect(tampered.stdout).toContain('altered at event 1, position 2, PaymentMethodChanged:');
    // A dozen processes, one after the other.
  }, 300_000);
});
