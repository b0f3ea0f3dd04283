import { TestbedError } from '../../src/errors.ts';
import type { Ending, Place } from '../../src/place/place.ts';
import { prefixedPlace } from '../../src/place/prefixed.ts';
import { containerArchive } from './archive.ts';
import type { Auxverbs } from './auxverbs.ts';
import type { Container } from './containers.ts';
import type { Engine } from './engine.ts';
import { causeOfDeath } from './failure.ts';

/** A container as a Place. Where its auxverb says that it has gone, the error says why. */
export function containerPlace(
  engine: Engine,
  { id, name }: Container,
  auxverbs: Auxverbs,
  outer: Place,
  more: Pick<Place, 'shared' | 'standIn'> = {},
): Place {
  const label = `the container ${name}`;
  const plain = prefixedPlace(label, auxverbs.prefix(id), outer);
  const check = async (ending: Ending): Promise<Ending> => {
    if (!('status' in ending) || ending.status !== 255) return ending;
    const cause = await causeOfDeath(engine, id);
    if (cause === undefined) return ending;
    throw new TestbedError({ step: `${label} is gone`, status: cause });
  };
  return {
    ...plain,
    archive: containerArchive(engine, id),
    ...more,
    async run(argv, options) {
      const outcome = await plain.run(argv, options);
      await check(outcome.ending);
      return outcome;
    },
    spawn(argv, options) {
      const running = plain.spawn(argv, options);
      return { ...running, ended: running.ended.then(check) };
    },
  };
}
