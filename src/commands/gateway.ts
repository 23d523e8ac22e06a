import { isWithin } from '../kernel/bounds.js';
import { never } from '../kernel/decider.js';
import { type Fault, faultsTold, MOST_FAULTS, pointer, refuse, type Refusal } from '../kernel/refusal.js';
import { forbidden } from './batch.js';
import type { FactHandler, Handled, Validate } from './facts.js';
import { UNOBSERVED, type CommandObserver } from './observer.js';
import type { Warrant } from './warrant.js';

/** What a client is told of one command. `event` is the event's data with what was decided. */
export interface ItemResult {
  readonly type: string | null;
  /** The natural key within the stream. */
  readonly key: string | null;
  readonly status: 'appended' | 'duplicate' | 'rejected';
  readonly stream: string | null;
  readonly revision: number | null;
  readonly position: string | null;
  readonly event?: object;
  readonly error?: { readonly code: string; readonly detail: string; readonly errors?: readonly Fault[] };
}

interface Command {
  readonly type: string;
  readonly data: object;
}

/** What is told of a command; `thrown` when it is not known what became of it. */
interface Settled {
  readonly result: ItemResult;
  readonly thrown?: unknown;
}

/**
 * Takes commands as they come from the wire, checks them and hands each to the module whose fact it is. Items stand alone;
 * those of one stream take effect in the order sent. Throws StoreUnavailableError when the store is away.
 */
export class CommandGateway {
  private readonly handlers: ReadonlyMap<string, FactHandler>;

  constructor(
    handlers: readonly FactHandler[],
    private readonly validate: Validate,
    private readonly observer: CommandObserver = UNOBSERVED,
  ) {
    this.handlers = new Map(handlers.flatMap((handler) => [...handler.facts.keys()].map((type) => [type, handler])));
  }

  /** Results in the order of the commands. What the warrant does not cover is rejected, item by item, as `forbidden`. */
  async submit(commands: readonly unknown[], warrant?: Warrant): Promise<ItemResult[]> {
    const settling: Promise<Settled>[] = [];
    let told = 0;
    for (const input of commands) {
      const command = this.permitted(input, warrant);
      if ('refused' in command) {
        const refusal = telling(command, Math.max(2, MOST_FAULTS_TOGETHER - told));
        told += refusal.errors?.length ?? 0;
        const type = typeOf(input);
        const result = rejected(type, null, null, refusal);
        this.tell(type !== null && this.handlers.has(type) ? type : null, result);
        settling.push(Promise.resolve({ result }));
        continue;
      }
      const asksOthers = this.handlers.get(command.type)!.facts.get(command.type)!.asksOthers ?? false;
      if (asksOthers) await Promise.all(settling);
      const settled = this.settle(command, warrant);
      settling.push(settled);
      if (asksOthers) await settled;
    }
    return standingAlone(await Promise.all(settling));
  }

  /** Never rejects: what fails for one is that one's. */
  private async settle(command: Command, warrant: Warrant | undefined): Promise<Settled> {
    let settled: Settled;
    try {
      settled = { result: await this.handle(command, warrant) };
    } catch (thrown) {
      settled = { result: failure(thrown), thrown };
    }
    this.tell(command.type, settled.result);
    return settled;
  }

  private tell(type: string | null, { status, error }: ItemResult): void {
    this.observer.answered(type, status, error?.code ?? null);
  }

  /**
   * The command, when it is valid and the warrant covers it. By the command alone: what is recorded is not looked at, so
   * that nothing of it is told. Whether a fact may be stated at all comes before what is wrong with it.
   */
  private permitted(input: unknown, warrant: Warrant | undefined): Command | Refusal {
    const type = typeOf(input);
    const spec = type === null ? undefined : this.handlers.get(type)?.facts.get(type);
    if (!warrant || type === null || !spec) return this.read(input);
    if (!warrant.mayState(type) || (spec.isOfAll && !isWithin(warrant, {}))) return forbidden();
    const command = this.read(input);
    return 'refused' in command || spec.isOfStream || isWithin(warrant, command.data) ? command : forbidden();
  }

  private async handle({ type, data }: Command, warrant: Warrant | undefined): Promise<ItemResult> {
    const handler = this.handlers.get(type)!;
    const { optional = [] } = handler.facts.get(type)!;
    const said =
      optional.length === 0 ? data : { ...Object.fromEntries(optional.map((name) => [name, undefined])), ...data };
    return answer(type, await handler.handle(type, data, said, warrant));
  }

  /** The command, valid and normalised, or every fault found in it. */
  private read(input: unknown): Command | Refusal {
    if (typeof input !== 'object' || input === null || Array.isArray(input)) {
      return invalid([{ path: '', message: 'must be an object with type and data' }]);
    }
    const strays = Object.keys(input).filter((name) => name !== 'type' && name !== 'data');
    const faults = strays
      .slice(0, MOST_FAULTS)
      .map((name) => ({ path: pointer(name), message: 'is not a known field' }));
    const beyond = strays.length - faults.length;
    const type = typeOf(input);
    const data: unknown = Object.hasOwn(input, 'data') ? (input as { data: unknown }).data : undefined;
    const checked = type === null ? undefined : this.validate(type, data);
    if (type === null || !checked) {
      return invalid(
        [...faults, { path: '/type', message: 'must be a type of command that clients may send' }],
        beyond,
      );
    }
    const more = this.handlers.get(type)!.check?.(type, data) ?? [];
    if ('value' in checked && faults.length + more.length === 0) return { type, data: checked.value };
    const found = [...faults, ...('faults' in checked ? checked.faults : []), ...more];
    const onlyPrecision = 'code' in checked && checked.code === 'precision' && faults.length + more.length === 0;
    return onlyPrecision
      ? refuse('precision', 'An amount has more digits than its currency.', found)
      : invalid(found, beyond + ('faults' in checked ? (checked.more ?? 0) : 0));
  }
}

/** Of all the commands sent together; of those behind, the first fault and how many there are. */
const MOST_FAULTS_TOGETHER = 1000;

const telling = (refusal: Refusal, most: number): Refusal =>
  refusal.errors && refusal.errors.length > most
    ? { ...refusal, errors: [refusal.errors[0]!, { path: '', message: 'and more faults' }] }
    : refusal;

/** `more` were counted and not listed. */
function invalid(faults: readonly Fault[], more = 0): Refusal {
  const total = faults.length + more;
  const detail = `The command has ${total === 1 ? 'a fault' : `${total} faults`}.`;
  return refuse('invalid-command', detail, faultsTold(faults, more));
}

function typeOf(input: unknown): string | null {
  if (typeof input !== 'object' || input === null || !Object.hasOwn(input, 'type')) return null;
  const { type } = input as { type: unknown };
  return typeof type === 'string' ? type : null;
}

function answer(type: string, { stream, id, outcome }: Handled): ItemResult {
  const key = id.slice(type.length + 1);
  switch (outcome.status) {
    case 'appended':
    case 'duplicate': {
      const { status, revision, position, event } = outcome;
      return { type, key, status, stream, revision, position: position.toString(), event: event.data };
    }
    case 'rejected':
      return rejected(type, key, stream, outcome.refusal);
    case 'settled':
      throw new Error(`${type} states a fact and must make exactly one event`);
    default:
      return never(outcome);
  }
}

/** What fails for one item, a store that was away for a moment, is that item's; only when all failed is it thrown. */
function standingAlone(settled: readonly Settled[]): ItemResult[] {
  const [first] = settled;
  if (first && settled.every((each) => 'thrown' in each)) throw first.thrown;
  return settled.map(({ result }) => result);
}

const FAILURES: ReadonlyMap<unknown, { readonly code: string; readonly detail: string }> = new Map([
  ['StoreUnavailableError', { code: 'store-unavailable', detail: 'The store could not be written; send it again.' }],
  ['BatchTooLargeError', { code: 'batch-too-large', detail: 'The fact is larger than the store takes.' }],
  ['NotCaughtUpError', { code: 'not-caught-up', detail: 'What it depends on is not up to date yet; send it again.' }],
]);

const failure = (error: unknown): ItemResult => ({
  type: null,
  key: null,
  status: 'rejected',
  stream: null,
  revision: null,
  position: null,
  error: FAILURES.get((error as Error).name) ?? { code: 'internal-error', detail: 'Something went wrong here.' },
});

const rejected = (
  type: string | null,
  key: string | null,
  stream: string | null,
  { refused, detail, errors }: Refusal,
): ItemResult => ({
  type,
  key,
  status: 'rejected',
  stream,
  revision: null,
  position: null,
  error: errors ? { code: refused, detail, errors } : { code: refused, detail },
});
