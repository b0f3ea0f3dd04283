import { localPlace } from '../place/local.ts';
import type { Place } from '../place/place.ts';
import type { Context } from '../regime.ts';
import { findRegime } from '../regimes.ts';
import type { Lookups } from '../session/discard.ts';
import type { SessionRecord } from '../session/record.ts';
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
};

/** Does something on this host, or on a testbed that outlived its server. */
async function onPlace(
  on: 'host' | 'testbed',
  record: SessionRecord,
  { signal, log }: Pick<Context, 'signal' | 'log'>,
  work: (place: Place) => Promise<void>,
): Promise<void> {
  if (on === 'host') return work(localPlace);
  const [entry] = record.regimes;
  const regime = entry && (await findRegime(entry.regime));
  const context = { signal, log, checkpoint: () => Promise.resolve() };
  const testbed = await regime?.reach?.(entry?.settings, entry?.state, localPlace, context);
  if (!testbed) return;
  try {
    await work(testbed.place);
  } finally {
    await testbed.close(context);
  }
}
