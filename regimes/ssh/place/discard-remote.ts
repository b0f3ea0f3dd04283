import type { Bytes } from '../../../src/bytes.ts';
import { TestbedError } from '../../../src/errors.ts';
import { describeEnding, succeeded } from '../../../src/place/place.ts';
import { farScript } from './far-scripts.ts';
import type { FarSide } from './far-side.ts';
import { sshPlace } from './place.ts';

/** Milliseconds that clearing up on the far side may take. */
const LIMIT = 60_000;

/**
 * Ends what still runs on the far side for a session, and removes its directory there. May be called
 * again.
 * @throws TestbedError
 */
export async function discardRemote(far: FarSide, directory: Bytes): Promise<void> {
  const place = sshPlace({ ...far, directory: '' }, []);
  const outcome = await place.run(farScript('discard', directory), { deadline: LIMIT });
  if (succeeded(outcome)) return;
  throw new TestbedError({
    step: `cannot clear up on ${far.connection.label}`,
    status: describeEnding(outcome.ending),
    output: outcome.stderr,
  });
}
