import { TestbedError } from '../errors.ts';
import { describeEnding, succeeded, type Place } from '../place/place.ts';
import { bytesOf, type Bytes } from '../bytes.ts';
import { randomId } from './ids.ts';

/** Milliseconds that removing a scratch space may take. */
const REMOVE_LIMIT = 300_000;

/** A new name for a scratch space, under the testbed's temporary directory. */
export function newScratchPath(place: Place): Bytes {
  const given = place.isHost ? process.env['TMPDIR'] : undefined;
  const temporary = given?.startsWith('/') ? bytesOf(given).replace(/\/+$/, '') : '/tmp';
  return `${place.shared?.here ?? temporary}/regime.${randomId()}`;
}

/** Directories of a testbed in which its scratch space may wait for the end of a reboot. */
export const SHELTERS = ['/var/tmp', '/var/cache', '/home', '/root'];

/** What an account can't see is not its own, and no failure. */
const REMOVE =
  'rm -rf -- "$1" || exit; shift; for saved; do [ ! -d "$saved" ] || rm -rf -- "$saved"; done';

/**
 * Removes a scratch space, and what was saved of it for a reboot that nobody saw the end of. Does
 * nothing where there is none. @throws TestbedError
 */
export async function removeScratch(place: Place, path: Bytes): Promise<void> {
  const name = path.slice(path.lastIndexOf('/') + 1);
  const saved = SHELTERS.map((directory) => `${directory}/${name}.saved`);
  const command = ['rm', '-rf', '--', path];
  // Where there is no shell there was no reboot.
  const argv = place.standIn === undefined ? ['sh', '-c', REMOVE, 'sh', path, ...saved] : command;
  const outcome = await place.run(argv, { deadline: REMOVE_LIMIT });
  if (succeeded(outcome)) return;
  throw new TestbedError({
    step: `cannot remove the scratch space on ${place.label}`,
    command,
    status: describeEnding(outcome.ending),
    output: outcome.stderr,
  });
}
