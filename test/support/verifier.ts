import { createHash, createPublicKey, verify } from 'node:crypto';
import canonicalize from 'canonicalize';

/**
 * An auditor's own means, written from the RFCs and the C2SP documents and from nothing of `src`: hashes of events
 * (RFC 8785, by a package that the ledger does not use), Merkle trees and their proofs (RFC 9162), signed notes.
 */
const sha256 = (...parts: readonly (Buffer | string)[]): Buffer => {
  const hash = createHash('sha256');
  for (const part of parts) hash.update(part);
  return hash.digest();
};

export type SealedEvent = Readonly<
  Record<'stream' | 'id' | 'type' | 'recordedAt', string> & {
    revision: number;
    data: object;
    metadata: object;
    previous: string | null;
  }
>;

/** The hash of an event as the ledger's documents define it. */
export function hashOfEvent(event: SealedEvent): Buffer {
  const { stream, revision, id, type, data, metadata, recordedAt, previous } = event;
  return sha256(canonicalize({ stream, revision, id, type, data, metadata, recordedAt, previous })!);
}

export const leaf = (entry: Buffer): Buffer => sha256('\x00', entry);
const node = (left: Buffer, right: Buffer): Buffer => sha256('\x01', left, right);

/** MTH of RFC 9162, 2.1.1, word for word. */
export function treeHash(entries: readonly Buffer[]): Buffer {
  if (entries.length === 0) return sha256('');
  if (entries.length === 1) return leaf(entries[0]!);
  let k = 1;
  while (k * 2 < entries.length) k *= 2;
  return node(treeHash(entries.slice(0, k)), treeHash(entries.slice(k)));
}

/** 2.1.3.2. */
export function includes(proof: {
  readonly hash: Buffer;
  readonly leafIndex: number;
  readonly treeSize: number;
  readonly path: readonly Buffer[];
  readonly root: Buffer;
}): boolean {
  if (proof.leafIndex >= proof.treeSize) return false;
  let fn = BigInt(proof.leafIndex);
  let sn = BigInt(proof.treeSize - 1);
  let r = leaf(proof.hash);
  for (const p of proof.path) {
    if (sn === 0n) return false;
    if ((fn & 1n) === 1n || fn === sn) {
      r = node(p, r);
      while ((fn & 1n) === 0n && fn !== 0n) {
        fn >>= 1n;
        sn >>= 1n;
      }
    } else {
      r = node(r, p);
    }
    fn >>= 1n;
    sn >>= 1n;
  }
  return sn === 0n && r.equals(proof.root);
}

/** 2.1.4.2. */
export function isConsistent(proof: {
  readonly first: { readonly size: number; readonly root: Buffer };
  readonly second: { readonly size: number; readonly root: Buffer };
  readonly path: readonly Buffer[];
}): boolean {
  const { first, second } = proof;
  if (first.size === second.size) return proof.path.length === 0 && first.root.equals(second.root);
  if (first.size < 1 || first.size > second.size || proof.path.length === 0) return false;
  const isPowerOfTwo = (first.size & (first.size - 1)) === 0;
  const [start, ...path] = isPowerOfTwo ? [first.root, ...proof.path] : proof.path;
  let fn = BigInt(first.size - 1);
  let sn = BigInt(second.size - 1);
  while ((fn & 1n) === 1n) {
    fn >>= 1n;
    sn >>= 1n;
  }
  let [fr, sr] = [start!, start!];
  for (const c of path) {
    if (sn === 0n) return false;
    if ((fn & 1n) === 1n || fn === sn) {
      fr = node(c, fr);
      sr = node(c, sr);
      while ((fn & 1n) === 0n && fn !== 0n) {
        fn >>= 1n;
        sn >>= 1n;
      }
    } else {
      sr = node(sr, c);
    }
    fn >>= 1n;
    sn >>= 1n;
  }
  return sn === 0n && fr.equals(first.root) && sr.equals(second.root);
}

/** What stands before the 32 bytes of an Ed25519 key in its DER form (RFC 8410). */
const ED25519_DER = Buffer.from('302a300506032b6570032100', 'hex');

/** The text of a note that the verifier key's owner signed; throws otherwise (c2sp.org/signed-note). */
export function openSigned(note: string, verifierKey: string): string {
  const [name, id, ...rest] = verifierKey.split('+');
  const key = Buffer.from(rest.join('+'), 'base64');
  if (key.length !== 33 || key[0] !== 1) throw new Error('not an Ed25519 key');
  if (sha256(`${name}\n`, key).subarray(0, 4).toString('hex') !== id) throw new Error('the key is not that of its id');
  const split = note.lastIndexOf('\n\n') + 1;
  const text = note.slice(0, split);
  for (const line of note.slice(split + 1).split('\n')) {
    if (!line.startsWith(`\u2014 ${name} `)) continue;
    const bytes = Buffer.from(line.slice(`\u2014 ${name} `.length), 'base64');
    if (bytes.subarray(0, 4).toString('hex') !== id) continue;
    const der = createPublicKey({ key: Buffer.concat([ED25519_DER, key.subarray(1)]), format: 'der', type: 'spki' });
    if (verify(null, Buffer.from(text), der, bytes.subarray(4))) return text;
    throw new Error('the signature does not fit');
  }
  throw new Error('nobody signed it whose key is known');
}

/** A checkpoint's lines (c2sp.org/tlog-checkpoint). */
export function readCheckpoint(text: string): { origin: string; size: number; root: Buffer; extensions: string[] } {
  const [origin, size, root, ...extensions] = text.trimEnd().split('\n');
  return { origin: origin!, size: Number(size), root: Buffer.from(root!, 'base64'), extensions };
}
