import { beforeAll, describe, expect, it } from '@jest/globals';
import { BEHAVIOURS } from '../../src/demo/cast.js';
import { runDemo } from '../../src/demo/demo.js';
import type { Delivered } from '../../src/demo/ledger.js';
import { factsOf } from '../support/auditor/facts.js';
import { AuditedLedger } from './audited-ledger.js';

const SILENT = { start: () => undefined, advance: () => undefined, stop: () => undefined };

async function played(ledger: AuditedLedger, equal = true) {
  const lines: string[] = [];
  const fine = await runDemo({
    ledger,
    seed: 2022,
    advertisers: BEHAVIOURS.length,
    out: (line) => lines.push(line),
    progress: SILENT,
    store: 'sqlite:./data/demo.db',
    replayCheck: () => Promise.resolve({ lines: ['what the replay says'], equal }),
  });
  return { fine, lines };
}

describe('a small demo, on the auditor', () => {
  const ledger = new AuditedLedger();
  let lines: readonly string[];
  let fine: boolean;
  const after = (title: string) => lines.slice(lines.indexOf(title) + 2);

  beforeAll(async () => {
    ({ fine, lines } = await played(ledger));
  });

  it('prints its seed first, and how to serve what it leaves last', () => {
    expect(lines[0]).toMatch(/^Seed 2022:/);
    expect(after('Ask it yourself')).toEqual([
      'PROMOLEDGER_STORE=sqlite:./data/demo.db npm start',
      expect.stringMatching(/^curl 'http:\/\/127\.0\.0\.1:3000\/v1\/accounts\?advertiserId=A\w+&asOf=2023-01-01T/),
    ]);
  });

  it('has nothing refused, books that balance, and bills that add up', () => {
    expect(fine).toBe(true);
    expect(lines.find((line) => line.includes(' facts in '))).toMatch(/ 0 refused\.$/);
    expect(lines.filter((line) => line.endsWith('  balanced'))).toHaveLength(8);
    expect(lines).toContain('Bills: 20 of 20 accounts are billed what their statement adds up to.');
  });

  it('has credits given, deferred, drawn on, revoked, and ended every one', () => {
    const { log } = ledger.auditor;
    const ended = [...factsOf(log, 'CreditExpired'), ...factsOf(log, 'CreditRevoked')];
    const given = factsOf(log, 'CreditApplied');
    expect(new Set(ended.map(({ creditId }) => creditId))).toEqual(new Set(given.map(({ creditId }) => creditId)));
    expect(new Set(given.map(({ origin }) => origin))).toEqual(new Set(['run', 'manual']));
    const reasons = factsOf(log, 'DisbursementRun').flatMap(({ deferrals }) =>
      deferrals.flatMap((each) => each.reasons),
    );
    expect(new Set(reasons)).toEqual(new Set(['account-not-open', 'cap-exceeded', 'payment-method-invalid']));
    expect(factsOf(log, 'CreditRevoked').some(({ clawedBack }) => clawedBack > 0n)).toBe(true);
    expect(factsOf(log, 'ClickReversed').some(({ restored }) => restored.length > 0)).toBe(true);
  });

  it("tells one account's life at five moments, in order", () => {
    const rows = after("One account's life at five moments").slice(3, 8);
    const instants = rows.map((row) => row.slice(0, 20).trim());
    expect(instants).toEqual([...instants].sort());
    expect(rows.join('\n')).toMatch(/qualified for .*\n.*the run applies .*\n(.*\n)*.*the credit ends/);
  });

  it('asks one question twice and explains why the answers differ', () => {
    const story = after('One question, asked with two knownAts');
    const [then, now] = story.slice(1, 3).map((line) => line.split(/ {2,}/).at(-1));
    expect(then).not.toBe(now);
    expect(story).toContain('These facts explain the difference to the last minor unit.');
  });
});

describe('a demo that is not fine', () => {
  it('says so when the replay differs', async () => {
    const { fine, lines } = await played(new AuditedLedger(), false);
    expect(fine).toBe(false);
    expect(lines).toContain('what the replay says');
  });

  it('says so, and why, when a fact is refused', async () => {
    class Refusing extends AuditedLedger {
      override async submit(commands: readonly unknown[]): Promise<readonly Delivered[]> {
        const [first, ...rest] = await super.submit(commands);
        const error = { code: 'currency-mismatch', detail: 'the cost is in EUR' };
        return [{ type: first?.type ?? null, position: null, status: 'rejected', error }, ...rest];
      }
    }
    const { fine, lines } = await played(new Refusing());
    expect(fine).toBe(false);
    expect(lines.some((line) => /refused \d+ x currency-mismatch, such as: the cost is in EUR/.test(line))).toBe(true);
  });

  it('says so when a balance is a cent off', async () => {
    class Forgetful extends AuditedLedger {
      override async accounts(question: Parameters<AuditedLedger['accounts']>[0]) {
        const { items, next } = await super.accounts(question);
        return { items: items.map((item) => ({ ...item, available: { ...item.available, amount: '0.01' } })), next };
      }
    }
    const { fine, lines } = await played(new Forgetful());
    expect(fine).toBe(false);
    expect(lines.some((line) => line.endsWith('DIFFERS'))).toBe(true);
  });
});
