import { ProblemError } from '../problem.js';

/** It is not known who asks. `error` is the code of RFC 6750; undefined when nothing was shown that could be wrong. */
export class UnauthenticatedError extends ProblemError {
  constructor(
    detail: string,
    readonly error?: 'invalid_token' | 'invalid_request',
  ) {
    super('unauthenticated', detail);
  }
}
