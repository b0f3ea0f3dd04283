import type { Bytes } from '../../../src/bytes.ts';
import { ask } from './ask.ts';
import type { Credentials, Target } from './target.ts';

/** Times that somebody is asked, as in ssh and in sudo. */
export const ATTEMPTS = 3;

/** What a password is for. */
export type Purpose = 'login' | 'sudo';

/**
 * Passwords of a target's user, the likeliest first: the one that was given, and no other; or those that
 * were typed before, then what is asked for. The next one is only wanted where the last was wrong: the
 * right one is known from then on, so that further connections are made without a question.
 */
export async function* passwords(
  { label, credentials }: Target,
  purpose: Purpose,
  signal: AbortSignal,
): AsyncGenerator<Bytes, undefined> {
  const { password, answers, mayAsk } = credentials;
  const given = await password?.();
  if (given !== undefined) {
    yield given;
    return undefined;
  }
  const own = nameOf(credentials, purpose);
  for (const name of new Set([own, nameOf(credentials, 'login')])) {
    const known = answers.get(name);
    if (known === undefined) continue;
    yield known;
    answers.delete(own);
  }
  const what = `Password of ${label}${purpose === 'sudo' ? ' for sudo (empty: without root)' : ''}:`;
  for (let attempt = 0; mayAsk && attempt < ATTEMPTS; attempt += 1) {
    const answer = await ask({ prompt: attempt === 0 ? what : `Wrong. ${what}`, signal });
    if (answer === undefined || (answer === '' && purpose === 'sudo')) return undefined;
    answers.set(own, answer);
    yield answer;
    answers.delete(own);
  }
  return undefined;
}

/** By what name an answer is kept among others. */
export function nameOf({ account }: Credentials, purpose: Purpose): string {
  return `${purpose} ${account}`;
}
