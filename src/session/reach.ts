import { TestbedError } from '../errors.ts';
import { localPlace } from '../place/local.ts';
import type { Place } from '../place/place.ts';
import type { Context, Regime, Testbed } from '../regime.ts';
import type { DiscardContext } from './discard.ts';
import type { SessionRecord } from './record.ts';

/** What of a chain outlived its server, reached again. */
export interface Reached {
  place: Place;
  /** True where what is on the place goes with it. */
  ephemeral: boolean;
  /** Lets go of it. */
  close(): Promise<void>;
}

/**
 * Reaches the testbed of a record again, level by level.
 * @param depth how many levels, from the outermost; 0 is this host
 * @param anew makes again what has gone
 * @returns undefined where one of them has gone with its server
 * @throws TestbedError where one can't be reached now
 */
export async function reachTestbed(
  record: SessionRecord,
  findRegime: (name: string) => Promise<Regime | undefined>,
  given: DiscardContext,
  depth = record.regimes.length,
  anew = false,
): Promise<Reached | undefined> {
  const context: Context = { ...given, wait: 0, checkpoint: () => Promise.resolve() };
  const testbeds: Testbed[] = [];
  const close = async () => {
    for (const testbed of testbeds.splice(0).reverse()) await testbed.close(context);
  };
  try {
    for (const { regime: name, settings, state } of record.regimes.slice(0, depth)) {
      const regime = await findRegime(name);
      if (!regime) throw new TestbedError({ step: `this program has no regime named ${name}` });
      const outer = testbeds.at(-1)?.place ?? localPlace;
      const left = await regime.reach?.(settings, state, outer, context);
      const testbed =
        left ?? (anew ? await openAnew(regime, settings, state, outer, context) : left);
      if (!testbed) {
        await close();
        return undefined;
      }
      testbeds.push(testbed);
    }
  } catch (cause) {
    await close().catch(() => {});
    throw cause;
  }
  const place = testbeds.at(-1)?.place ?? localPlace;
  return { place, ephemeral: testbeds.at(-1)?.traits.ephemeral ?? false, close };
}

/** What is left of the one before must not be in the way. */
async function openAnew(
  regime: Regime,
  settings: unknown,
  state: unknown,
  outer: Place,
  context: Context,
): Promise<Testbed> {
  await regime.discard(state, outer, context);
  return regime.open(settings, state, outer, context);
}
