import type { Place } from '../../src/place/place.ts';
import type { CheckContext, Context, Finding, Regime } from '../../src/regime.ts';
import { describe, readSettings } from './candidates.ts';
import { argumentsOf } from './given.ts';
import { pickTestbed, strengthOf } from './pick.ts';

/** Opens what would be taken where nothing is named, and takes it away again. */
export async function checkAuto(
  regimes: readonly Regime[],
  find: (name: string) => Regime,
  outer: Place,
  { signal, log, directory }: CheckContext,
): Promise<Finding[]> {
  const settings = readSettings(regimes, argumentsOf([], []), outer.isHost);
  const session = {
    ...{ id: `doctor${process.pid}`, directory: `${directory}/auto`, repository: directory },
    ...{ local: outer.isHost, bare: true },
  };
  const states = settings.candidates.map((one) => find(one.regime).plan(one.settings, session));
  const context: Context = { signal, log, checkpoint: () => Promise.resolve() };
  const begin = () => Promise.resolve(context);
  const picked = await pickTestbed(find, settings, states, outer, signal, begin);
  await picked.testbed.close(context);
  return [
    {
      what: `without an operand it takes ${describe(picked.candidate)}`,
      state: picked.testbed.revert ? 'works' : 'limited',
      detail: [strengthOf(picked.testbed), ...picked.refused].join('; '),
    },
  ];
}
