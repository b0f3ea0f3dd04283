import type { Argv, Bytes } from '../../src/bytes.ts';
import type { Place } from '../../src/place/place.ts';
import type { Testbed } from '../../src/regime.ts';
import { prepareAuxverbs } from './auxverbs.ts';
import { inspectContainer, type Container } from './containers.ts';
import { connectEngine } from './engine.ts';
import type { DockerState } from './index.ts';
import { containerPlace } from './place.ts';

/** A container that was left to its user. */
export interface Kept {
  container: Container;
  /** Of its commands, `VAR=VALUE`. */
  environment: Argv;
  /** What stands in for a shell where it has none. */
  standIn?: Bytes;
}

/** The container that was kept; undefined where none was, or it has gone. */
export async function reachKept(
  { address, directory, kept }: DockerState,
  outer: Place,
): Promise<Testbed | undefined> {
  if (!kept) return undefined;
  const engine = await connectEngine(address);
  const found = await inspectContainer(engine, kept.container.id);
  if (!found?.State.Running) return undefined;
  // Several may be in it at once, each with files of its own.
  const auxverbs = prepareAuxverbs(engine, `${directory}/reached-${process.pid}`);
  auxverbs.allow(kept.container.id, kept.environment, kept.standIn);
  return {
    place: containerPlace(engine, kept.container, auxverbs, outer, {
      ...(kept.standIn !== undefined && { standIn: kept.standIn }),
    }),
    traits: { isolation: 'none', ephemeral: true },
    close: () => Promise.resolve(auxverbs.remove()),
  };
}
