/** Whom somebody's view of the ledger is narrowed to; null is everybody, an empty set nobody. */
export interface Bounds {
  readonly advertisers: ReadonlySet<string> | null;
  readonly marketplaces: ReadonlySet<string> | null;
}

/** Whose something is; what names no advertiser, or no marketplace, is of all of them. */
export interface Owned {
  readonly advertiserId?: string;
  readonly marketplace?: string;
}

export const UNBOUND: Bounds = { advertisers: null, marketplaces: null };

export const isBound = ({ advertisers, marketplaces }: Bounds): boolean =>
  advertisers !== null || marketplaces !== null;

/** Whether it lies within: what is of all marketplaces is not within some of them. */
export function isWithin({ advertisers, marketplaces }: Bounds, { advertiserId, marketplace }: Owned): boolean {
  if (advertisers !== null && (advertiserId === undefined || !advertisers.has(advertiserId))) return false;
  return marketplaces === null || (marketplace !== undefined && marketplaces.has(marketplace));
}
