import type { Position, Recorded } from './event-store.js';

/** An event, and of how much text it is, nearly. */
export interface Sized extends Recorded {
  readonly size: number;
}

/** A second of a busy log: who lags by more reads it again, which costs little. */
const EVENTS = 8192;
const CHARACTERS = 8 * 1024 * 1024;

/** The end of the log without a gap, for followers, who all want it: so many events at most, and of so much text. */
export class RecentEvents {
  /** Each at its position, modulo their number. */
  readonly #events: (Sized | undefined)[] = [];
  /** Of the first that is kept, and of the one that would come next: numbers, for positions in a file are. */
  #first = 0;
  #next = 0;
  #characters = 0;

  /** Of one commit, in order. What does not go on where the last ended takes the place of all that came before. */
  add(events: readonly Sized[]): void {
    const [first] = events;
    if (first && Number(first.position) !== this.#next) this.#beginAt(Number(first.position));
    for (const event of events) {
      while (this.#isFull(event.size)) this.#dropFirst();
      this.#events[this.#next % EVENTS] = event;
      this.#next += 1;
      this.#characters += event.size;
    }
  }

  /** Those in (`after`, `through`], when all of them are kept. */
  between(after: Position, through: Position): Recorded[] | undefined {
    const [from, to] = [Number(after) + 1, Number(through) + 1];
    if (from < this.#first || to > this.#next) return undefined;
    return Array.from({ length: to - from }, (_, index) => this.#events[(from + index) % EVENTS]!);
  }

  /** One event is kept however large it is. */
  #isFull(more: number): boolean {
    const count = this.#next - this.#first;
    return count === EVENTS || (count > 0 && this.#characters + more > CHARACTERS);
  }

  #dropFirst(): void {
    const place = this.#first % EVENTS;
    this.#characters -= this.#events[place]!.size;
    this.#events[place] = undefined;
    this.#first += 1;
  }

  #beginAt(position: number): void {
    while (this.#first < this.#next) this.#dropFirst();
    this.#first = this.#next = position;
  }
}
