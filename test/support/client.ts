/** A JSON answer over real HTTP. `body` is the parsed body, null when there is none. */
export interface Answer<Body> {
  readonly status: number;
  readonly contentType: string;
  readonly body: Body;
}

/** One entry of a problem's `errors`, RFC 9457 with the ledger's extensions. */
export interface Problem {
  readonly type: string;
  readonly title: string;
  readonly status: number;
  readonly detail: string;
  readonly code: string;
  readonly errors?: readonly { readonly path: string; readonly message: string }[];
}

export interface Command {
  readonly type: string;
  readonly data: Readonly<Record<string, unknown>>;
}

/** An item of `POST /v1/commands`, without its index when one command was sent alone. */
export interface CommandResult<Data = Record<string, unknown>> {
  readonly index?: number;
  readonly status: 'appended' | 'duplicate' | 'rejected';
  readonly stream: string | null;
  readonly revision: number | null;
  readonly position: string | null;
  readonly event?: Data;
  readonly error?: Pick<Problem, 'code' | 'detail' | 'errors'>;
}

/** An event as `GET /v1/events` lists it. */
export interface LoggedEvent {
  readonly type: string;
  readonly stream: string;
  readonly revision: number;
  readonly position: string;
  readonly data: Record<string, unknown>;
}

/** Talks to one running service. */
export class Client {
  constructor(readonly url: string) {}

  async send<Body>(method: string, path: string, body?: string, contentType?: string): Promise<Answer<Body>> {
    const response = await fetch(this.url + path, {
      method,
      ...(body === undefined ? {} : { body }),
      ...(contentType === undefined ? {} : { headers: { 'content-type': contentType } }),
    });
    const text = await response.text();
    const type = response.headers.get('content-type') ?? '';
    return {
      status: response.status,
      contentType: type,
      body: (/json/.test(type) && text ? JSON.parse(text) : null) as Body,
    };
  }

  get<Body>(path: string): Promise<Answer<Body>> {
    return this.send('GET', path);
  }

  post<Body>(path: string, body: unknown): Promise<Answer<Body>> {
    return this.send('POST', path, JSON.stringify(body), 'application/json');
  }

  /** Sends one command that must be appended, and answers its position. */
  async append(command: Command): Promise<string> {
    const answer = await this.post<CommandResult>('/v1/commands', command);
    if (answer.status !== 201 || answer.body.position === null) {
      throw new Error(`${command.type} was not appended: ${answer.status} ${JSON.stringify(answer.body)}`);
    }
    return answer.body.position;
  }

  /** Sends a file's worth of commands; answers the lines that came back, the summary last. */
  async import(commands: readonly Command[]): Promise<{ lines: unknown[]; summary: ImportSummary }> {
    const ndjson = commands.map((command) => `${JSON.stringify(command)}\n`).join('');
    const response = await fetch(`${this.url}/v1/import`, {
      method: 'POST',
      body: ndjson,
      headers: { 'content-type': 'application/x-ndjson' },
    });
    const text = await response.text();
    const lines = text
      .split('\n')
      .filter((line) => line !== '')
      .map((line): unknown => JSON.parse(line));
    const last = lines.pop() as { summary?: ImportSummary } | undefined;
    if (!last?.summary) throw new Error(`the import ended without a summary: ${response.status} ${text.slice(-500)}`);
    return { lines, summary: last.summary };
  }

  /** The whole log, page by page, not answered before it includes `minPosition`. */
  async log(minPosition = '0'): Promise<LoggedEvent[]> {
    const events: LoggedEvent[] = [];
    for (let after = '0'; ;) {
      const page = await this.get<{ items: LoggedEvent[] }>(
        `/v1/events?after=${after}&limit=500&minPosition=${minPosition}`,
      );
      if (page.status !== 200) throw new Error(`GET /v1/events answered ${page.status} ${JSON.stringify(page.body)}`);
      events.push(...page.body.items);
      const last = page.body.items.at(-1);
      if (page.body.items.length < 500 || !last) return events;
      after = last.position;
    }
  }
}

export interface ImportSummary {
  readonly read: number;
  readonly appended: number;
  readonly duplicate: number;
  readonly rejected: number;
  readonly lastPosition: string | null;
}
