import { TestbedError } from '../../../src/errors.ts';
import type { Authentication } from './auth.ts';
import type { HostKeyVerdict } from './host-key.ts';
import type { Target } from './target.ts';

/** How far a connection had come. */
export interface Progress {
  verdict: HostKeyVerdict;
  /** The key exchange is done. */
  greeted: boolean;
  attempt: Pick<Authentication, 'tried' | 'accepted'>;
}

/** Why no ssh connection came about, on one line. */
export function explainHandshake(
  { label, user, hostName, port, connectTimeout }: Target,
  cause: Error,
  { verdict, greeted, attempt }: Progress,
): TestbedError {
  const step = `cannot log in to ${label} (${hostName} port ${port})`;
  if (!verdict.known) {
    return new TestbedError({ step, status: verdict.refusal, hint: verdict.hint, cause });
  }
  if (greeted) {
    const tried = attempt.tried.length > 0 ? attempt.tried.join(', ') : 'nothing';
    return new TestbedError({
      step,
      status: `${cause.message}; tried: ${tried}; it would take ${attempt.accepted.join(', ') || 'nothing'}`,
      hint: `has ${user} one of these keys in authorized_keys there? name another with --identity=FILE`,
      cause,
    });
  }
  const status =
    cause.message === 'timed out'
      ? `it did not greet within ${connectTimeout / 1000} s`
      : cause.message;
  return new TestbedError({ step, status, hint: 'does an ssh server listen there?', cause });
}
