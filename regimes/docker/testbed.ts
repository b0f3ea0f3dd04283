import type { Argv } from '../../src/bytes.ts';
import { asError } from '../../src/errors.ts';
import { quietLogger } from '../../src/log.ts';
import type { Place } from '../../src/place/place.ts';
import type { Context, SparePreparation, Testbed, Traits } from '../../src/regime.ts';
import type { Auxverbs } from './auxverbs.ts';
import { withStandIn } from './bare.ts';
import { awaitInit, rebootContainer, startOf } from './boot.ts';
import {
  containerName,
  inspectContainer,
  MissingProgram,
  killContainer,
  removeContainer,
  removeSession,
  startContainer,
  type Container,
} from './containers.ts';
import type { Engine } from './engine.ts';
import { explainFailure } from './failure.ts';
import type { DockerState } from './index.ts';
import { containerPlace } from './place.ts';
import { idles, withMount, type Recipe } from './recipe.ts';
import type { Share } from './shared.ts';
import { removeVolume, type ShareVolume } from './volume.ts';
import type { Sharing } from './sharing.ts';
import { keepStandby, sparesAllowed } from './standby.ts';

/** What a testbed is made from. */
export interface Parts {
  engine: Engine;
  recipe: Recipe;
  /** What two containers of the recipe would share. */
  sharing: Sharing;
  /** True where process 1 is an init, which has to come up. */
  init: boolean;
  auxverbs: Auxverbs;
  /** Writes down that a container is asked for; gives what takes that back. */
  note: (name: string) => () => void;
  /** Containers that are kept ready. */
  standby: number;
  /** What is shared with the host. */
  share?: Share;
  /** The session share. */
  volume?: ShareVolume;
}

/** A container with the way into it. */
interface Unit {
  container: Container;
  place: Place;
  /** Of its commands. */
  environment: Argv;
  /** Which of its starts it is. */
  started: string | undefined;
}

/** Starts the first container, and the ones that stand by for it. */
export async function openTestbed(
  { engine, recipe: wanted, sharing, init, auxverbs, note, standby, share, volume }: Parts,
  state: DockerState,
  outer: Place,
  context: Context,
): Promise<Testbed> {
  const { log } = context;
  const opened = Date.now();
  const closing = new AbortController();
  const sessionShare = volume && {
    share: volume.host === undefined ? {} : { host: volume.host },
  };
  let recipe = wanted;
  let made = 0;
  let prepare: SparePreparation | undefined;
  const removals = new Set<Promise<void>>();

  const make = async ({ signal, log }: Pick<Context, 'signal' | 'log'>): Promise<Unit> => {
    const name = recipe.name ?? containerName(state.session, ++made);
    const part = share?.part();
    const answered = note(name);
    const start = () => {
      const mounts = [part?.mount, volume?.mount].filter((mount) => mount !== undefined);
      const own = mounts.reduce(withMount, recipe);
      return startContainer(engine, own, state.session, name);
    };
    const container = await start()
      .catch(async (cause: unknown) => {
        if (!(cause instanceof MissingProgram) || !idles(recipe)) throw cause;
        recipe = await withStandIn(engine, recipe);
        return start();
      })
      .finally(answered);
    await volume?.admit(container.id);
    const standIn = recipe.standIn?.path;
    auxverbs.allow(container.id, [], standIn);
    const place = containerPlace(engine, container, auxverbs, outer, {
      ...(part?.place && { shared: part.place }),
      ...(standIn !== undefined && { standIn }),
    });
    const unit = { container, place, environment: [], started: undefined };
    if (!init) return unit;
    try {
      await awaitInit(place, { signal, log });
      return { ...unit, started: await startOf(engine, container.id) };
    } catch (cause) {
      if (!signal.aborted) {
        const lines = (await explain({ container, place })).split('\n');
        for (const line of lines.filter((text) => text.trim() !== '')) log.warn(line);
      }
      // Where it is left it goes with the session.
      await removeContainer(engine, container.id).catch(() => {});
      throw cause;
    }
  };
  const explain = (unit: Pick<Unit, 'container' | 'place'>) =>
    explainFailure(engine, unit, state.session, opened);
  const setEnvironment = (unit: Unit, variables: Argv) => {
    unit.environment = variables;
    auxverbs.allow(unit.container.id, variables, unit.place.standIn);
  };
  const makeSpare = async (): Promise<Unit> => {
    // Whoever uses the one before need not know how this one boots.
    const unit = await make({ signal: closing.signal, log: quietLogger(log) });
    try {
      await prepare?.({
        place: unit.place,
        traits,
        ...sessionShare,
        setEnvironment: (variables) => Promise.resolve(setEnvironment(unit, variables)),
      });
    } catch (cause) {
      await removeContainer(engine, unit.container.id);
      throw cause;
    }
    return unit;
  };
  const ahead = sparesAllowed(engine, recipe, sharing, standby, context);
  const spares = keepStandby(ahead, makeSpare, log);
  const retire = ({ container, place }: Unit) => {
    auxverbs.forbid(container.id);
    const removal = removeContainer(engine, container.id)
      .then(() => place.shared && share?.drop(place.shared.onHost))
      .catch((cause: unknown) =>
        log.debug(`close will have to remove it: ${asError(cause).message}`),
      );
    removals.add(removal);
    void removal.finally(() => removals.delete(removal));
    return removal;
  };

  const retireSpares = async () => {
    await Promise.all((await spares.drain()).map(retire));
  };

  const traits: Traits = {
    // With an init it can have services of its own.
    isolation: init ? 'container' : 'none',
    ephemeral: true,
    reverts: sharing.outlives ? 'packages' : 'everything',
  };
  if (sharing.outlives) log.warn(`revert-full-system is not advertised: ${sharing.outlives}`);

  let current = await make(context);

  /** The container that comes after the current one: from the spares where one lives. */
  const successor = async (context: Context): Promise<Unit> => {
    for (let unit = await spares.take(); unit; unit = await spares.take()) {
      const found = await inspectContainer(engine, unit.container.id);
      if (found?.State.Running) return unit;
      await retire(unit);
    }
    // What they share has to be free before the next can have it.
    if (ahead === 0) await removeContainer(engine, current.container.id);
    return make(context);
  };
  const reboot = async (context: Context, prepareOnly: boolean): Promise<void> => {
    const { container, place, started } = current;
    if (started === undefined) return;
    await rebootContainer(engine, container, place, started, prepareOnly, context);
    current.started = await startOf(engine, container.id);
  };

  return {
    get place() {
      return current.place;
    },
    traits,
    ...sessionShare,
    setEnvironment: (variables) => Promise.resolve(setEnvironment(current, variables)),
    prepareSpares(preparation) {
      prepare = preparation;
      spares.fill();
    },
    async revert(context) {
      const old = current;
      auxverbs.forbid(old.container.id);
      current = await successor(context);
      // Its auxverbs end when it is dead; what is slow about its removal need not be waited for.
      await killContainer(engine, old.container.id);
      void retire(old);
      spares.fill();
    },
    ...(init && { reboot }),
    debugFailure: () => explain(current),
    async keep(context) {
      closing.abort();
      await retireSpares();
      await Promise.all(removals);
      const { container, environment, place } = current;
      const { standIn } = place;
      const image = recipe.body.Image;
      const kept = { container, environment, ...(standIn !== undefined && { standIn }) };
      await context.checkpoint({ ...state, ...(image !== undefined && { image }), kept });
      engine.close();
      auxverbs.remove();
    },
    async close() {
      closing.abort();
      auxverbs.forbid(current.container.id);
      await Promise.all([retireSpares(), retire(current), ...removals]);
      try {
        await removeSession(engine, state.session, AbortSignal.timeout(120_000));
        await share?.remove();
        if (state.volume) await removeVolume(engine, state.volume, state.session);
        auxverbs.remove();
      } finally {
        engine.close();
      }
    },
  };
}
