import { hash } from 'node:crypto';
import type { Recorded } from '../../event-store/event-store.js';
import { canonicalJson } from '../../kernel/canonical-json.js';

/**
 * What of an event is sealed: all but its position, which is its store's own, so that proofs outlive a copy of the
 * ledger; and the hash of the event before it in its stream (hexadecimal, null for the first), so that each event vouches
 * for all before it.
 */
export type SealedEvent = Omit<Recorded, 'position'> & { readonly previous: string | null };

export const HASH_BYTES = 32;

/** By way of text: a buffer of its own for each hash costs twice the hash. */
export const sha256 = (content: string | Uint8Array): Buffer => Buffer.from(hash('sha256', content, 'hex'), 'hex');

export function sealedEvent(event: Recorded, previous: string | null): SealedEvent {
  const { stream, revision, id, type, data, metadata, recordedAt } = event;
  return { stream, revision, id, type, data, metadata, recordedAt, previous };
}

/** SHA-256 of the event's one spelling (RFC 8785), in hexadecimal. */
export const eventHash = (event: SealedEvent): string => hash('sha256', canonicalJson(event), 'hex');
