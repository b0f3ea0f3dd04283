import type { Argv } from '../../src/bytes.ts';
import { asError } from '../../src/errors.ts';
import type { Place } from '../../src/place/place.ts';
import type { Context, SparePreparation, Testbed, Traits } from '../../src/regime.ts';
import type { Auxverbs } from './auxverbs.ts';
import {
  containerName,
  inspectContainer,
  removeContainer,
  removeSession,
  startContainer,
  type Container,
} from './containers.ts';
import { engineError, type Engine } from './engine.ts';
import { explainFailure } from './failure.ts';
import type { DockerState } from './index.ts';
import { containerPlace } from './place.ts';
import type { Recipe } from './recipe.ts';
import { findSharing } from './sharing.ts';
import { availableMemory, keepStandby } from './standby.ts';

/** Bytes that have to be left on the host for a container ahead. */
const MEMORY_MARGIN = 256 << 20;

/** What a testbed is made from. */
export interface Parts {
  engine: Engine;
  recipe: Recipe;
  auxverbs: Auxverbs;
  /** Writes down that a container is asked for; gives what takes that back. */
  note: (name: string) => () => void;
  /** Containers that are kept ready. */
  standby: number;
}

/** A container with the way into it. */
interface Unit {
  container: Container;
  place: Place;
}

/** Starts the first container, and the ones that stand by for it. */
export async function openTestbed(
  { engine, recipe, auxverbs, note, standby }: Parts,
  state: DockerState,
  outer: Place,
  context: Context,
): Promise<Testbed> {
  const { log } = context;
  const opened = Date.now();
  const sharing = findSharing(recipe);
  let made = 0;
  let prepare: SparePreparation | undefined;
  const removals = new Set<Promise<void>>();

  const make = async (): Promise<Unit> => {
    const name = recipe.name ?? containerName(state.session, ++made);
    const answered = note(name);
    const container = await startContainer(engine, recipe, state.session, name).finally(answered);
    auxverbs.allow(container.id, []);
    return { container, place: containerPlace(engine, container, auxverbs, outer) };
  };
  const setEnvironment = ({ container }: Unit, variables: Argv) =>
    auxverbs.allow(container.id, variables);
  const makeSpare = async (): Promise<Unit> => {
    const unit = await make();
    try {
      await prepare?.({
        place: unit.place,
        traits,
        setEnvironment: (variables) => Promise.resolve(setEnvironment(unit, variables)),
      });
    } catch (cause) {
      await removeContainer(engine, unit.container.id);
      throw cause;
    }
    return unit;
  };
  const ahead = sparesAllowed(engine, recipe, standby, context);
  const spares = keepStandby(ahead, makeSpare, log);
  const retire = ({ container }: Unit) => {
    auxverbs.forbid(container.id);
    const removal = removeContainer(engine, container.id).catch((cause: unknown) =>
      log.debug(`close will have to remove it: ${asError(cause).message}`),
    );
    removals.add(removal);
    void removal.finally(() => removals.delete(removal));
    return removal;
  };

  const traits: Traits = {
    isolation: 'none',
    ephemeral: true,
    reverts: sharing.outlives ? 'packages' : 'everything',
  };
  if (sharing.outlives) log.warn(`revert-full-system is not advertised: ${sharing.outlives}`);

  let current = await make();

  /** The container that comes after the current one: from the spares where one lives. */
  const successor = async (): Promise<Unit> => {
    for (let unit = await spares.take(); unit; unit = await spares.take()) {
      const found = await inspectContainer(engine, unit.container.id);
      if (found?.State.Running) return unit;
      await retire(unit);
    }
    // What they share has to be free before the next can have it.
    if (ahead === 0) await removeContainer(engine, current.container.id);
    return make();
  };

  return {
    get place() {
      return current.place;
    },
    traits,
    setEnvironment: (variables) => Promise.resolve(setEnvironment(current, variables)),
    prepareSpares(preparation) {
      prepare = preparation;
      spares.fill();
    },
    async revert() {
      const old = current;
      auxverbs.forbid(old.container.id);
      current = await successor();
      // Its auxverbs end when it is dead; what is slow about its removal need not be waited for.
      await killContainer(engine, old.container.id);
      void retire(old);
      spares.fill();
    },
    debugFailure: () => explainFailure(engine, current.container.id, state.session, opened),
    async close() {
      auxverbs.forbid(current.container.id);
      await Promise.all([
        spares.drain().then((units) => Promise.all(units.map(retire))),
        retire(current),
        ...removals,
      ]);
      await removeSession(engine, state.session, AbortSignal.timeout(120_000));
      auxverbs.remove();
    },
  };
}

/** How many containers may stand by; where it is fewer than wished, a line says why. */
function sparesAllowed(
  { address }: Engine,
  recipe: Recipe,
  wished: number,
  { log }: Context,
): number {
  if (wished === 0) return 0;
  const { shared } = findSharing(recipe);
  if (shared) {
    log.warn(`each revert makes a container anew: two at once would share ${shared}`);
    return 0;
  }
  const available = address.url.startsWith('unix:') ? availableMemory() : undefined;
  const needed = (recipe.body.HostConfig?.Memory ?? 0) + MEMORY_MARGIN;
  if (available !== undefined && available < needed) {
    log.warn('each revert makes a container anew: there is no memory for a second one');
    return 0;
  }
  return wished;
}

/** Resolves when its processes are dead. */
async function killContainer({ docker }: Engine, id: string): Promise<void> {
  try {
    await docker.getContainer(id).kill();
  } catch (cause) {
    const { statusCode } = cause as { statusCode?: number };
    // 404: it has gone. 409: it does not run.
    if (statusCode !== 404 && statusCode !== 409) {
      throw engineError('cannot kill the container', cause);
    }
  }
}
