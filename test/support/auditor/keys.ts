/** Natural keys and contents of commands, and the faults that a command has by itself. */
import { accountOf, type Command } from './facts.js';
import { digitsOf, fractionDigits, minor, type Amount } from './money.js';
import { ms } from './time.js';

/** Type, stream and key in one text: two commands with the same one are about the same fact. */
export function keyOf(command: Command): string {
  return [command.type, ...keyParts(command)].join('|');
}

function keyParts({ type, data }: Command): (string | number)[] {
  switch (type) {
    case 'FxRateRecorded':
      return [data.base, data.quote, data.source, ms(data.effectiveAt)];
    case 'PromotionPublished':
      return [data.promotionId];
    case 'AdvertiserInvited':
      return [data.promotionId, data.advertiserId];
    case 'AccountOpened':
      return [accountOf(data)];
    case 'AccountStandingChanged':
    case 'PaymentMethodChanged':
      return [accountOf(data), ms(data.occurredAt)];
    case 'CreditApplied':
    case 'CreditRevoked':
      return [accountOf(data), data.creditId];
    case 'ClickSpent':
    case 'ClickReversed':
      return [accountOf(data), data.clickId];
    case 'CampaignActivated':
    case 'CampaignPaused':
    case 'CampaignEnded':
      return [data.campaignId, ms(data.occurredAt)];
    case 'ApiChangeRecorded':
      return [data.campaignId, data.changeId];
  }
}

/** The command's data in one spelling: 1.5 and 1.50, noon in Paris and 10:00Z are the same. */
export function contentOf(command: Command): string {
  const data: Record<string, unknown> = { ...command.data };
  for (const [name, value] of Object.entries(data)) {
    if (name.endsWith('At')) data[name] = ms(value as string);
    if (name === 'cost' || name === 'granted') {
      data[name] = `${minor(value as Amount)} ${(value as Amount).currency}`;
    }
    if (name === 'rate') data[name] = Number(value);
  }
  return JSON.stringify(Object.entries(data).sort(([a], [b]) => (a < b ? -1 : 1)));
}

const LARGEST = 10n ** 15n;

/** What is wrong with the command alone, before anything recorded is looked at. */
export function faultOf({ type, data }: Command): 'invalid-command' | 'precision' | undefined {
  if (type === 'CreditApplied') {
    if (data.creditId.startsWith(`${data.promotionId}:`)) return 'invalid-command';
    return faultOfAmount(data.granted);
  }
  return type === 'ClickSpent' ? faultOfAmount(data.cost) : undefined;
}

function faultOfAmount(money: Amount): 'invalid-command' | 'precision' | undefined {
  if (!/^(0|[1-9][0-9]*)(\.[0-9]+)?$/.test(money.amount)) return 'invalid-command';
  if (fractionDigits(money.amount) > digitsOf(money.currency)) return 'precision';
  const units = minor(money);
  return units === 0n || units > LARGEST ? 'invalid-command' : undefined;
}
