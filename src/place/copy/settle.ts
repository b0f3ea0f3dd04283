import { CopyFailed } from '../../errors.ts';
import { localPlace } from '../local.ts';
import { describeEnding, succeeded, type Place } from '../place.ts';
import { named } from './paths.ts';
import type { Replacement } from './replacement.ts';
import { scriptArgv } from './scripts.ts';

/** Milliseconds to remove a tree in: it may be large. */
const SETTLE_LIMIT = 60_000;

/** The work of settleReplacement. @throws CopyFailed where something is left. */
export async function settle(replacement: Replacement, place: Place): Promise<void> {
  const { on, destination, fresh, aside } = replacement;
  const where = on === 'host' ? localPlace : place;
  const outcome = await where.run(scriptArgv(where, 'copy-settle', destination, fresh, aside), {
    deadline: SETTLE_LIMIT,
  });
  if (succeeded(outcome)) return;
  throw new CopyFailed({
    step: `cannot take away what a copy left beside ${named(destination)}`,
    status: describeEnding(outcome.ending),
    output: outcome.stderr,
  });
}
