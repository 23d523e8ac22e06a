import { connect, createServer, type AddressInfo, type Socket } from 'node:net';

/** A line to a server that can fall silent: what is connected stays so and carries nothing, new connections work. */
export class FreezableLine {
  private readonly sockets = new Set<Socket>();
  private readonly listener;

  static async to(port: number): Promise<FreezableLine> {
    const line = new FreezableLine(port);
    await new Promise<void>((resolve) => line.listener.listen(0, '127.0.0.1', resolve));
    return line;
  }

  private constructor(port: number) {
    this.listener = createServer((near) => {
      const far = connect(port, '127.0.0.1');
      near.pipe(far).pipe(near);
      for (const socket of [near, far]) {
        this.sockets.add(socket);
        socket.on('error', () => socket.destroy());
        socket.on('close', () => this.sockets.delete(socket));
      }
    });
  }

  get port(): number {
    return (this.listener.address() as AddressInfo).port;
  }

  freeze(): void {
    for (const socket of this.sockets) socket.unpipe().pause();
  }

  async close(): Promise<void> {
    for (const socket of this.sockets) socket.destroy();
    await new Promise((resolve) => this.listener.close(resolve));
  }
}
