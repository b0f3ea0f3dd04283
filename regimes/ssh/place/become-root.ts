import type { Bytes } from '../../../src/bytes.ts';
import { lastWords, TestbedError, TimedOut } from '../../../src/errors.ts';
import { succeeded } from '../../../src/place/place.ts';
import type { Context } from '../../../src/regime.ts';
import type { Connection } from '../connection/channel.ts';
import type { Becoming } from './command-line.ts';
import { farSideOf } from './far-side.ts';
import { sshPlace } from './place.ts';

/** Milliseconds that sudo may take: it may ask a directory service. */
const LIMIT = 60_000;

/** The name, the number, and whether sudo asks for nothing. -k: an earlier time's ticket does not last. */
const WHO = 'id -un; id -u; test "$(id -u)" = 0 || exec sudo -n -k true';

/** What a shell says of a program that is not there. */
const NOT_FOUND = 127;

/** Who commands are run as. */
export interface Identity {
  become: Becoming;
  /** The account that we log in to. */
  login: Bytes;
}

/**
 * Finds out who we are on the far side, and whether sudo makes us root; a line says why where it does
 * not.
 * @param passwords for sudo, asked for only where it wants one
 */
export async function becomeRoot(
  connection: Connection,
  passwords: () => AsyncIterable<Bytes>,
  { signal, log }: Pick<Context, 'signal' | 'log'>,
): Promise<Identity> {
  const ask = (become: Becoming, ...command: string[]) =>
    sshPlace(farSideOf(connection, become), []).run(command, { signal, deadline: LIMIT });
  const first = await ask({ by: 'nothing' }, 'sh', '-c', WHO);
  const [login = '', uid] = first.stdout.split('\n');
  if (uid === '0') return { become: { by: 'nothing' }, login };
  if (succeeded(first)) return { become: { by: 'sudo' }, login };
  let refusal = lastWords(first.stderr);
  if (!('status' in first.ending && first.ending.status === NOT_FOUND)) {
    for await (const password of passwords()) {
      const become: Becoming = { by: 'sudo', password };
      try {
        if (succeeded(await ask(become, 'true'))) return { become, login };
      } catch (cause) {
        signal.throwIfAborted();
        if (!(cause instanceof TestbedError || cause instanceof TimedOut)) throw cause;
        const { output = '' } = cause instanceof TestbedError ? cause.details : {};
        refusal = lastWords(output) || cause.message;
      }
    }
    // No answer is one who has been given up, not one who goes without.
    signal.throwIfAborted();
  }
  log.warn(`root-on-testbed is not advertised: ${refusal || 'no sudo'}`);
  return { become: { by: 'nothing' }, login };
}
