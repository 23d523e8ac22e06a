/** What a store tells of its own work, to be counted. It never throws. */
export interface StoreObserver {
  /** So many events were made durable together: a group of appends in a file, one append on a server. */
  committed(events: number, seconds: number): void;
  /** A server answers again. */
  reconnected(): void;
}

export const UNOBSERVED: StoreObserver = { committed: () => undefined, reconnected: () => undefined };
