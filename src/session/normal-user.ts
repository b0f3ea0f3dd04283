import type { Bytes } from '../bytes.ts';
import { lastWords, TimedOut } from '../errors.ts';
import { describeEnding, succeeded, type Place } from '../place/place.ts';
import { isAbsent } from '../place/programs.ts';
import type { Context } from '../regime.ts';
import type { Facts } from './probe.ts';

/** Milliseconds: `su` may ask a directory service that is not there. */
const DEADLINE = 20_000;

/** Says who runs it, with nothing but the shell's own words. The second field is the effective uid. */
const WHO =
  'while read -r k _ e _; do [ "$k" = Uid: ] && echo "uid $e"; done </proc/self/status; :';

/**
 * Tries what harnesses do with the account that `suggested-normal-user` names: root runs `su` to it.
 * A testbed may have one that asks for a password, or one that changes nothing. Where there is none,
 * the caller has to have its own way to become that user, and the account is good for it.
 * @returns why it can't be done; undefined where it can, or where there is no such account
 */
export async function tryNormalUser(
  place: Place,
  { normalUser }: Facts,
  { signal }: Pick<Context, 'signal'>,
): Promise<Bytes | undefined> {
  // Where there is no shell at all there is none for a user either.
  if (normalUser === undefined || place.standIn !== undefined) return undefined;
  const argv = ['su', '-s', '/bin/sh', normalUser, '-c', WHO];
  const outcome = await place.run(argv, { signal, deadline: DEADLINE }).catch((error: unknown) => {
    if (error instanceof TimedOut) return undefined;
    throw error;
  });
  if (!outcome) return `su to ${normalUser} does not end`;
  if (isAbsent(outcome.ending)) return undefined;
  if (!succeeded(outcome)) {
    const words = lastWords(outcome.stderr) || describeEnding(outcome.ending);
    return `su to ${normalUser} fails: ${words}`;
  }
  const uid = /^uid (\d+)$/m.exec(outcome.stdout)?.[1];
  return uid === undefined || uid === '0'
    ? `su to ${normalUser} does not change the user`
    : undefined;
}
