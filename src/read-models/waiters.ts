import type { Position } from '../event-store/event-store.js';

interface Waiter {
  readonly position: Position;
  readonly isPatient: boolean;
  /** Where it waits. */
  among: Set<Waiter>;
  settle(outcome: boolean | Error): void;
}

/** Those who wait for a position to be included. */
export class Waiters {
  private readonly all = new Set<Waiter>();

  /** Whether anybody waits who is not patient. */
  get hurry(): boolean {
    return this.all.values().some(({ isPatient }) => !isPatient);
  }

  /** True once the position is included, false when that takes longer or nobody will tell; rejects with a failure. */
  wait(position: Position, timeoutMs: number, isPatient: boolean): Promise<boolean> {
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => waiter.settle(false), timeoutMs);
      const waiter: Waiter = {
        position,
        isPatient,
        among: this.all,
        settle: (outcome) => {
          clearTimeout(timer);
          waiter.among.delete(waiter);
          if (outcome instanceof Error) reject(outcome);
          else resolve(outcome);
        },
      };
      this.all.add(waiter);
    });
  }

  included(through: Position): void {
    for (const waiter of [...this.all]) if (waiter.position <= through) waiter.settle(true);
  }

  tellAll(outcome: false | Error): void {
    for (const waiter of [...this.all]) waiter.settle(outcome);
  }

  /** Whoever waits here waits there from now on. */
  moveTo(others: Waiters): void {
    for (const waiter of this.all) {
      waiter.among = others.all;
      others.all.add(waiter);
    }
    this.all.clear();
  }
}
