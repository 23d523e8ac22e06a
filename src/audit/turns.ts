import { setImmediate as nextTurn } from 'node:timers/promises';

/**
 * Gives the event loop its turn after every so many pieces of work. To wait for a store within the process is no turn:
 * its promises are settled already.
 */
export class Turns {
  private left: number;

  constructor(private readonly every: number) {
    this.left = every;
  }

  async after(work = 1): Promise<void> {
    this.left -= work;
    if (this.left > 0) return;
    this.left = this.every;
    await nextTurn();
  }
}
