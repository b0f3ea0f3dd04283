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

/** Removes a scratch space; does nothing where there is none. @throws TestbedError */
export async function removeScratch(place: Place, path: Bytes): Promise<void> {
  const command = ['rm', '-rf', '--', path];
  const outcome = await place.run(command, { deadline: REMOVE_LIMIT });
  if (succeeded(outcome)) return;
  throw new TestbedError({
    step: `cannot remove the scratch space on ${place.label}`,
    command,
    status: describeEnding(outcome.ending),
    output: outcome.stderr,
  });
}
