import { once } from 'node:events';
import type { ServerResponse } from 'node:http';
import type { FastifyReply } from 'fastify';

const HEARTBEAT_MS = 15_000;
/** A client that takes nothing for so long is cut; it resumes from the last event it has. */
const PATIENCE_MS = 30_000;

/** Sends one server-sent event. Rejects when the client has gone or does not read. */
export type SendEvent = (id: string, data: object) => Promise<void>;

/** The clients that follow something as server-sent events, each at its own pace: nothing piles up for a slow one. */
export class LiveClients {
  private readonly following = new Map<ServerResponse, AbortController>();

  /** `warn` is told why a client was cut. */
  constructor(private readonly warn: (message: string) => void) {}

  /** Sends what `follow` has, until it returns, throws, or the client has gone. */
  async serve(reply: FastifyReply, follow: (send: SendEvent, gone: AbortSignal) => Promise<void>): Promise<void> {
    reply.hijack();
    const out = reply.raw;
    out.writeHead(200, { 'content-type': 'text/event-stream', 'cache-control': 'no-store' }).flushHeaders();
    if (out.req.method === 'HEAD') return void out.end();
    const gone = new AbortController();
    this.following.set(out, gone);
    out.once('close', () => gone.abort());
    const heartbeat = setInterval(() => out.writableNeedDrain || out.write(': heartbeat\n\n'), HEARTBEAT_MS);
    const send: SendEvent = async (id, data) => {
      if (!out.write(`id: ${id}\ndata: ${JSON.stringify(data)}\n\n`))
        await once(out, 'drain', { signal: AbortSignal.any([gone.signal, AbortSignal.timeout(PATIENCE_MS)]) });
      gone.signal.throwIfAborted();
    };
    try {
      await follow(send, gone.signal);
    } catch (error) {
      if (!gone.signal.aborted) this.warn(`a live client was cut: ${String(error)}`);
      out.destroy();
    } finally {
      clearInterval(heartbeat);
      this.following.delete(out);
    }
  }

  /** Lets them go, or the server would wait for them to leave. */
  close(): void {
    for (const [out, gone] of this.following) {
      gone.abort();
      out.end();
    }
  }
}
