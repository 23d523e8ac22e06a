import { createPublicKey, sign, verify, type KeyObject } from 'node:crypto';
import { parseInstant, type Instant } from '../../kernel/instant.js';
import { HASH_BYTES, sha256 } from './event-hash.js';

/**
 * Signed notes as transparency logs and their witnesses exchange them: c2sp.org/signed-note with Ed25519, in them
 * c2sp.org/tlog-checkpoint, and on them what witnesses sign, cosignature/v1 of c2sp.org/tlog-cosignature.
 */
const ED25519 = 0x01;
const COSIGNATURE_V1 = 0x04;
const TIMESTAMP_BYTES = 8;
const KEY_ID_BYTES = 4;
const PUBLIC_KEY_BYTES = 32;
const SIGNATURE_BYTES = 64;

/** Whose notes are believed: the name and the key that stand in a verifier key (`name+id+key`). */
export interface Verifier {
  readonly name: string;
  /** A witness signs the time when it saw the note, too, and notes of logs that have other names. */
  readonly isWitness: boolean;
  readonly keyId: Buffer;
  readonly publicKey: KeyObject;
}

/** What a checkpoint says. */
export interface Checkpoint {
  /** Which log. */
  readonly origin: string;
  readonly treeSize: number;
  readonly rootHash: Buffer;
  readonly signedAt: Instant;
}

/** The note is not one, or says something else than a checkpoint. */
export class NoteError extends Error {
  override readonly name = 'NoteError';
}

/** A name in a signature: no blanks and no plus, which separate. */
export const KEY_NAME = /^[^\s+\p{C}]{1,200}$/u;

const rawPublicKey = (key: KeyObject): Buffer => {
  const { x } = (key.type === 'private' ? createPublicKey(key) : key).export({ format: 'jwk' });
  return Buffer.from(x!, 'base64url');
};

const keyIdOf = (name: string, algorithmAndKey: Buffer): Buffer =>
  sha256(Buffer.concat([Buffer.from(`${name}\n`), algorithmAndKey])).subarray(0, KEY_ID_BYTES);

/** The verifier key of a key pair: what an auditor is to be given by another way than the notes. */
export function verifierKey(name: string, key: KeyObject): string {
  const algorithmAndKey = Buffer.concat([Buffer.of(ED25519), rawPublicKey(key)]);
  return `${name}+${keyIdOf(name, algorithmAndKey).toString('hex')}+${algorithmAndKey.toString('base64')}`;
}

/** Throws NoteError. */
export function parseVerifierKey(text: string): Verifier {
  const [, name, id, encoded] = /^([^+]+)\+([0-9a-f]{8})\+([A-Za-z0-9+/]+={0,2})$/.exec(text) ?? [];
  const algorithmAndKey = Buffer.from(encoded ?? '', 'base64');
  if (name === undefined || !KEY_NAME.test(name)) throw new NoteError('a verifier key is name+id+key');
  const isWitness = algorithmAndKey[0] === COSIGNATURE_V1;
  if (!(isWitness || algorithmAndKey[0] === ED25519) || algorithmAndKey.length !== 1 + PUBLIC_KEY_BYTES) {
    throw new NoteError('the verifier key is not one of Ed25519, of a ledger or of a witness');
  }
  const keyId = keyIdOf(name, algorithmAndKey);
  if (keyId.toString('hex') !== id) throw new NoteError('the id of the verifier key is not that of its name and key');
  const jwk = { kty: 'OKP', crv: 'Ed25519', x: algorithmAndKey.subarray(1).toString('base64url') };
  return { name, isWitness, keyId, publicKey: createPublicKey({ key: jwk, format: 'jwk' }) };
}

/** `text` ends in a newline. */
export function signNote(text: string, name: string, privateKey: KeyObject): string {
  const id = keyIdOf(name, Buffer.concat([Buffer.of(ED25519), rawPublicKey(privateKey)]));
  const signature = Buffer.concat([id, sign(null, Buffer.from(text), privateKey)]);
  return `${text}\n\u2014 ${name} ${signature.toString('base64')}\n`;
}

/** A note that is taken apart. */
export interface Note {
  readonly text: string;
  /** Whose signatures fit. */
  readonly signers: readonly Verifier[];
  /** The others, by name and key id. */
  readonly strangers: readonly string[];
}

/** Throws NoteError when it is no note, or a signature of one of the verifiers does not fit. */
export function openNote(note: string, verifiers: readonly Verifier[]): Note {
  const end = note.lastIndexOf('\n\n');
  const lines = note.slice(end + 2).split('\n');
  if (end < 0 || lines.pop() !== '' || lines.length === 0) throw new NoteError('it is no signed note');
  const text = note.slice(0, end + 1);
  const signers: Verifier[] = [];
  const strangers: string[] = [];
  for (const line of lines) {
    const { name, keyId, signature } = signatureIn(line);
    const verifier = verifiers.find((each) => each.keyId.equals(keyId));
    if (!verifier) {
      strangers.push(`key id ${keyId.toString('hex')} (${name})`);
      continue;
    }
    // The name is hashed into the key id: under another name it is somebody else's.
    if (verifier.name !== name) throw new NoteError(`a signature of ${name} has the key id of ${verifier.name}`);
    if (!fits(signature, text, verifier)) throw new NoteError(`the signature of ${name} does not fit its text`);
    signers.push(verifier);
  }
  return { text, signers, strangers };
}

function signatureIn(line: string) {
  const [, name, encoded] = /^\u2014 (\S+) ([A-Za-z0-9+/]+={0,2})$/.exec(line) ?? [];
  const bytes = Buffer.from(encoded ?? '', 'base64');
  // A spelling that decodes to the same bytes would make two notes of one.
  const isOne = name !== undefined && bytes.length > KEY_ID_BYTES && bytes.toString('base64') === encoded;
  if (!isOne) throw new NoteError('a line of it is no signature');
  return { name, keyId: bytes.subarray(0, KEY_ID_BYTES), signature: bytes.subarray(KEY_ID_BYTES) };
}

function fits(signature: Buffer, text: string, { isWitness, publicKey }: Verifier): boolean {
  const timestamp = isWitness ? TIMESTAMP_BYTES : 0;
  if (signature.length !== timestamp + SIGNATURE_BYTES) return false;
  const signed = isWitness ? `cosignature/v1\ntime ${signature.readBigUInt64BE(0)}\n${text}` : text;
  return verify(null, Buffer.from(signed), publicKey, signature.subarray(timestamp));
}

const SIGNED_AT = 'signed-at ';

export const checkpointText = ({ origin, treeSize, rootHash, signedAt }: Checkpoint): string =>
  `${origin}\n${treeSize}\n${rootHash.toString('base64')}\n${SIGNED_AT}${signedAt}\n`;

/** Throws NoteError. */
export function parseCheckpoint(text: string): Checkpoint {
  const [origin, size, root, time, ...rest] = text.split('\n');
  const rootHash = Buffer.from(root ?? '', 'base64');
  const signedAt = time?.startsWith(SIGNED_AT) ? parseInstant(time.slice(SIGNED_AT.length)) : undefined;
  if (!origin || !/^(0|[1-9][0-9]{0,14})$/.test(size ?? '') || rootHash.length !== HASH_BYTES || !signedAt) {
    throw new NoteError('it is no checkpoint of a ledger');
  }
  const checkpoint = { origin, treeSize: Number(size), rootHash, signedAt };
  if (rest.join() !== '' || checkpointText(checkpoint) !== text) throw new NoteError('it is no checkpoint of a ledger');
  return checkpoint;
}

/** Notes that stand one after the other, with or without empty lines in between. Throws NoteError for anything else. */
export function splitNotes(text: string): string[] {
  const notes: string[] = [];
  const rest = text.replace(/(?:[^\n]+\n)+\n(?:\u2014 [^\n]+\n)+/g, (note) => {
    notes.push(note);
    return '';
  });
  const [stray] = rest.split('\n').filter((line) => line !== '');
  if (stray !== undefined) throw new NoteError(`this belongs to no signed note: ${stray.slice(0, 60)}`);
  return notes;
}
