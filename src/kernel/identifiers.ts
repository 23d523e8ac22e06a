/** Identifiers are compared by code unit. These are the patterns of the domain's ids; the DTOs and the core share them. */
export const IDENTIFIER = /^[A-Za-z0-9_:/.-]{1,128}$/;
/** advertiserId and promotionId name streams and derived ids, where the dot separates: they have none. */
export const DOTLESS_IDENTIFIER = /^[A-Za-z0-9_:/-]{1,128}$/;
/** Credit ids that the ledger derives may be longer than a client's. */
export const CREDIT_ID = /^[A-Za-z0-9_:/.-]{1,400}$/;
export const MARKETPLACE = /^[A-Z]{2}$/;
export const PRODUCT = /^[A-Z][A-Z0-9_-]{0,31}$/;

/** A stage of a promotion's terms. */
export const STAGE = /^[a-z][a-z0-9-]{0,31}$/;

/** Whether an id looks like one that a run of whatever promotion derives for this account: a client's may not. */
export const looksDerived = (creditId: string, advertiserId: string, marketplace: string): boolean => {
  const parts = creditId.split(':');
  if (STAGE.test(parts.at(-1) ?? '')) parts.pop();
  const product = parts.pop() ?? '';
  return PRODUCT.test(product) && parts.join(':').endsWith(`:${advertiserId}:${marketplace}`);
};

/** Whose account the credit is in, by an id that a run derived: no part but the promotion's and the advertiser's has a colon. */
export function ownerOfDerived(creditId: string, promotionId: string) {
  const parts = creditId.slice(promotionId.length + 1).split(':');
  if (STAGE.test(parts.at(-1) ?? '')) parts.pop();
  const [marketplace = '', _product] = parts.splice(-2);
  return { advertiserId: parts.join(':'), marketplace };
}

/** Order by code unit, the order of every list in the ledger. */
export const byCodeUnit = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);

export const accountStream = (advertiserId: string, marketplace: string): string =>
  `account-${advertiserId}.${marketplace}`;
export const campaignStream = (campaignId: string): string => `campaign-${campaignId}`;
export const promotionStream = (promotionId: string): string => `promotion-${promotionId}`;
export const enrollmentStream = (promotionId: string, advertiserId: string): string =>
  `enrollment-${promotionId}.${advertiserId}`;
export const fxStream = (base: string, quote: string): string => `fx-${base}.${quote}`;
/** What the ledger says of itself: the checkpoints that seal it. */
export const CHECKPOINTS_STREAM = 'audit-checkpoints';

/** What the names of the ledger's streams begin with, each kind of stream one: the log is made of these. */
export const STREAM_CATEGORIES = ['account-', 'audit-', 'campaign-', 'enrollment-', 'fx-', 'promotion-'] as const;

/** The id of the one credit that a run may give for this: derived, so that two servers cannot give it twice. */
export const derivedCreditId = (
  promotionId: string,
  advertiserId: string,
  marketplace: string,
  product: string,
  stage: string | null,
) => `${promotionId}:${advertiserId}:${marketplace}:${product}${stage === null ? '' : `:${stage}`}`;
