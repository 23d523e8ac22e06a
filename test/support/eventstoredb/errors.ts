import { Metadata, status } from '@grpc/grpc-js';

export interface Endpoint {
  readonly address: string;
  readonly port: number;
}

/** What ends a call with a status other than OK; the trailers are those that the client reads its errors from. */
export class ServerError extends Error {
  constructor(
    readonly code: status,
    readonly details: string,
    readonly trailers: Readonly<Record<string, string>> = {},
  ) {
    super(details);
  }

  get metadata(): Metadata {
    const metadata = new Metadata();
    for (const [key, value] of Object.entries(this.trailers)) metadata.set(key, value);
    return metadata;
  }
}

export const NOT_READY = 'Server Is Not Ready';

/** The connection is gone, or will never answer: there is nobody to tell. */
export class ConnectionLost extends Error {}

/** Something on the way is down, or the server is going. */
export const unavailable = (): ServerError => new ServerError(status.UNAVAILABLE, 'Unavailable');

/** The server ends a call that lasts, as when it goes down in good order. */
export const cancelled = (): ServerError => new ServerError(status.CANCELLED, 'Call canceled by the server');

/** There is an election: nobody takes writes. */
export const serverNotReady = (): ServerError => new ServerError(status.UNAVAILABLE, NOT_READY);

/** The cluster has not said in time whether it holds the events: it may. */
export const commitTimeout = (): ServerError =>
  new ServerError(status.ABORTED, 'Operation timed out: Commit phase timeout.');

export const unauthenticated = (): ServerError => new ServerError(status.UNAUTHENTICATED, 'Unauthenticated');

export const deadlineExceeded = (): ServerError => new ServerError(status.DEADLINE_EXCEEDED, 'Deadline Exceeded');

export const tooSlow = (): ServerError =>
  new ServerError(
    status.ABORTED,
    'Operation timed out: Consumer too slow to handle event while live. Client resubscription required.',
  );

export const unexpected = (details: string): ServerError => new ServerError(status.UNKNOWN, details);

export const accessDenied = (): ServerError =>
  new ServerError(status.PERMISSION_DENIED, 'Access Denied', { exception: 'access-denied' });

export const leaderInfo = ({ address, port }: Endpoint): ServerError =>
  new ServerError(status.NOT_FOUND, 'Leader info available', {
    exception: 'not-leader',
    'leader-endpoint-host': address,
    'leader-endpoint-port': String(port),
  });

export const maxAppendSizeExceeded = (bytes: number): ServerError =>
  new ServerError(status.INVALID_ARGUMENT, `Maximum Append Size of ${bytes} Exceeded.`, {
    exception: 'maximum-append-size-exceeded',
    'maximum-append-size': String(bytes),
  });
