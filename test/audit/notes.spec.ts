import { generateKeyPairSync } from 'node:crypto';
import { readFileSync, statSync, writeFileSync } from 'node:fs';
import { afterAll, describe, expect, it } from '@jest/globals';
import {
  checkpointText,
  NoteError,
  openNote,
  parseCheckpoint,
  parseVerifierKey,
  signNote,
  splitNotes,
  verifierKey,
} from '../../src/audit/seals/notes.js';
import { SigningKey, SigningKeyError } from '../../src/audit/seals/signing-key.js';
import type { Instant } from '../../src/kernel/instant.js';
import { openSigned, readCheckpoint } from '../support/verifier.js';
import { temporaryFolder } from './sealed-ledger.js';

/** The example in the documentation of golang.org/x/mod/sumdb/note. */
const PETER = 'PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW';
const NEUMANN = [
  'If you think cryptography is the answer to your problem,',
  "then you don't know what your problem is.",
  '',
  '\u2014 PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=',
  '',
].join('\n');

const { privateKey } = generateKeyPairSync('ed25519');
const NAME = 'ledger.example.com/2022';
const VKEY = verifierKey(NAME, privateKey);
const CHECKPOINT = {
  origin: NAME,
  treeSize: 42,
  rootHash: Buffer.alloc(32, 7),
  signedAt: '2022-10-05T13:00:00.000Z' as Instant,
};
const NOTE = signNote(checkpointText(CHECKPOINT), NAME, privateKey);

const folder = temporaryFolder();
afterAll(() => folder.remove());

describe('a signed note', () => {
  it('is read as other programs sign it', () => {
    const text = NEUMANN.slice(0, NEUMANN.indexOf('\n\n') + 1);
    expect(openNote(NEUMANN, [parseVerifierKey(PETER)])).toBe(text);
    expect(openSigned(NEUMANN, PETER)).toBe(text);
  });

  it('is one that the other verifier believes, and its checkpoint has the lines that witnesses read', () => {
    const text = openSigned(NOTE, VKEY);
    expect(text).toBe(checkpointText(CHECKPOINT));
    expect(readCheckpoint(text)).toEqual({
      origin: NAME,
      size: 42,
      root: CHECKPOINT.rootHash,
      extensions: ['signed-at 2022-10-05T13:00:00.000Z'],
    });
    expect(parseCheckpoint(openNote(NOTE, [parseVerifierKey(VKEY)]))).toEqual(CHECKPOINT);
  });

  it('bears signatures of witnesses, which are passed over', () => {
    const witness = generateKeyPairSync('ed25519').privateKey;
    const line = signNote(checkpointText(CHECKPOINT), 'witness.example', witness).split('\n').at(-2)!;
    const cosigned = `${NOTE}${line}\n`;
    expect(openNote(cosigned, [parseVerifierKey(VKEY)])).toBe(checkpointText(CHECKPOINT));
    expect(openNote(cosigned, [parseVerifierKey(verifierKey('witness.example', witness))])).toBe(
      checkpointText(CHECKPOINT),
    );
  });

  it('is refused with whatever byte of it changed', () => {
    const verifiers = [parseVerifierKey(VKEY)];
    for (let at = 0; at < NOTE.length; at += 1) {
      const other = String.fromCharCode(NOTE.charCodeAt(at) ^ 1);
      const changed = NOTE.slice(0, at) + other + NOTE.slice(at + 1);
      expect(() => openNote(changed, verifiers)).toThrow(NoteError);
    }
  });

  it('is refused when somebody else signed it, or nobody', () => {
    const other = generateKeyPairSync('ed25519').privateKey;
    const refused = (note: string, reason: string) =>
      expect(() => openNote(note, [parseVerifierKey(VKEY)])).toThrow(reason);
    refused(signNote(checkpointText(CHECKPOINT), NAME, other), 'nobody signed it whose key is known');
    refused(checkpointText(CHECKPOINT), 'it is no signed note');
    refused('', 'it is no signed note');
  });

  it.each([
    ['no text', ''],
    [
      'a size with a zero in front',
      'l\n042\nBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwc=\nsigned-at 2022-10-05T13:00:00.000Z\n',
    ],
    ['a short root', 'l\n42\nBwc=\nsigned-at 2022-10-05T13:00:00.000Z\n'],
    ['no time', 'l\n42\nBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwc=\n'],
    ['another line', `${checkpointText(CHECKPOINT)}more\n`],
  ])('is no checkpoint with %s', (_, text) => {
    expect(() => parseCheckpoint(text)).toThrow('it is no checkpoint of a ledger');
  });

  it('stands with others in a file, in which nothing else may stand', () => {
    expect(splitNotes(`${NOTE}${NEUMANN}\n${NOTE}`)).toEqual([NOTE, NEUMANN, NOTE]);
    expect(splitNotes('')).toEqual([]);
    expect(() => splitNotes(`${NOTE}hello\n`)).toThrow('this belongs to no signed note: hello');
  });
});

describe('a verifier key', () => {
  it.each([
    ['no key', 'nonsense', 'a verifier key is name+id+key'],
    ['another id', VKEY.replace(/\+[0-9a-f]{8}\+/, '+00000000+'), 'is not that of its name and key'],
    ['another algorithm', PETER.replace('ARpc', 'BBpc'), 'is not one of Ed25519'],
  ])('is refused with %s', (_, text, reason) => {
    expect(() => parseVerifierKey(text)).toThrow(reason);
  });
});

describe('the signing key', () => {
  const open = (path: string, told: string[], mayCreate = true) =>
    new SigningKey({ name: NAME, path, mayCreate, report: (message) => told.push(message) });

  it('is made when it is first needed, for its owner alone, told once, and kept', () => {
    const told: string[] = [];
    const path = folder.path('made.key');
    expect(open(path, told).verifier()).toBeNull();
    const first = open(path, told);
    expect(told).toEqual([]);
    const vkey = first.verifierKey();
    expect(told).toEqual([`a signing key was made: ${path}; its verifier key, for auditors, is ${vkey}`]);
    expect(statSync(path).mode & 0o777).toBe(0o600);
    expect(open(path, told).verifierKey()).toBe(vkey);
    expect(openSigned(open(path, told).sign('text\n'), vkey)).toBe('text\n');
    expect(told).toHaveLength(1);
    expect(readFileSync(path, 'utf8')).toContain('BEGIN PRIVATE KEY');
  });

  it('is not made where the settings name it, and must be one of Ed25519', () => {
    expect(() => open(folder.path('named.key'), [], false).verifierKey()).toThrow(SigningKeyError);
    const path = folder.path('rsa.key');
    const rsa = generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey;
    writeFileSync(path, rsa.export({ type: 'pkcs8', format: 'pem' }));
    expect(() => open(path, []).verifierKey()).toThrow('is no Ed25519 key');
    writeFileSync(path, 'nonsense');
    expect(() => open(path, []).verifierKey()).toThrow('cannot be read');
  });
});
