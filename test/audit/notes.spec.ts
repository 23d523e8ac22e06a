import { generateKeyPairSync, hash, sign } from 'node:crypto';
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
    expect(openNote(NEUMANN, [parseVerifierKey(PETER)])).toEqual({
      text,
      signers: [parseVerifierKey(PETER)],
      strangers: [],
    });
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
    expect(parseCheckpoint(openNote(NOTE, [parseVerifierKey(VKEY)]).text)).toEqual(CHECKPOINT);
  });

  const signedBy = (note: string, ...keys: string[]) =>
    openNote(note, keys.map(parseVerifierKey)).signers.map(({ name }) => name);

  it('bears signatures of others, which are named and passed over', () => {
    const other = generateKeyPairSync('ed25519').privateKey;
    const key = verifierKey('other.example', other);
    const both = `${NOTE}${signNote(checkpointText(CHECKPOINT), 'other.example', other).split('\n').at(-2)!}\n`;
    expect(openNote(both, [parseVerifierKey(VKEY)])).toMatchObject({
      text: checkpointText(CHECKPOINT),
      signers: [{ name: NAME }],
      strangers: [`key id ${key.split('+')[1]} (other.example)`],
    });
    expect(signedBy(both, key)).toEqual(['other.example']);
    expect(signedBy(both, VKEY, key)).toEqual([NAME, 'other.example']);
  });

  it('bears cosignatures of witnesses, which sign the time, too (c2sp.org/tlog-cosignature)', () => {
    const witness = generateKeyPairSync('ed25519');
    const raw = Buffer.from(witness.publicKey.export({ format: 'jwk' }).x!, 'base64url');
    const algorithmAndKey = Buffer.concat([Buffer.of(4), raw]);
    const id = hash('sha256', Buffer.concat([Buffer.from('witness.example\n'), algorithmAndKey]), 'buffer').subarray(
      0,
      4,
    );
    const key = `witness.example+${id.toString('hex')}+${algorithmAndKey.toString('base64')}`;
    const time = Buffer.alloc(8);
    time.writeBigUInt64BE(1_664_971_200n);
    const message = `cosignature/v1\ntime 1664971200\n${checkpointText(CHECKPOINT)}`;
    const signature = sign(null, Buffer.from(message), witness.privateKey);
    const cosigned = (at: Buffer) =>
      `${NOTE}\u2014 witness.example ${Buffer.concat([id, at, signature]).toString('base64')}\n`;
    expect(signedBy(cosigned(time), key)).toEqual(['witness.example']);
    expect(signedBy(cosigned(time), VKEY, key)).toEqual([NAME, 'witness.example']);
    expect(parseVerifierKey(key).isWitness).toBe(true);
    time[7]! ^= 1;
    expect(() => openNote(cosigned(time), [parseVerifierKey(key)])).toThrow('witness.example does not fit its text');
    expect(() => openNote(cosigned(Buffer.alloc(0)), [parseVerifierKey(key)])).toThrow('does not fit its text');
  });

  it('is believed with no byte of it changed', () => {
    const isBelieved = (note: string) => {
      try {
        return signedBy(note, VKEY).length > 0;
      } catch (error) {
        if (error instanceof NoteError) return false;
        throw error;
      }
    };
    expect(isBelieved(NOTE)).toBe(true);
    for (let at = 0; at < NOTE.length; at += 1) {
      const other = String.fromCharCode(NOTE.charCodeAt(at) ^ 1);
      expect(isBelieved(NOTE.slice(0, at) + other + NOTE.slice(at + 1))).toBe(false);
    }
  });

  it('that somebody else signed is told from one that was forged, and from one that nobody signed', () => {
    const other = generateKeyPairSync('ed25519').privateKey;
    const theirs = signNote(checkpointText(CHECKPOINT), NAME, other);
    expect(openNote(theirs, [parseVerifierKey(VKEY)])).toMatchObject({
      signers: [],
      strangers: [`key id ${verifierKey(NAME, other).split('+')[1]} (${NAME})`],
    });
    const forged = (note: string, reason: string) =>
      expect(() => openNote(note, [parseVerifierKey(VKEY)])).toThrow(reason);
    forged(NOTE.replace('\n42\n', '\n43\n'), `the signature of ${NAME} does not fit its text`);
    forged(NOTE.replace(`\u2014 ${NAME}`, '\u2014 ledger.example.org'), `ledger.example.org has the key id of ${NAME}`);
    forged(checkpointText(CHECKPOINT), 'it is no signed note');
    forged('', 'it is no signed note');
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
    ['another algorithm', PETER.replace('ARpc', 'CRpc'), 'is not one of Ed25519'],
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
