import { localPlace } from '../place/local.ts';
import type { Place } from '../place/place.ts';
import { findRegime } from '../regimes.ts';
import type { DiscardContext, Lookups } from '../session/discard.ts';
import type { SessionRecord } from '../session/record.ts';
import { reachTestbed } from '../session/reach.ts';
import { removeScratch } from '../session/scratch.ts';

/** What the reaper needs to know of the regimes and of copies, for `regime reap` and each server. */
export const lookups: Lookups = {
  findRegime,
  async settleReplacement(replacement, record, context) {
    const { settleReplacement } = await import('../place/copy.ts');
    await onPlace(replacement.on, record, context, (place) =>
      settleReplacement(replacement, place),
    );
  },
  removeScratch: ({ on, path }, record, context) =>
    onPlace(on, record, context, (place) => removeScratch(place, path)),
  async reachOuter(record, level, context) {
    const regime = await findRegime(record.regimes[level]?.regime ?? '');
    const outlives = regime?.outlivesOuter === true;
    const reached = await reachTestbed(record, findRegime, context, level, outlives);
    if (reached && (outlives || !reached.ephemeral)) return reached;
    // All that is in it goes with it, or has gone already.
    await reached?.close();
    return 'ends-with-outer';
  },
};

/** Does something on this host, or on a testbed that outlived its server. */
async function onPlace(
  on: 'host' | 'testbed',
  record: SessionRecord,
  context: DiscardContext,
  work: (place: Place) => Promise<void>,
): Promise<void> {
  if (on === 'host') return work(localPlace);
  const reached = await reachTestbed(record, findRegime, context);
  if (!reached) return;
  try {
    await work(reached.place);
  } finally {
    await reached.close();
  }
}
