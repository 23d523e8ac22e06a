import { createServer, type IncomingHttpHeaders, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

export interface Received {
  readonly id: string;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
}

/** Somebody's receiver of webhooks, which can be away, slow or unwilling. */
export class Receiver {
  readonly received: Received[] = [];
  /** By default it accepts. */
  answer: (out: ServerResponse, received: Received) => void = (out) => void out.writeHead(204).end();
  private server: Server | undefined;
  private port = 0;
  private waiting: (() => void)[] = [];

  static async start(): Promise<Receiver> {
    const receiver = new Receiver();
    await receiver.open();
    return receiver;
  }

  get url(): string {
    return `http://127.0.0.1:${this.port}/hook`;
  }

  get ids(): string[] {
    return this.received.map(({ id }) => id);
  }

  /** Listens, at the port that it had before. */
  async open(): Promise<void> {
    const server = createServer((request, out) => {
      let body = '';
      request.on('data', (chunk: Buffer) => (body += chunk.toString()));
      request.on('end', () => {
        const received = { id: String(request.headers['webhook-id']), headers: request.headers, body };
        this.received.push(received);
        this.answer(out, received);
        this.waiting.splice(0).forEach((look) => look());
      });
    });
    await new Promise<void>((resolve) => server.listen(this.port, '127.0.0.1', resolve));
    this.port = (server.address() as AddressInfo).port;
    this.server = server;
  }

  /** Takes no connection any more, and cuts those it has. */
  async close(): Promise<void> {
    const { server } = this;
    this.server = undefined;
    if (!server) return;
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  }

  /** Waits until what was received satisfies it. */
  async until(holds: (received: readonly Received[]) => boolean): Promise<void> {
    while (!holds(this.received)) await new Promise<void>((resolve) => this.waiting.push(resolve));
  }
}
