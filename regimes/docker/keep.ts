import type { Argv, Bytes } from '../../src/bytes.ts';
import { localPlace } from '../../src/place/local.ts';
import type { Place } from '../../src/place/place.ts';
import type { Testbed } from '../../src/regime.ts';
import { prepareAuxverbs } from './auxverbs.ts';
import { inspectContainer, type Container } from './containers.ts';
import { ownDirectory } from './directory.ts';
import { connectEngine, type Engine } from './engine.ts';
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
  signal: AbortSignal,
): Promise<Testbed | undefined> {
  if (!kept) return undefined;
  // Several may be in it at once, each with files of its own.
  const own = ownDirectory(`${directory}/reached-${process.pid}`);
  let engine: Engine | undefined;
  const letGo = () => {
    engine?.close();
    own.remove();
  };
  try {
    engine = await connectEngine(address, outer, own.short, signal);
    const found = await inspectContainer(engine, kept.container.id);
    if (!found?.State.Running) {
      letGo();
      return undefined;
    }
    const auxverbs = prepareAuxverbs(engine, own);
    auxverbs.allow(kept.container.id, kept.environment, kept.standIn);
    const near = outer.isHost ? outer : localPlace;
    return {
      place: containerPlace(engine, kept.container, auxverbs, near, {
        ...(kept.standIn !== undefined && { standIn: kept.standIn }),
      }),
      traits: { isolation: 'none', ephemeral: true },
      close: () => Promise.resolve(letGo()),
    };
  } catch (cause) {
    letGo();
    throw cause;
  }
}
