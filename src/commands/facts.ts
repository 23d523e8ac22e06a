import type { Bounds } from '../kernel/bounds.js';
import type { EventLike } from '../kernel/decider.js';
import type { Fault } from '../kernel/refusal.js';
import type { Outcome } from './handling.js';

/** The data of a command, valid and normalised, or its faults and how many more there are; undefined for a type that clients may not send. */
export type Validate = (
  type: string,
  data: unknown,
) =>
  | { readonly value: object }
  | { readonly faults: readonly Fault[]; readonly more?: number; readonly code: 'invalid-command' | 'precision' }
  | undefined;

/** What became of a fact: the stream and the id it has there, and the outcome. */
export interface Handled {
  readonly stream: string;
  readonly id: string;
  readonly outcome: Outcome<EventLike>;
}

/** Each module takes its own facts; the gateway finds the module by the fact's type. */
export interface FactHandler {
  /**
   * Of each type of fact it takes, which fields may be left out and whether deciding it asks other streams: such a fact
   * waits for those sent before it, and those behind it wait for it. `isOfStream`: it does not say itself whose it is, its
   * stream does. `isOfAll`: it is nobody's in particular, and whoever is bound may not state it.
   */
  readonly facts: ReadonlyMap<
    string,
    {
      readonly optional?: readonly string[];
      readonly asksOthers?: boolean;
      readonly isOfStream?: boolean;
      readonly isOfAll?: boolean;
    }
  >;
  /** Faults in the raw data that its DTO does not see. */
  check?(type: string, data: unknown): readonly Fault[];
  /**
   * `data` is valid and normalised; `said` is the same with every field that may be left out. What the fact names lies
   * within `bounds`; what only its stream tells is for the handler to see to.
   */
  handle(type: string, data: object, said: object, bounds?: Bounds): Promise<Handled>;
}
