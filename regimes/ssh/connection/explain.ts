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
  { label, user, hostName, port, connectTimeout, route }: Target,
  cause: Error,
  { verdict, greeted, attempt }: Progress,
): TestbedError {
  const step = `cannot log in to ${label} (${hostName} port ${port})`;
  if (!verdict.known) {
    return new TestbedError({ step, status: verdict.refusal, hint: verdict.hint, cause });
  }
  if (greeted) {
    const status = `${cause.message}; tried: ${attempt.tried.join(', ') || 'nothing, as there is no key and no password'}`;
    return new TestbedError({ step, status, hint: loginHint(user, cause, attempt), cause });
  }
  const status =
    cause.message === 'timed out'
      ? `it did not greet within ${connectTimeout / 1000} s`
      : cause.message;
  const hint =
    route && 'command' in route
      ? 'does the ProxyCommand lead to an ssh server?'
      : 'does an ssh server listen there?';
  return new TestbedError({ step, status, hint, cause });
}

function loginHint(
  user: string,
  { message }: Error,
  { tried, accepted }: Progress['attempt'],
): string {
  if (/too many/i.test(message)) {
    return 'a server takes few attempts: name one key with --identity=FILE -o IdentitiesOnly=yes';
  }
  const wants = accepted.length > 0 ? `the server would take: ${accepted.join(', ')}; ` : '';
  if (/^a (password|dialogue)/.test(tried.at(-1) ?? '')) return `${wants}is the password right?`;
  const word = accepted.some((way) => way !== 'publickey')
    ? ', or a password with --password=FILE'
    : '';
  return `${wants}add a key to authorized_keys of ${user} there, or name the right one with --identity=FILE${word}`;
}
