import { bytesOf, textOf, type Argv, type Bytes } from '../../src/bytes.ts';
import { asError, LeftBehind, shown } from '../../src/errors.ts';
import { localPlace } from '../../src/place/local.ts';
import type { Place } from '../../src/place/place.ts';
import type { Context, Regime, Testbed } from '../../src/regime.ts';
import type { Address } from './address.ts';
import { prepareAuxverbs } from './auxverbs.ts';
import { noteRequest, unanswered } from './requests.ts';
import { checkEngine } from './check.ts';
import { captureRecipe } from './capture.ts';
import { removeSession, SESSION_LABEL } from './containers.ts';
import { ownDirectory } from './directory.ts';
import { connectEngine, type Engine } from './engine.ts';
import { findImage, type Image } from './image.ts';
import { reachKept, type Kept } from './keep.ts';
import { dockerOptions } from './options.ts';
import { bootsInit, engineTraits, firstProcess, prepareForInit } from './init.ts';
import type { Recipe } from './recipe.ts';
import { findSharing } from './sharing.ts';
import { offersFor, readSettings, type DockerSettings } from './settings.ts';
import { openShare, planShared, removeShare, type Share, type SharedState } from './shared.ts';
import { openTestbed } from './testbed.ts';
import { translateArguments } from './translate.ts';
import {
  openVolume,
  planVolume,
  removeVolume,
  type ShareVolume,
  type VolumeState,
} from './volume.ts';

/** Where to find what a testbed left: the engine, and the label and names of the containers. */
export interface DockerState {
  address: Address;
  session: string;
  /** The directory on this host that holds what auxverbs need. */
  directory: Bytes;
  /** What is shared with the containers, if anything is. */
  shared?: SharedState;
  /** The session share, if there is to be one and it can be a volume. */
  volume?: VolumeState;
  /** The image's id, once it is known. */
  image?: string;
  /** Where it was left to its user. */
  kept?: Kept;
}

function dockerRegime(
  name: 'docker' | 'podman',
  summary: string,
): Regime<DockerSettings, DockerState> {
  return {
    name,
    summary,
    operands: 'IMAGE [ARGUMENT]...',
    options: dockerOptions,
    passesArguments: true,
    outlivesOuter: true,
    configure: (given, local) => readSettings(given, name, local),
    foresee: ({ init }) => ({ root: true, reverts: 'everything', reboot: init === true }),
    offers: offersFor,
    check: (outer, context) => checkEngine(name, outer, context),
    plan: ({ address, shared, remote }, session) => ({
      address,
      session: session.id,
      directory: `${session.directory}/docker`,
      ...(session.share !== undefined && { volume: planVolume(session.id, session.share) }),
      ...(shared &&
        !remote &&
        address.url.startsWith('unix:') && {
          shared: planShared(shared.base, shared.there, session.id),
        }),
    }),
    holds: ({ image }, { session, address, volume }) =>
      `containers of ${shown(image)} with the label ${SESSION_LABEL}=${session} on ${address.url || 'the engine there'}${volume ? `, the volume ${volume.name} there` : ''}`,
    async open(settings, state, outer, context): Promise<Testbed> {
      const directory = ownDirectory(state.directory);
      let engine: Engine | undefined;
      let share: Share | undefined;
      const asked = new Set<string>();
      try {
        engine = await connectEngine(settings.address, outer, directory.short, context.signal);
        // What is behind another Place is reached from this host, by a relay.
        const near = outer.isHost ? outer : localPlace;
        const image = await findImage(engine, wantedImage(settings, state), near, context);
        const init = bootsInit(settings.init, image);
        const command = firstProcess(image, init);
        const capture = `${directory.short}/capture`;
        const recipe = await findRecipe(engine, near, settings, command, capture, context);
        recipe.body.Image = image.id;
        // What an init gets from us is no wish of the user's.
        const sharing = findSharing(recipe);
        if (init) prepareForInit(await engineTraits(engine), recipe);
        const hole = settings.shared && whyNotShared(engine, state, init);
        if (hole) context.log.warn(`downtmp-host is not advertised: ${hole}`);
        else if (state.shared) {
          await context.checkpoint({ ...state, image: image.id });
          const { session } = state;
          share = openShare(state.shared, { engine, outer, image: image.id, session });
        }
        const auxverbs = prepareAuxverbs(engine, directory);
        const note = (name: string) => {
          asked.add(name);
          return noteRequest(state.directory, name);
        };
        const volume = await shareVolume(engine, state, recipe, image, note);
        const { standby } = settings;
        const parts = { engine, recipe, sharing, init, auxverbs, note, standby };
        return await openTestbed(
          { ...parts, ...(share && { share }), ...(volume && { volume }) },
          state,
          near,
          context,
        );
      } catch (cause) {
        try {
          if (engine && asked.size > 0) await takeAway(engine, state);
          await share?.remove();
          directory.remove();
        } catch (left) {
          directory.close();
          throw new LeftBehind(cause, asError(left));
        } finally {
          engine?.close();
        }
        throw cause;
      }
    },
    reach: (_settings, state, outer, { signal }) => reachKept(state, outer, signal),
    async discard({ address, session, shared, volume, image = '', ...state }, outer, { signal }) {
      const directory = ownDirectory(state.directory);
      let engine: Engine | undefined;
      try {
        engine = await connectEngine(address, outer, directory.short, signal);
        const asked = unanswered(directory.path);
        const containers = asked.filter((name) => name !== volume?.name);
        await removeSession(engine, session, signal, containers);
        if (volume) await removeVolume(engine, volume, session, asked.includes(volume.name));
        if (shared && engine.local) await removeShare(shared, { engine, outer, image, session });
        directory.remove();
      } finally {
        engine?.close();
        directory.close();
      }
    },
  };
}

/** @throws TestbedError where something of it is left on the engine */
async function takeAway(engine: Engine, { session, volume }: DockerState): Promise<void> {
  await removeSession(engine, session, AbortSignal.timeout(60_000));
  if (volume) await removeVolume(engine, volume, session);
}

/** The session share as a volume, which every container of the session has. */
async function shareVolume(
  engine: Engine,
  { volume, session }: DockerState,
  recipe: Recipe,
  image: Image,
  note: (name: string) => () => void,
): Promise<ShareVolume | undefined> {
  if (!volume) return undefined;
  const answered = note(volume.name);
  return openVolume(engine, volume, session, recipe, image).finally(answered);
}

/** What is made anew is made of the same image, wherever its name points to by now. */
function wantedImage(settings: DockerSettings, { image }: DockerState): DockerSettings {
  return image === undefined ? settings : { ...settings, image: bytesOf(image), pull: 'never' };
}

/** What speaks against a shared directory that the user wished for. */
function whyNotShared(
  { local }: Engine,
  { shared }: DockerState,
  init: boolean,
): string | undefined {
  if (!local || !shared) return 'the engine is on another machine';
  // A hole in what --init promises: isolation-container.
  return init ? 'a container with an init of its own shares nothing' : undefined;
}

/** How containers are made: in the docker command's words, or in ours where there is none. */
async function findRecipe(
  engine: Engine,
  near: Place,
  { image, args }: DockerSettings,
  command: Argv,
  socketPath: Bytes,
  { signal }: Context,
): Promise<Recipe> {
  const words = [...args, image, ...command];
  const captured = await captureRecipe(engine, near, socketPath, words, signal);
  const recipe = captured ?? translateArguments(args, textOf(image), command);
  // What the image would start with our command as its arguments is no testbed.
  recipe.body.Entrypoint ??= [];
  // What ends is still to be looked at, and removed by us.
  recipe.body.HostConfig = { ...recipe.body.HostConfig, AutoRemove: false };
  return recipe;
}

/** Containers of a Docker engine. */
export const regime = dockerRegime(
  'docker',
  "a container of Docker's engine, or of podman's service",
);

/** The same with podman's service. */
export const podman = dockerRegime('podman', "a container of podman's service");
